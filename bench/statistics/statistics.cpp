// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics/statistics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "common/error.h"
#include "common/random.h"

namespace permafrost {
namespace {

// Linear between order statistics (Hyndman & Fan 1996, type 7).
double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

void require_equal(std::size_t a, std::size_t b) {
  if (a != b)
    throw Error("statistics: " + std::to_string(a) + " values against " + std::to_string(b));
}

}  // namespace

double mean_of(const std::vector<double>& values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double deviation_of(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

std::vector<double> mean_over_seeds(const std::vector<std::vector<double>>& seeds) {
  if (seeds.empty()) return {};
  std::vector<double> mean(seeds[0].size(), 0);
  for (const auto& scores : seeds) {
    require_equal(scores.size(), mean.size());
    for (std::size_t i = 0; i < mean.size(); ++i)
      mean[i] += scores[i] / static_cast<double>(seeds.size());
  }
  return mean;
}

std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b) {
  require_equal(a.size(), b.size());
  std::vector<double> difference;
  for (std::size_t i = 0; i < a.size(); ++i) difference.push_back(a[i] - b[i]);
  return difference;
}

std::vector<ResamplingUnit> resampling_units(const std::vector<double>& scores,
                                             const std::vector<std::int64_t>& groups) {
  std::vector<ResamplingUnit> units;
  if (groups.empty()) {
    for (const double score : scores) units.push_back({score, 1});
    return units;
  }
  require_equal(groups.size(), scores.size());
  std::map<std::int64_t, std::size_t> places;  // in order of first appearance
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const auto place = places.try_emplace(groups[i], units.size()).first->second;
    if (place == units.size()) units.emplace_back();
    units[place].sum += scores[i];
    units[place].count += 1;
  }
  return units;
}

Resamples resample_means(const std::vector<double>& scores, const std::vector<std::int64_t>& groups,
                         int count) {
  const auto units = resampling_units(scores, groups);
  Resamples means;
  if (units.size() < 2) return means;
  means.sorted.reserve(static_cast<std::size_t>(count));
  for (int r = 0; r < count; ++r) {
    RandomStream stream(
        {.purpose = "statistics.bootstrap", .sample = static_cast<std::uint64_t>(r)});
    ResamplingUnit total;
    for (std::size_t k = 0; k < units.size(); ++k) {
      const auto& unit = units[stream.large_integer(units.size())];
      total.sum += unit.sum;
      total.count += unit.count;
    }
    means.sorted.push_back(total.sum / total.count);
  }
  std::sort(means.sorted.begin(), means.sorted.end());
  return means;
}

Interval interval_of(const Resamples& means, double level, const Interval& range) {
  if (means.sorted.empty()) return range;
  const double tail = (1 - level) / 2;
  return {quantile(means.sorted, tail), quantile(means.sorted, 1 - tail)};
}

Interval bootstrap_interval(const std::vector<double>& scores,
                            const std::vector<std::int64_t>& groups, const Interval& range) {
  return interval_of(resample_means(scores, groups, kResamples), 0.95, range);
}

Interval wilson_interval(std::int64_t correct, std::int64_t n) {
  if (n <= 0) return kAccuracyRange;
  constexpr double kZ = 1.959963984540054;  // 97.5 % point of N(0,1)
  const auto total = static_cast<double>(n);
  const double share = static_cast<double>(correct) / total, z2 = kZ * kZ / total;
  const double centre = (share + z2 / 2) / (1 + z2);
  const double half = kZ * std::sqrt(share * (1 - share) / total + z2 / (4 * total)) / (1 + z2);
  return {100 * std::max(0.0, centre - half), 100 * std::min(1.0, centre + half)};
}

}  // namespace permafrost
