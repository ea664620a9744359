// SPDX-License-Identifier: Apache-2.0
#include "models/training/adamw.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <map>

#include "common/error.h"

namespace permafrost {

void AdamW::add(const NamedTensors& tensors, double learning_rate_scale) {
  const std::size_t base = groups_.size();
  groups_.resize(base + 2);
  groups_[base + 1].decayed = false;
  for (auto& group : {base, base + 1}) groups_[group].learning_rate_scale = learning_rate_scale;
  for (const auto& [name, tensor] : tensors) {
    const bool plain = tensor.dim() == 1 || name.find("bias") != std::string::npos;
    const std::size_t g = base + (plain ? 1 : 0);
    entries_.push_back({name, g, groups_[g].parameters.size()});
    groups_[g].parameters.push_back(tensor.detach());
    groups_[g].first.push_back(at::zeros_like(tensor));
    groups_[g].second.push_back(at::zeros_like(tensor));
  }
}

void AdamW::step(const std::vector<at::Tensor>& gradients, double learning_rate,
                 double weight_decay) {
  const at::NoGradGuard no_grad;
  ++steps_;
  std::vector<std::vector<at::Tensor>> sorted(groups_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i)
    sorted[entries_[i].group].push_back(gradients.at(i));
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    AdamGroup& group = groups_[g];
    if (group.parameters.empty()) continue;
    // The kernel wants the step after this update for every parameter, and only reads it.
    const std::vector<at::Tensor> counts(
        group.parameters.size(),
        at::full({}, static_cast<double>(steps_), group.parameters[0].options()));
    at::_fused_adamw_(group.parameters, sorted[g], group.first, group.second, {}, counts,
                      learning_rate * group.learning_rate_scale, 0.9, 0.999,
                      group.decayed ? weight_decay : 0.0, 1e-8, false, false);
  }
}

NamedTensors AdamW::state() const {
  NamedTensors state;
  for (const auto& entry : entries_) {
    state.emplace_back("optimizer.first." + entry.name, groups_[entry.group].first[entry.place]);
    state.emplace_back("optimizer.second." + entry.name, groups_[entry.group].second[entry.place]);
  }
  return state;
}

void AdamW::restore(const NamedTensors& state, std::int64_t steps) {
  std::map<std::string, at::Tensor> by_name(state.begin(), state.end());
  for (auto& entry : entries_) {
    AdamGroup& group = groups_[entry.group];
    const auto take = [&](const std::string& name, at::Tensor& into) {
      const auto it = by_name.find(name);
      if (it == by_name.end() || !it->second.sizes().equals(into.sizes()))
        throw InputError("checkpoint", name, c10::str("a tensor ", into.sizes()), "none like it");
      into.copy_(it->second);
    };
    take("optimizer.first." + entry.name, group.first[entry.place]);
    take("optimizer.second." + entry.name, group.second[entry.place]);
  }
  steps_ = steps;
}

}  // namespace permafrost
