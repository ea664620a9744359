// SPDX-License-Identifier: Apache-2.0
#include "bench/evaluate/diagnosis.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "datasets/measures/measure.h"

namespace permafrost {
namespace {

constexpr int kExactClasses = 512;

std::vector<int> greedy_renaming(const Confusion& counts, int classes) {
  std::vector<std::pair<std::int64_t, std::pair<int, int>>> order;
  for (const auto& [pair, count] : counts) order.emplace_back(count, pair);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  const auto n = static_cast<std::size_t>(classes);
  std::vector<int> to(n, -1);
  std::vector<char> taken(n, 0);
  const auto take = [&](int from, int label) {
    if (to[static_cast<std::size_t>(from)] >= 0 || taken[static_cast<std::size_t>(label)] != 0)
      return;
    to[static_cast<std::size_t>(from)] = label;
    taken[static_cast<std::size_t>(label)] = 1;
  };
  for (const auto& [count, pair] : order) take(pair.first, pair.second);
  for (int k = 0; k < classes; ++k) take(k, k);
  int next = 0;
  for (int k = 0; k < classes; ++k) {
    while (next < classes && taken[static_cast<std::size_t>(next)] != 0) ++next;
    if (next < classes) take(k, next);
  }
  return to;
}

// Rows are added one at a time along shortest augmenting paths; index 0 stands for "none".
std::vector<int> exact_renaming(const std::vector<std::int64_t>& gain, int classes) {
  constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max() / 4;
  const auto n = static_cast<std::size_t>(classes);
  std::vector<std::int64_t> row_price(n + 1, 0), column_price(n + 1, 0);
  std::vector<std::size_t> row_of(n + 1, 0), came_from(n + 1, 0);
  for (std::size_t row = 1; row <= n; ++row) {
    std::vector<std::int64_t> slack(n + 1, kFar);
    std::vector<char> used(n + 1, 0);
    std::size_t column = 0;
    row_of[0] = row;
    do {
      used[column] = 1;
      const std::size_t at = row_of[column];
      std::int64_t least = kFar;
      std::size_t nearest = 0;
      for (std::size_t j = 1; j <= n; ++j) {
        if (used[j] != 0) continue;
        const std::int64_t cost = -gain[(at - 1) * n + j - 1] - row_price[at] - column_price[j];
        if (cost < slack[j]) {
          slack[j] = cost;
          came_from[j] = column;
        }
        if (slack[j] < least) {
          least = slack[j];
          nearest = j;
        }
      }
      for (std::size_t j = 0; j <= n; ++j) {
        if (used[j] != 0) {
          row_price[row_of[j]] += least;
          column_price[j] -= least;
        } else {
          slack[j] -= least;
        }
      }
      column = nearest;
    } while (row_of[column] != 0);
    for (; column != 0; column = came_from[column]) row_of[column] = row_of[came_from[column]];
  }
  std::vector<int> to(n, 0);
  for (std::size_t j = 1; j <= n; ++j) to[row_of[j] - 1] = static_cast<int>(j - 1);
  return to;
}

// Samples of every class by turns in one half and the other.
std::vector<int> halves_of(const std::vector<int>& labels, int classes) {
  std::vector<int> seen(static_cast<std::size_t>(classes), 0), half;
  for (const int label : labels) half.push_back(seen[static_cast<std::size_t>(label)]++ % 2);
  return half;
}

// Of the samples of a half; of all for -1.
Confusion confusion(const std::vector<int>& labels, const std::vector<int>& predictions,
                    const std::vector<int>& half, int which) {
  Confusion counts;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (predictions[i] >= 0 && (which < 0 || half[i] == which))
      ++counts[{predictions[i], labels[i]}];
  return counts;
}

void try_renaming(const std::vector<int>& labels, const std::vector<int>& predictions, int classes,
                  const Interval& ci95, Diagnosis& out) {
  const auto half = halves_of(labels, classes);
  std::int64_t right = 0;
  for (const int fitted : {0, 1}) {
    const auto to = best_renaming(confusion(labels, predictions, half, fitted), classes);
    for (std::size_t i = 0; i < labels.size(); ++i)
      if (predictions[i] >= 0 && half[i] != fitted)
        right += to[static_cast<std::size_t>(predictions[i])] == labels[i] ? 1 : 0;
  }
  const auto n = static_cast<std::int64_t>(labels.size());
  out.renamed = n == 0 ? 0 : 100.0 * static_cast<double>(right) / static_cast<double>(n);
  out.renamed_ci95 = wilson_interval(right, n);
  out.other_order = out.renamed_ci95.low > std::max({ci95.high, out.chance, out.majority});
  if (out.other_order)
    out.renaming = best_renaming(confusion(labels, predictions, half, -1), classes);
}

// Class k of the head as the k-th of the keys in order.
template <typename Key>
std::vector<int> sorted_order(int classes, const std::function<Key(int)>& key) {
  std::vector<int> order(static_cast<std::size_t>(classes));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return key(a) < key(b); });
  return order;
}

