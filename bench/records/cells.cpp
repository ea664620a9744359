// SPDX-License-Identifier: Apache-2.0
#include "bench/records/cells.h"

#include <algorithm>
#include <set>

namespace permafrost {

std::string why_missing(const CellInput& cell) {
  if (!cell.unavailable.empty()) return cell.unavailable;
  return cell.seeds.empty() ? "no records" : "";
}

std::vector<double> scores_of(const CellInput& cell) {
  std::vector<std::vector<double>> scores;
  for (const auto& record : cell.seeds) scores.push_back(scores_of(record));
  return mean_scores(scores);
}

bool same_samples(const Record& a, const Record& b) {
  return std::equal(a.predictions.begin(), a.predictions.end(), b.predictions.begin(),
                    b.predictions.end(), [](const Prediction& x, const Prediction& y) {
                      return x.sample == y.sample && x.label == y.label;
                    });
}

SpreadOver repeated_over(const CellInput& cell) {
  std::set<std::string> splits;
  for (const auto& record : cell.seeds)
    splits.insert(record.task.identity + (record.training ? record.training->sha256 : ""));
  return splits.size() > 1 ? SpreadOver::splits : SpreadOver::seeds;
}

std::size_t encoders_in(const CellInput& cell) {
  std::set<std::string> weights;
  for (const auto& record : cell.seeds) weights.insert(record.encoder.sha256);
  return weights.size();
}

}  // namespace permafrost
