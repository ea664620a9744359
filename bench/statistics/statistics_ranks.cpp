// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics/statistics_ranks.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string>

#include "bench/statistics/statistics.h"
#include "common/error.h"
#include "common/random.h"

namespace permafrost {
namespace {

constexpr std::size_t kMostForExact = 8;  // 8! = 40,320 pairings
constexpr int kRandomPairings = 9999;

std::vector<std::size_t> order_of(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  return order;
}

// 0 where a side is constant: there is nothing to correlate.
double pearson(const std::vector<double>& a, const std::vector<double>& b) {
  const double mean_a = mean_of(a), mean_b = mean_of(b);
  double both = 0, only_a = 0, only_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    both += (a[i] - mean_a) * (b[i] - mean_b);
    only_a += (a[i] - mean_a) * (a[i] - mean_a);
    only_b += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return only_a > 0 && only_b > 0 ? both / std::sqrt(only_a * only_b) : 0;
}

double tau_b(const std::vector<double>& a, const std::vector<double>& b) {
  const auto sign = [](double x) { return (x > 0) - (x < 0); };
  double both = 0, untied_a = 0, untied_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const int in_a = sign(a[i] - a[j]), in_b = sign(b[i] - b[j]);
      both += in_a * in_b;
      untied_a += in_a * in_a;
      untied_b += in_b * in_b;
    }
  }
  return untied_a > 0 && untied_b > 0 ? both / std::sqrt(untied_a * untied_b) : 0;
}

template <typename Statistic>
std::optional<RankCorrelation> tested(const std::vector<double>& a, const std::vector<double>& b,
                                      const Statistic& statistic) {
  if (a.size() != b.size())
    throw Error("statistics: " + std::to_string(a.size()) + " values against " +
                std::to_string(b.size()));
  const auto constant = [](const std::vector<double>& values) {
    return std::equal(values.begin() + 1, values.end(), values.begin());
  };
  if (a.size() < 3 || constant(a) || constant(b)) return std::nullopt;
  RankCorrelation found{.value = statistic(a, b), .exact = a.size() <= kMostForExact};
  std::vector<double> shuffled(b.size());
  std::vector<std::int64_t> pairing(b.size());
  std::iota(pairing.begin(), pairing.end(), 0);
  double as_extreme = 0, tried = 0;
  const auto attempt = [&] {
    for (std::size_t i = 0; i < b.size(); ++i)
      shuffled[i] = b[static_cast<std::size_t>(pairing[i])];
    as_extreme += std::abs(statistic(a, shuffled)) >= std::abs(found.value) - 1e-12;
    tried += 1;
  };
  attempt();  // the pairing that was observed counts, in both ways of counting
  if (found.exact) {
    while (std::next_permutation(pairing.begin(), pairing.end())) attempt();
  } else {
    RandomStream stream({.purpose = "statistics.pairings"});
    for (int k = 0; k < kRandomPairings; ++k) {
      pairing = stream.permutation(static_cast<std::int64_t>(b.size()));
      attempt();
    }
  }
  found.p = as_extreme / tried;
  return found;
}

}  // namespace

