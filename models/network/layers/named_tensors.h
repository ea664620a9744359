// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tensors by name, as files hold them and as networks are visited.
#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace permafrost {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;
using TensorVisitor = std::function<void(const std::string& name, at::Tensor& tensor)>;

std::vector<at::Tensor> values_of(const NamedTensors& tensors);

// "3 of 128 values are not finite numbers"; empty where all are.
std::string not_finite_text(const at::Tensor& tensor);

// For writers of what readers refuse. Throws Error naming `file` and the first tensor that has
// values which are not finite.
void require_finite(const NamedTensors& tensors, const std::string& file);

// SHA-256 over names, shapes and values (as little-endian bytes of their dtype), in visiting order.
std::string hash_of(const NamedTensors& tensors);

}  // namespace permafrost
