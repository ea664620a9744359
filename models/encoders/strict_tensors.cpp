// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/strict_tensors.h"

#include <ATen/ATen.h>

namespace permafrost {

StrictTensors::StrictTensors(const NamedTensors& tensors, std::vector<TensorFate>& fates)
    : fates_(fates) {
  for (const auto& [name, tensor] : tensors) {
    left_.emplace(name, tensor);
    order_.push_back(name);
  }
}

bool StrictTensors::has(const std::string& name) const { return left_.count(name) > 0; }

std::vector<std::int64_t> StrictTensors::shape_of(const std::string& name) const {
  const auto it = left_.find(name);
  return it == left_.end() ? std::vector<std::int64_t>() : it->second.sizes().vec();
}

void StrictTensors::take(const std::string& name, at::Tensor& into, at::IntArrayRef stored) {
  const auto it = left_.find(name);
  if (it == left_.end()) {
    fates_.push_back({name, Fate::missing, c10::str("expected ", into.sizes())});
    return;
  }
  const at::Tensor found = it->second;
  left_.erase(it);
  const bool fits = found.sizes() == into.sizes() || (!stored.empty() && found.sizes() == stored);
  if (!fits || !found.is_floating_point()) {
    fates_.push_back({name, Fate::mismatched,
                      c10::str("expected ", stored.empty() ? into.sizes() : stored, ", found ",
                               found.sizes(), " ", found.dtype().name())});
    return;
  }
  const at::Tensor values = found.to(at::kFloat).reshape(into.sizes()).contiguous();
  const std::string wrong = not_finite_text(values);
  fates_.push_back({name, wrong.empty() ? Fate::used : Fate::not_finite,
                    wrong.empty() ? c10::str(found.sizes()) : wrong});
  if (wrong.empty()) into = values;
}

void StrictTensors::leave() {
  for (const auto& name : order_)
    if (const auto it = left_.find(name); it != left_.end()) {
      fates_.push_back({name, Fate::unexpected, c10::str(it->second.sizes())});
      left_.erase(it);
    }
}

}  // namespace permafrost
