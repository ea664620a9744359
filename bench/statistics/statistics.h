// SPDX-License-Identifier: Apache-2.0
#pragma once

// What can be said about a number that was measured on n samples with a few seeds.
//
// Scores are per sample, in the unit of a measure (datasets/measures/), for example 100 right, 0
// wrong or unread, or their mean over seeds. The mean of the scores is the number of a cell; the
// mean of the differences of two cells' scores is the gap between them.
//
//   const auto scores = mean_over_seeds({seed1, seed2});
//   const Interval ci = bootstrap_interval(scores, groups, kAccuracyRange);
#include <cstdint>
#include <vector>

namespace permafrost {

struct Interval {
  double low = 0, high = 0;
  bool operator==(const Interval&) const = default;
};

inline constexpr Interval kAccuracyRange{0, 100};
inline constexpr Interval kGapRange{-100, 100};
inline constexpr int kResamples = 2000;

// 0 for no values.
double mean_of(const std::vector<double>& values);
// Sample standard deviation (n - 1); 0 for fewer than two values.
double deviation_of(const std::vector<double>& values);

// Sample by sample over seeds. Throws Error for unequal lengths.
std::vector<double> mean_over_seeds(const std::vector<std::vector<double>>& seeds);
// Sample by sample a - b: two cells on the same samples.
std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b);

// The scores of one resampling unit: a sample, or a group of them.
struct ResamplingUnit {
  double sum = 0, count = 0;
};

// One a sample, or one a group in order of first appearance where `groups` [n] is not empty. Throws
// Error for unequal lengths.
std::vector<ResamplingUnit> resampling_units(const std::vector<double>& scores,
                                             const std::vector<std::int64_t>& groups);

// Means of resamples, sorted; none for fewer than two units, which say nothing.
struct Resamples {
  std::vector<double> sorted;
};

// `count` bootstrap resamples of units (Efron 1979; Davison & Hinkley 1997, 5.3.1): a resample's
// mean is its sum over its number of samples. Stream "statistics.bootstrap": the same for the same
// number of units, so that cells on the same samples are compared on the same resamples.
Resamples resample_means(const std::vector<double>& scores, const std::vector<std::int64_t>& groups,
                         int count);

// Percentile interval of the resampled means, `level` for example 0.95; `range` where there are
// none. Scores that are all equal give an interval of no width: it speaks of these samples only.
Interval interval_of(const Resamples& means, double level, const Interval& range);

// The 95 % interval from kResamples resamples.
Interval bootstrap_interval(const std::vector<double>& scores,
                            const std::vector<std::int64_t>& groups, const Interval& range);

// Wilson 95 % interval of a share (Wilson 1927), in percent; the closed form that the bootstrap is
// checked against. kAccuracyRange for n = 0.
Interval wilson_interval(std::int64_t correct, std::int64_t n);

}  // namespace permafrost
