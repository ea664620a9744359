// SPDX-License-Identifier: Apache-2.0
#include "bench/records/cell_records.h"

#include <algorithm>
#include <set>

namespace permafrost {

std::string why_missing(const TableCell& cell) {
  if (!cell.unavailable.empty()) return cell.unavailable;
  return cell.seeds.empty() ? "no records" : "";
}

std::vector<double> mean_sample_values(const TableCell& cell) {
  std::vector<std::vector<double>> values;
  for (const auto& record : cell.seeds) values.push_back(sample_values(record));
  return mean_over_seeds(values);
}

bool same_samples(const Record& a, const Record& b) {
  return std::equal(a.predictions.begin(), a.predictions.end(), b.predictions.begin(),
                    b.predictions.end(), [](const Prediction& x, const Prediction& y) {
                      return x.sample == y.sample && x.target.labels() == y.target.labels();
                    });
}

SpreadOver repeated_over(const TableCell& cell) {
  std::set<std::string> splits;
  for (const auto& record : cell.seeds)
    splits.insert(record.task.identity + (record.training ? record.training->sha256 : ""));
  return splits.size() > 1 ? SpreadOver::splits : SpreadOver::seeds;
}

std::size_t encoders_in(const TableCell& cell) {
  std::set<std::string> weights;
  for (const auto& record : cell.seeds) weights.insert(record.encoder.sha256);
  return weights.size();
}

}  // namespace permafrost
