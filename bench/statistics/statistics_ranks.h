// SPDX-License-Identifier: Apache-2.0
#pragma once

// Statistics of order: whether two columns rank their rows alike.
#include <optional>
#include <vector>

namespace permafrost {

// Places 1 .. n; equal values share the mean of theirs.
std::vector<double> midranks(const std::vector<double>& values);

struct RankCorrelation {
  double value = 0;   // -1 to 1
  double p = 1;       // two-sided, of values paired at random
  bool exact = true;  // every pairing was tried (at most 8 rows), else 9,999 of them
};

// Pearson's correlation of the midranks. None for fewer than three pairs or a constant side. Throws
// Error for unequal lengths.
std::optional<RankCorrelation> spearman(const std::vector<double>& a, const std::vector<double>& b);
// Kendall's tau-b (Kendall 1945): concordant less discordant pairs over the geometric mean of the
// pairs not tied in a and not tied in b. As spearman otherwise.
std::optional<RankCorrelation> kendall(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace permafrost