std::vector<int> inverse_of(const std::vector<int>& order) {
  std::vector<int> inverse(order.size());
  for (std::size_t k = 0; k < order.size(); ++k)
    inverse[static_cast<std::size_t>(order[k])] = static_cast<int>(k);
  return inverse;
}

std::int64_t agreeing(const Confusion& counts, const std::vector<int>& order) {
  std::int64_t sum = 0;
  for (const auto& [pair, count] : counts)
    if (order[static_cast<std::size_t>(pair.first)] == pair.second) sum += count;
  return sum;
}

// Does the candidate order explain nearly all of what the best one does?
bool explains(const std::vector<int>& order, const std::vector<int>& best,
              const Confusion& counts) {
  return agreeing(counts, order) * 10 >= agreeing(counts, best) * 9;
}

// By how much most labels are larger than the class that they are predicted as, in a circle.
int likely_shift(const Confusion& counts, int classes) {
  std::vector<std::int64_t> votes(static_cast<std::size_t>(classes), 0);
  for (const auto& [pair, count] : counts)
    votes[static_cast<std::size_t>((pair.second - pair.first + classes) % classes)] += count;
  return static_cast<int>(std::max_element(votes.begin(), votes.end()) - votes.begin());
}

std::string shift_text(int shift, int classes) {
  return shift * 2 <= classes
             ? "labels are " + std::to_string(shift) + " larger than the head's numbers"
             : "labels are " + std::to_string(classes - shift) + " smaller than the head's numbers";
}

std::string pattern_of(const std::vector<int>& best, const Confusion& counts,
                       const std::vector<std::string>& class_names) {
  const int classes = static_cast<int>(best.size());
  const int shift = likely_shift(counts, classes);
  std::vector<int> order(best.size());
  for (int k = 0; k < classes; ++k) order[static_cast<std::size_t>(k)] = (k + shift) % classes;
  if (shift > 0 && explains(order, best, counts)) return shift_text(shift, classes);
  const auto as_text = sorted_order<std::string>(classes, [](int k) { return std::to_string(k); });
  if (explains(as_text, best, counts) || explains(inverse_of(as_text), best, counts))
    return "one side has numbers sorted as text (0, 1, 10, 11, ...)";
  if (class_names.size() != best.size()) return "";
  const auto by_name = sorted_order<std::string>(
      classes, [&](int k) { return class_names[static_cast<std::size_t>(k)]; });
  if (explains(by_name, best, counts))
    return "the head counts the classes in alphabetical order of their names";
  return "";
}

}  // namespace

std::vector<int> best_renaming(const Confusion& counts, int classes) {
  if (classes > kExactClasses) return greedy_renaming(counts, classes);
  const auto n = static_cast<std::size_t>(classes);
  std::vector<std::int64_t> gain(n * n, 0);
  const auto cell = [&](int from, int label) -> std::int64_t& {
    return gain[static_cast<std::size_t>(from) * n + static_cast<std::size_t>(label)];
  };
  for (const auto& [pair, count] : counts) cell(pair.first, pair.second) = count * (classes + 1);
  // All of them are less than one sample: they decide among equals only.
  for (int k = 0; k < classes; ++k) ++cell(k, k);
  return exact_renaming(gain, classes);
}

Diagnosis diagnose(const std::vector<int>& labels, const std::vector<int>& predictions, int classes,
                   const Interval& ci95, const std::vector<std::string>& class_names) {
  Diagnosis out;
  std::vector<std::int64_t> by_label(static_cast<std::size_t>(classes), 0),
      by_prediction = by_label;
  std::int64_t read = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    ++by_label[static_cast<std::size_t>(labels[i])];
    if (predictions[i] < 0) continue;
    ++by_prediction[static_cast<std::size_t>(predictions[i])];
    ++read;
  }
  const auto share = [](std::int64_t count, std::int64_t of) {
    return of == 0 ? 0 : 100.0 * static_cast<double>(count) / static_cast<double>(of);
  };
  const auto most = std::max_element(by_prediction.begin(), by_prediction.end());
  out.chance = chance_of(default_measure(), classes);
  out.majority = share(*std::max_element(by_label.begin(), by_label.end()),
                       static_cast<std::int64_t>(labels.size()));
  // With one label only, always naming it is no rival.
  const bool rival = std::count_if(by_label.begin(), by_label.end(),
                                   [](std::int64_t count) { return count > 0; }) > 1;
  out.at_chance = ci95.low <= std::max(out.chance, rival ? out.majority : 0);
  out.most_predicted = read == 0 ? -1 : static_cast<int>(most - by_prediction.begin());
  out.predicted_share = share(*most, read);
  try_renaming(labels, predictions, classes, ci95, out);
  if (out.other_order)
    out.pattern = pattern_of(out.renaming, confusion(labels, predictions, {}, -1), class_names);
  return out;
}

}  // namespace permafrost
