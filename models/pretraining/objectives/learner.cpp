// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/learner.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace permafrost {

at::Tensor with_extras(const at::Tensor& loss, const BlockTrace& trace, StepFigures* figures) {
  at::Tensor total = loss;
  for (const auto& [name, extra] : trace.losses) total = total + extra;
  if (figures == nullptr) return total;
  for (const auto& told : {trace.losses, trace.statistics})
    for (const auto& [name, value] : told) figures->add(name, value.detach().item<double>());
  return total;
}

NamedTensors tensors_of(const WeightGroup& group) {
  NamedTensors tensors;
  group.visit([&](const std::string& name, at::Tensor& tensor) {
    tensors.emplace_back(group.name + "." + name, tensor);
  });
  return tensors;
}

NamedTensors tensors_of(Learner& learner) {
  NamedTensors all;
  for (const auto& group : learner.groups())
    for (auto& named : tensors_of(group)) all.push_back(std::move(named));
  return all;
}

NamedTensors tables_of(Learner& learner) {
  NamedTensors all;
  for (const auto& group : learner.groups())
    group.visit_tables([&](const std::string& name, at::Tensor& tensor) {
      all.emplace_back(group.name + "." + name, tensor);
    });
  return all;
}

std::vector<WeightGroup> trained_groups(Learner& learner) {
  std::vector<WeightGroup> trained;
  for (auto& group : learner.groups())
    if (group.role == Role::trained) trained.push_back(std::move(group));
  return trained;
}

void move_to(Learner& learner, const at::Device& device) {
  const auto move = [&](const std::string&, at::Tensor& tensor) {
    tensor = tensor.detach().to(device);
  };
  for (const auto& group : learner.groups()) {
    group.visit(move);
    group.visit_tables(move);
  }
}

std::unique_ptr<Learner> half_of(const Learner& learner) {
  auto half = learner.copy();
  for (const auto& group : half->groups()) {
    if (group.role == Role::measured) continue;
    group.visit([](const std::string& name, at::Tensor& tensor) {
      tensor = at::empty_like(tensor, stays_float32(name) ? at::kFloat : at::kBFloat16);
    });
    group.visit_tables(
        [](const std::string&, at::Tensor& tensor) { tensor = tensor.to(at::kBFloat16); });
  }
  return half;
}

void copy_values(Learner& to, Learner& from) {
  const at::NoGradGuard no_grad;
  at::_foreach_copy_(values_of(tensors_of(to)), values_of(tensors_of(from)));
}

std::unique_ptr<Learner> with_leaves(const Learner& learner, std::vector<at::Tensor>& leaves) {
  auto alias = learner.copy();
  for (const auto& group : trained_groups(*alias))
    group.visit([&](const std::string&, at::Tensor& tensor) {
      tensor = tensor.detach();
      tensor.set_requires_grad(true);
      leaves.push_back(tensor);
    });
  return alias;
}

}  // namespace permafrost
