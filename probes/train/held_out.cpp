// SPDX-License-Identifier: Apache-2.0
#include "probes/train/held_out.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "common/error.h"
#include "common/random.h"

namespace permafrost {

Fold hold_out(const LabelledFeatures& features, const std::vector<std::int64_t>& groups,
              const std::vector<std::int64_t>& train, double share, std::uint64_t seed) {
  std::map<std::int64_t, std::vector<std::int64_t>> members;
  std::int64_t readable = 0;
  for (const auto i : train) {
    if (!features.failures[static_cast<std::size_t>(i)].empty()) continue;
    members[groups[static_cast<std::size_t>(i)]].push_back(i);
    ++readable;
  }
  if (members.size() < 2)
    throw InputError("training split", "", "at least two groups of readable samples",
                     std::to_string(members.size()));
  std::vector<std::vector<std::int64_t>> lists;
  for (auto& [group, list] : members) lists.push_back(std::move(list));
  const auto order = RandomStream({.seed = seed, .purpose = "probe.held_out"})
                         .permutation(static_cast<std::int64_t>(lists.size()));
  const auto wanted =
      std::max<std::int64_t>(1, std::llround(share * static_cast<double>(readable)));
  Fold cut;
  for (std::size_t k = 0; k < order.size(); ++k) {
    const auto& list = lists[static_cast<std::size_t>(order[k])];
    const bool last = k + 1 == order.size() && cut.train.empty();
    const bool hold = !last && static_cast<std::int64_t>(cut.test.size()) < wanted;
    auto& side = hold ? cut.test : cut.train;
    side.insert(side.end(), list.begin(), list.end());
  }
  std::sort(cut.train.begin(), cut.train.end());
  std::sort(cut.test.begin(), cut.test.end());
  return cut;
}

}  // namespace permafrost
