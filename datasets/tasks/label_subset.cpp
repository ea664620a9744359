// SPDX-License-Identifier: Apache-2.0
#include "datasets/tasks/label_subset.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "common/random.h"

namespace permafrost {
namespace {

struct Group {
  std::vector<std::int64_t> samples;
  std::map<int, double> classes;  // samples of each
};

std::vector<Group> shuffled_groups(const std::vector<Target>& targets,
                                   const std::vector<std::int64_t>& groups,
                                   const std::vector<std::int64_t>& train, std::uint64_t seed) {
  std::map<std::int64_t, Group> by_group;
  for (const auto i : train) {
    Group& group = by_group[groups[static_cast<std::size_t>(i)]];
    group.samples.push_back(i);
    for (const int label : shares_of(targets[static_cast<std::size_t>(i)]))
      group.classes[label] += 1;
  }
  std::vector<Group> all, shuffled;
  for (auto& [number, group] : by_group) all.push_back(std::move(group));
  for (const auto k : RandomStream({.seed = seed, .purpose = "task.low_shot"})
                          .permutation(static_cast<std::int64_t>(all.size())))
    shuffled.push_back(std::move(all[static_cast<std::size_t>(k)]));
  return shuffled;
}

// How far the classes are from their shares.
class Shares {
 public:
  Shares(const std::vector<Group>& groups, double fraction) {
    for (const auto& group : groups)
      for (const auto& [label, samples] : group.classes) wanted_[label] += samples;
    for (auto& [label, samples] : wanted_) samples = std::max(1.0, std::round(fraction * samples));
  }
  bool nearer_with(const Group& group) const {
    double change = 0;
    for (const auto& [label, samples] : group.classes) {
      const double wanted = wanted_.at(label), off = have(label) - wanted;
      change += (std::pow(off + samples, 2) - std::pow(off, 2)) / (wanted * wanted);
    }
    return change < 0;
  }
  bool fills_an_empty_class(const Group& group) const {
    return std::any_of(group.classes.begin(), group.classes.end(),
                       [&](const auto& item) { return have(item.first) == 0; });
  }
  void take(const Group& group) {
    for (const auto& [label, samples] : group.classes) have_[label] += samples;
  }

 private:
  double have(int label) const {
    const auto it = have_.find(label);
    return it == have_.end() ? 0 : it->second;
  }
  std::map<int, double> wanted_, have_;
};

}  // namespace

std::vector<std::int64_t> label_subset(const std::vector<Target>& targets,
                                       const std::vector<std::int64_t>& groups,
                                       const std::vector<std::int64_t>& train, double fraction,
                                       std::uint64_t seed) {
  const auto order = shuffled_groups(targets, groups, train, seed);
  Shares shares(order, fraction);
  std::vector<bool> taken(order.size(), false);
  const auto pass = [&](const auto& wanted) {
    for (std::size_t k = 0; k < order.size(); ++k) {
      if (taken[k] || !wanted(order[k])) continue;
      taken[k] = true;
      shares.take(order[k]);
    }
  };
  pass([&](const Group& group) { return shares.nearer_with(group); });
  pass([&](const Group& group) { return shares.fills_an_empty_class(group); });
  std::vector<std::int64_t> subset;
  for (std::size_t k = 0; k < order.size(); ++k)
    if (taken[k]) subset.insert(subset.end(), order[k].samples.begin(), order[k].samples.end());
  std::sort(subset.begin(), subset.end());
  return subset;
}

}  // namespace permafrost
