// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/families/tensor_fate.h"

#include <algorithm>

#include "common/nearest_name.h"

namespace permafrost {

const char* name_of(Fate fate) {
  switch (fate) {
    case Fate::used:
      return "used";
    case Fate::known_unused:
      return "known unused";
    case Fate::missing:
      return "missing";
    case Fate::unexpected:
      return "unexpected";
    case Fate::mismatched:
      return "mismatched";
    case Fate::not_finite:
      break;
  }
  return "not finite";
}

std::string complaint_of(const std::vector<TensorFate>& fates) {
  constexpr std::size_t kShown = 5;
  std::string report;
  for (const Fate kind : {Fate::missing, Fate::mismatched, Fate::not_finite, Fate::unexpected}) {
    const bool noted = kind == Fate::mismatched || kind == Fate::not_finite;
    std::vector<std::string> names;
    for (const auto& fate : fates)
      if (fate.fate == kind)
        names.push_back(noted ? fate.name + " (" + fate.note + ")" : fate.name);
    if (names.empty()) continue;
    const std::vector<std::string> first(
        names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, names.size())));
    report += (report.empty() ? "" : "; ") + std::to_string(names.size()) + " " + name_of(kind) +
              ": " + joined(first) + (names.size() > kShown ? ", ..." : "");
  }
  return report;
}

}  // namespace permafrost
