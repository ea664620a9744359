// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tests between two cells on the same samples, and what many of them together mean.
//
//   const Resamples means = resample_means(differences(a, b), groups, kPairedResamples);
//   const double p = p_of_no_gap(means);
//   const auto adjusted = holm_adjusted({p, ...});
#include <cstdint>
#include <optional>
#include <vector>

#include "bench/statistics/statistics.h"

namespace permafrost {

// A p-value of the bootstrap is at least 2 / 5001: even a family of 100 claims can be decided.
inline constexpr int kPairedResamples = 5000;

// Samples that one cell has right and the other wrong.
struct Discordance {
  std::int64_t only_first = 0, only_second = 0;
  bool operator==(const Discordance&) const = default;
};

// Of scores that are 0 or 100 (one seed). Throws Error for unequal lengths.
Discordance discordance_of(const std::vector<double>& first, const std::vector<double>& second);

// McNemar (1947), exact: two-sided binomial test of the discordant samples against 1/2. For samples
// that are independent of each other; 1 where none is discordant.
double mcnemar_exact(const Discordance& discordance);
// Mid-p: what is more extreme, and half of what is as extreme (Lancaster 1961; Fagerland, Lydersen
// & Laake 2013, BMC Medical Research Methodology 13:91). Less conservative than the exact one.
double mcnemar_mid_p(const Discordance& discordance);

// From resampled means of the differences; 1 where there are none. r of R resamples on or beyond
// the value asked for give (r + 1) / (R + 1) (Davison & Hinkley 1997, 4.2.2 and 5.2).

// Two-sided p of "no gap". Below 0.05 only where the 95 % interval of the same resamples lies on
// one side of 0.
double p_of_no_gap(const Resamples& means);
// Two one-sided tests (Schuirmann 1987): p of "the gap is `margin` or more, one way or the other".
// Below 0.05 only where the 90 % interval lies inside of +-margin.
double p_of_difference(const Resamples& means, double margin);
// The other way round, two-sided: p of "the gap is within +-margin". Below 0.05 only where the 95 %
// interval lies beyond the margin.
double p_of_equivalence(const Resamples& means, double margin);
// One-sided: p of "the gap is -margin or less". Below 0.05 only where the 90 % interval lies above
// -margin: not worse (non-inferiority; Chow, Shao & Wang 2008, 3.1).
double p_of_worse(const Resamples& means, double margin);
// The other way round, two-sided: p of "the gap is above -margin". Below 0.05 only where the 95 %
// interval lies below -margin.
double p_of_not_worse(const Resamples& means, double margin);

// Holm's (1979) step-down adjustment, in the order given: adjusted values below 0.05 keep the
// chance of any false rejection among all of them at 5 %.
std::vector<double> holm_adjusted(const std::vector<double>& p_values);

// Square of the standard error of the mean, times n: the variance a sample. With groups, that of
// the ratio estimator over groups (Cochran 1977, 6.4) and thus larger where a group's samples
// agree. None for fewer than two samples or groups.
std::optional<double> variance_a_sample(const std::vector<double>& scores,
                                        const std::vector<std::int64_t>& groups);

// How many samples (or seeds) decide with a power of 80 % at level 0.05 / tests, if the gap and the
// variance stay as they were observed (Chow, Shao & Wang 2008, 3.1; Bonferroni's level, so at most
// one more step than Holm asks for):
//   leads     ((z[1 - a/2] + z[0.8]) / gap)^2 * variance
//   match     ((z[1 - a] + z[0.9]) / (margin - |gap|))^2 * variance where |gap| < margin, and
//             ((z[1 - a/2] + z[0.8]) / (|gap| - margin))^2 * variance beyond it
//   not worse ((z[1 - a] + z[0.8]) / (gap + margin))^2 * variance above -margin, and
//             ((z[1 - a/2] + z[0.8]) / (gap + margin))^2 * variance below it
// None where no number does (the gap is 0, or lies on the margin) or where it is above 10^9.
std::optional<std::int64_t> count_to_find_gap(double gap, double variance, int tests);
std::optional<std::int64_t> count_to_find_match(double gap, double margin, double variance,
                                                int tests);
std::optional<std::int64_t> count_to_find_not_worse(double gap, double margin, double variance,
                                                    int tests);

}  // namespace permafrost
