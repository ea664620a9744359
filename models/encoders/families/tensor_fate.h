// SPDX-License-Identifier: Apache-2.0
#pragma once

// What became of every tensor of a file while an encoder was made of it. Nothing is skipped in
// silence: what is known to be unused is named in the family's map.
#include <string>
#include <vector>

namespace permafrost {

enum class Fate { used, known_unused, missing, unexpected, mismatched, not_finite };
const char* name_of(Fate fate);  // "used", "known unused", ...

struct TensorFate {
  std::string name;  // as the file has it; where it is missing, as the file should have it
  Fate fate = Fate::used;
  std::string note;  // what it is of ours, or what was expected and found
};

// "2 missing: a, b; 1 unexpected: c"; empty where every tensor is used or known to be unused.
std::string complaint_of(const std::vector<TensorFate>& fates);

}  // namespace permafrost