std::optional<double> average_precision(const std::vector<double>& scores,
                                        const std::vector<bool>& positive) {
  if (scores.size() != positive.size())
    throw Error("statistics: " + std::to_string(scores.size()) + " scores against " +
                std::to_string(positive.size()) + " labels");
  auto order = order_of(scores);
  std::reverse(order.begin(), order.end());
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
                                             const std::vector<int>& labels) {
  if (scores.size() != labels.size())
    throw Error("statistics: scores of " + std::to_string(scores.size()) + " samples against " +
                std::to_string(labels.size()) + " labels");
  const std::size_t classes = scores.empty() ? 0 : scores[0].size();
  std::vector<double> found;
  for (std::size_t c = 0; c < classes; ++c) {
    std::vector<double> column;
    std::vector<bool> positive;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (scores[i].size() != classes)
        throw Error("statistics: sample " + std::to_string(i) + " has " +
                    std::to_string(scores[i].size()) + " scores, the first " +
                    std::to_string(classes));
      column.push_back(scores[i][c]);
      positive.push_back(labels[i] == static_cast<int>(c));
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

LeftOut left_out(const std::vector<std::vector<float>>& scores, const std::vector<int>& labels,
                 int label) {
  const auto c = static_cast<std::size_t>(label);
  const std::size_t n = scores.size();
  struct Positive {
    std::size_t sample = 0;
    double right = 0, all = 0;  // samples of the class and of all that score at least as high
  };
  std::vector<Positive> seen;  // positives with scores; the others add nothing
  LeftOut out{.without = std::vector<double>(n, 0)};
  for (std::size_t i = 0; i < n; ++i) {
    if (labels[i] != label) continue;
    ++out.positives;
    if (scores[i].empty()) continue;
    Positive positive{.sample = i};
    for (std::size_t k = 0; k < n; ++k) {
      if (scores[k].empty() || scores[k][c] < scores[i][c]) continue;
      positive.all += 1;
      positive.right += labels[k] == label ? 1 : 0;
    }
    seen.push_back(positive);
  }
  for (const auto& positive : seen) out.whole += positive.right / positive.all;
  out.whole /= static_cast<double>(out.positives);
  for (std::size_t k = 0; k < n; ++k) {
    const double own = labels[k] == label ? 1 : 0;
    const double rest = static_cast<double>(out.positives) - own;
    if (rest < 1) continue;
    for (const auto& positive : seen) {
      if (positive.sample == k) continue;
      const bool above = !scores[k].empty() && scores[k][c] >= scores[positive.sample][c];
      out.without[k] += (positive.right - (above ? own : 0)) / (positive.all - (above ? 1 : 0));
    }
    out.without[k] /= rest;
  }
  return out;
}

}  // namespace

std::vector<double> average_precision_values(const std::vector<std::vector<float>>& scores,
                                             const std::vector<int>& labels) {
  if (scores.size() != labels.size())
    throw Error("statistics: scores of " + std::to_string(scores.size()) + " samples against " +
                std::to_string(labels.size()) + " labels");
  const std::set<int> classes(labels.begin(), labels.end());
  for (const auto& row : scores)
    if (!row.empty() &&
        (*classes.begin() < 0 || static_cast<std::size_t>(*classes.rbegin()) >= row.size()))
      throw Error("statistics: label " + std::to_string(*classes.rbegin()) + " against " +
                  std::to_string(row.size()) + " scores");
  const auto n = static_cast<double>(labels.size());
  std::vector<double> without(labels.size(), 0), values(labels.size(), 0);
  std::vector<double> left(labels.size(), 0);  // classes that are left without the sample
  double whole = 0;
  for (const int label : classes) {
    const LeftOut found = left_out(scores, labels, label);
    whole += found.whole / static_cast<double>(classes.size());
    for (std::size_t k = 0; k < labels.size(); ++k) {
      without[k] += found.without[k];
      left[k] += found.positives > (labels[k] == label ? 1U : 0U) ? 1 : 0;
    }
  }
  for (std::size_t k = 0; k < values.size(); ++k)
    values[k] = left[k] > 0 ? n * whole - (n - 1) * without[k] / left[k] : whole;
  const double shift = whole - mean_of(values);
  for (auto& value : values) value += shift;
  return values;
}

std::vector<double> midranks(const std::vector<double>& values) {
  const auto order = order_of(values);
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double shared = static_cast<double>(begin + end + 1) / 2;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = shared;
  }
  return ranks;
}

std::optional<RankCorrelation> spearman(const std::vector<double>& a,
                                        const std::vector<double>& b) {
  return tested(midranks(a), midranks(b), pearson);
}

std::optional<RankCorrelation> kendall(const std::vector<double>& a, const std::vector<double>& b) {
  return tested(a, b, tau_b);
}

}  // namespace permafrost
