// SPDX-License-Identifier: Apache-2.0
#include "bench/records/record.h"

#include <algorithm>
#include <set>

#include "common/files/hash.h"

namespace permafrost {

std::int64_t Record::n_failed() const {
  return std::count_if(predictions.begin(), predictions.end(),
                       [](const Prediction& p) { return p.predicted < 0; });
}

double Record::coverage() const {
  return n() == 0 ? 0 : static_cast<double>(n() - n_failed()) / static_cast<double>(n());
}

std::string key_of(const Record& record) {
  Json protocol = record.protocol;
  if (protocol.is_object()) protocol.erase("name");
  const Json inputs{{"encoder", record.encoder.sha256},
                    {"spec", record.encoder.spec},
                    {"task", record.task.identity},
                    {"protocol", protocol},
                    {"seed", record.seed},
                    {"evaluation_version", record.evaluation_version}};
  return sha256_of(inputs.dump());  // nlohmann::json sorts its keys
}

std::vector<double> sample_values(const Record& record) {
  return record.measure->values(record.predictions);
}

std::vector<std::int64_t> groups_of(const Record& record) {
  std::vector<std::int64_t> groups;
  std::set<std::int64_t> distinct;
  for (const auto& p : record.predictions) {
    groups.push_back(p.group);
    distinct.insert(p.group);
  }
  return distinct.size() == groups.size() ? std::vector<std::int64_t>{} : groups;
}

Interval interval_over_samples(const Measure& measure, const std::vector<double>& values,
                               const std::vector<std::int64_t>& groups) {
  const double lowest = measure.lowest(), highest = measure.highest();
  const Interval found = bootstrap_interval(values, groups, {lowest, highest});
  return {std::max(lowest, found.low), std::min(highest, found.high)};
}

Interval gap_range(const Measure& measure) {
  const double widest = measure.highest() - measure.lowest();
  return {-widest, widest};
}

void complete(Record& record) {
  record.key = key_of(record);
  score(record);
}

void score(Record& record) {
  const auto values = sample_values(record);
  record.value = mean_of(values);
  record.ci95 = interval_over_samples(*record.measure, values, groups_of(record));
}

}  // namespace permafrost
