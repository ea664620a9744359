// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics/statistics_paired.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "bench/statistics/statistics_spread.h"
#include "common/error.h"

namespace permafrost {
namespace {

// Two means that differ by less were meant to be equal: sums of scores in another order.
constexpr double kEqual = 1e-9;

double binomial_half(std::int64_t k, std::int64_t n) {
  const auto total = static_cast<double>(n), part = static_cast<double>(k);
  return std::exp(std::lgamma(total + 1) - std::lgamma(part + 1) - std::lgamma(total - part + 1) -
                  total * std::log(2.0));
}

double share_of(std::ptrdiff_t found, std::size_t all) {
  return static_cast<double>(found + 1) / static_cast<double>(all + 1);
}

// Of the sorted means, those at `bound` or below, and those at `bound` or above.
double share_below(const Resamples& means, double bound) {
  const auto end = std::upper_bound(means.sorted.begin(), means.sorted.end(), bound + kEqual);
  return share_of(end - means.sorted.begin(), means.sorted.size());
}

double share_above(const Resamples& means, double bound) {
  const auto begin = std::lower_bound(means.sorted.begin(), means.sorted.end(), bound - kEqual);
  return share_of(means.sorted.end() - begin, means.sorted.size());
}

std::optional<std::int64_t> count(double z, double distance, double variance) {
  if (distance <= kEqual) return std::nullopt;
  const double needed = std::ceil(z * z * variance / (distance * distance));
  if (!(needed <= 1e9)) return std::nullopt;
  return std::max<std::int64_t>(2, static_cast<std::int64_t>(needed));
}

}  // namespace

Discordance discordance_of(const std::vector<double>& first, const std::vector<double>& second) {
  Discordance found;
  for (const double difference : differences(first, second)) {
    if (difference > 0) ++found.only_first;
    if (difference < 0) ++found.only_second;
  }
  return found;
}

double mcnemar_exact(const Discordance& d) {
  const std::int64_t n = d.only_first + d.only_second,
                     least = std::min(d.only_first, d.only_second);
  double tail = 0;
  for (std::int64_t k = 0; k <= least; ++k) tail += binomial_half(k, n);
  return std::min(1.0, 2 * tail);
}

double mcnemar_mid_p(const Discordance& d) {
  const std::int64_t n = d.only_first + d.only_second,
                     least = std::min(d.only_first, d.only_second);
  if (n == 0) return 1;
  const double as_extreme = binomial_half(least, n);
  if (d.only_first == d.only_second) return 1 - as_extreme / 2;
  return mcnemar_exact(d) - as_extreme;
}

double p_of_no_gap(const Resamples& means) { return p_of_equivalence(means, 0); }

double p_of_difference(const Resamples& means, double margin) {
  if (means.sorted.empty()) return 1;
  return std::max(share_below(means, -margin), share_above(means, margin));
}

double p_of_equivalence(const Resamples& means, double margin) {
  if (means.sorted.empty()) return 1;
  return std::min(1.0, 2 * std::min(share_below(means, margin), share_above(means, -margin)));
}

double p_of_worse(const Resamples& means, double margin) {
  return means.sorted.empty() ? 1 : share_below(means, -margin);
}

double p_of_not_worse(const Resamples& means, double margin) {
  return means.sorted.empty() ? 1 : std::min(1.0, 2 * share_above(means, -margin));
}

std::vector<double> holm_adjusted(const std::vector<double>& p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double highest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double times = static_cast<double>(order.size() - rank);
    highest = std::max(highest, std::min(1.0, times * p_values[order[rank]]));
    adjusted[order[rank]] = highest;
  }
  return adjusted;
}

std::optional<double> variance_a_sample(const std::vector<double>& scores,
                                        const std::vector<std::int64_t>& groups) {
  const auto units = resampling_units(scores, groups);
  if (units.size() < 2) return std::nullopt;
  const double mean = mean_of(scores), count = static_cast<double>(units.size());
  double squares = 0;
  for (const auto& unit : units) {
    const double residual = unit.sum - mean * unit.count;
    squares += residual * residual;
  }
  return squares * count / (count - 1) / static_cast<double>(scores.size());
}

std::optional<std::int64_t> count_to_find_gap(double gap, double variance, int tests) {
  const double z = normal_quantile(1 - 0.025 / std::max(1, tests)) + normal_quantile(0.8);
  return count(z, std::abs(gap), variance);
}

std::optional<std::int64_t> count_to_find_match(double gap, double margin, double variance,
                                                int tests) {
  if (std::abs(gap) > margin) return count_to_find_gap(std::abs(gap) - margin, variance, tests);
  const double z = normal_quantile(1 - 0.05 / std::max(1, tests)) + normal_quantile(0.9);
  return count(z, margin - std::abs(gap), variance);
}

std::optional<std::int64_t> count_to_find_not_worse(double gap, double margin, double variance,
                                                    int tests) {
  if (gap < -margin) return count_to_find_gap(gap + margin, variance, tests);
  const double z = normal_quantile(1 - 0.05 / std::max(1, tests)) + normal_quantile(0.8);
  return count(z, gap + margin, variance);
}

}  // namespace permafrost
