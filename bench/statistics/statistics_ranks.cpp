// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics/statistics_ranks.h"

#include <algorithm>
#include <cmath>
#include <numeric>
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
