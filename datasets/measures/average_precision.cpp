// SPDX-License-Identifier: Apache-2.0
#include "datasets/measures/average_precision.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <string>

#include "common/error.h"

namespace permafrost {
namespace {

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Highest first; of equal scores the last sample.
std::vector<std::size_t> falling_order_of(const std::vector<double>& scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  std::reverse(order.begin(), order.end());
  return order;
}

void require_as_many(std::size_t scores, std::size_t targets) {
  if (scores != targets)
    throw Error("average precision: scores of " + std::to_string(scores) + " samples against " +
                std::to_string(targets) + " labels");
}

}  // namespace

std::optional<double> average_precision(const std::vector<double>& scores,
                                        const std::vector<bool>& positive) {
  if (scores.size() != positive.size())
    throw Error("average precision: " + std::to_string(scores.size()) + " scores against " +
                std::to_string(positive.size()) + " labels");
  const auto order = falling_order_of(scores);
  double area = 0, right = 0, before = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    right += positive[order[i]] ? 1 : 0;
    const bool last_of_ties = i + 1 == order.size() || scores[order[i + 1]] < scores[order[i]];
    if (!last_of_ties) continue;
    area += (right - before) * right / static_cast<double>(i + 1);
    before = right;
  }
  if (right == 0) return std::nullopt;
  return area / right;
}

std::optional<double> mean_average_precision(const std::vector<std::vector<double>>& scores,
                                             const std::vector<Target>& targets) {
  require_as_many(scores.size(), targets.size());
  const std::size_t classes = scores.empty() ? 0 : scores[0].size();
  std::vector<double> found;
  for (std::size_t c = 0; c < classes; ++c) {
    std::vector<double> column;
    std::vector<bool> positive;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (scores[i].size() != classes)
        throw Error("average precision: sample " + std::to_string(i) + " has " +
                    std::to_string(scores[i].size()) + " scores, the first " +
                    std::to_string(classes));
      column.push_back(scores[i][c]);
      positive.push_back(targets[i].has(static_cast<int>(c)));
    }
    if (const auto precision = average_precision(column, positive)) found.push_back(*precision);
  }
  if (found.empty()) return std::nullopt;
  return mean_of(found);
}

namespace {

// Average precision of one class and what it is without each sample in turn.
struct LeftOut {
  double whole = 0;
  std::size_t positives = 0;
  std::vector<double> without;  // [n]; 0 where no positive sample is left
};

// `positive` [n]: whether the class is true of the sample.
LeftOut left_out(const std::vector<std::vector<float>>& scores, const std::vector<bool>& positive,
                 std::size_t c) {
  const std::size_t n = scores.size();
  struct Positive {
    std::size_t sample = 0;
    double right = 0, all = 0;  // samples of the class and of all that score at least as high
  };
  std::vector<Positive> seen;  // positives with scores; the others add nothing
  LeftOut out{.without = std::vector<double>(n, 0)};
  for (std::size_t i = 0; i < n; ++i) {
    if (!positive[i]) continue;
    ++out.positives;
    if (scores[i].empty()) continue;
    Positive found{.sample = i};
    for (std::size_t k = 0; k < n; ++k) {
      if (scores[k].empty() || scores[k][c] < scores[i][c]) continue;
      found.all += 1;
      found.right += positive[k] ? 1 : 0;
    }
    seen.push_back(found);
  }
  for (const auto& one : seen) out.whole += one.right / one.all;
  out.whole /= static_cast<double>(out.positives);
  for (std::size_t k = 0; k < n; ++k) {
    const double own = positive[k] ? 1 : 0;
    const double rest = static_cast<double>(out.positives) - own;
    if (rest < 1) continue;
    for (const auto& one : seen) {
      if (one.sample == k) continue;
      const bool above = !scores[k].empty() && scores[k][c] >= scores[one.sample][c];
      out.without[k] += (one.right - (above ? own : 0)) / (one.all - (above ? 1 : 0));
    }
    out.without[k] /= rest;
  }
  return out;
}

// Classes that are true of any sample, ascending. Throws Error for one that a sample has no score
// for.
std::set<int> occurring_classes(const std::vector<std::vector<float>>& scores,
                                const std::vector<Target>& targets) {
  std::set<int> classes;
  for (const auto& target : targets)
    for (const int label : target.labels()) classes.insert(label);
  for (const auto& row : scores)
    if (!row.empty() && !classes.empty() &&
        static_cast<std::size_t>(*classes.rbegin()) >= row.size())
      throw Error("average precision: label " + std::to_string(*classes.rbegin()) + " against " +
                  std::to_string(row.size()) + " scores");
  return classes;
}

}  // namespace

std::vector<double> average_precision_values(const std::vector<std::vector<float>>& scores,
                                             const std::vector<Target>& targets) {
  require_as_many(scores.size(), targets.size());
  const auto classes = occurring_classes(scores, targets);
  const auto n = static_cast<double>(targets.size());
  std::vector<double> without(targets.size(), 0), values(targets.size(), 0);
  std::vector<double> left(targets.size(), 0);  // classes that are left without the sample
  if (classes.empty()) return values;
  double whole = 0;
  for (const int label : classes) {
    std::vector<bool> positive;
    for (const auto& target : targets) positive.push_back(target.has(label));
    const LeftOut found = left_out(scores, positive, static_cast<std::size_t>(label));
    whole += found.whole / static_cast<double>(classes.size());
    for (std::size_t k = 0; k < targets.size(); ++k) {
      without[k] += found.without[k];
      left[k] += found.positives > (positive[k] ? 1U : 0U) ? 1 : 0;
    }
  }
  for (std::size_t k = 0; k < values.size(); ++k)
    values[k] = left[k] > 0 ? n * whole - (n - 1) * without[k] / left[k] : whole;
  const double shift = whole - mean_of(values);
  for (auto& value : values) value += shift;
  return values;
}

}  // namespace permafrost
