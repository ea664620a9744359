// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/wrapper_names.h"

#include <algorithm>
#include <array>
#include <vector>

namespace permafrost {
namespace {

constexpr std::array<std::string_view, 6> kWrappers{
    "module",      "_orig_mod",      "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
    "_fpw_module", "_forward_module"};

bool is_wrapper(std::string_view part) {
  return std::find(kWrappers.begin(), kWrappers.end(), part) != kWrappers.end();
}

}  // namespace

std::string without_wrappers(std::string_view name) {
  std::vector<std::string_view> parts;
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
    const std::string_view part = name.substr(0, dot);
    name.remove_prefix(dot + 1);
    if (part == "model" && !parts.empty() && parts.back() == "base_model")
      parts.pop_back();
    else if (!is_wrapper(part))
      parts.push_back(part);
  }
  std::string bare;
  for (const auto part : parts) (bare += part) += '.';
  return bare.append(name);
}

std::string common_prefix(const NamedTensors& tensors) {
  if (tensors.empty()) return "";
  std::string_view start = tensors.front().first;
  for (const auto& [name, tensor] : tensors) {
    const auto end = std::mismatch(start.begin(), start.end(), name.begin(), name.end()).first;
    start = start.substr(0, static_cast<std::size_t>(end - start.begin()));
  }
  const std::size_t dot = start.rfind('.');
  return std::string(start.substr(0, dot == std::string_view::npos ? 0 : dot + 1));
}

}  // namespace permafrost
