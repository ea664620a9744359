// SPDX-License-Identifier: Apache-2.0
// Ranks that compute the same cells together, as threads of the test.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "bench/run/runner.h"
#include "bench/suites/table_spec.h"
#include "bench/testing/record_numbers.h"
#include "bench/testing/suite_folder.h"
#include "common/testing/test_folder.h"
#include "models/encoders/encoder.h"
#include "models/testing/thread_ranks.h"

namespace permafrost {
namespace ranked_run_test {

namespace fs = std::filesystem;

constexpr const char* kSuite = R"({
  "suite": "test", "seeds": 1,
  "encoders": {"first": "t/first"},
  "tasks": [{"name": "motion", "kind": "synthetic", "world": "motion", "train": 40, "test": 20}],
  "protocols": {
    "frozen": {"epochs": 2, "batch": 24, "learning_rates": [1e-3, 1e-2], "clips": 2},
    "augmented": {"epochs": 2, "batch": 16, "learning_rates": [1e-2],
                  "augmentation": {"flip": 0.5}, "training_views": "online"}}
})";

constexpr const char* kTable = R"({
  "table": 1, "title": "One", "source": "nobody",
  "columns": [{"name": "motion", "protocol": "frozen"},
              {"name": "augmented", "task": "motion", "protocol": "augmented"}],
  "rows": [{"name": "First", "encoder": "first"}]
})";

class RankedRun : public testing::Test {
 protected:
  RankedRun() { at::set_num_threads(1); }

  TablesOptions options(FeatureStore features, const std::string& out) const {
    TablesOptions options;
    options.suite = "test";
    options.tables = {1};
    options.out = folder_ / out;
    options.features = features;
    options.execution.quiet = true;
    return options;
  }

  const TestFolder folder_;
  const SuiteFolder suite_{folder_.path(), {kSuite, {kTable}}, {"first"}};
};

TEST_F(RankedRun, KeptOrStreamedFeaturesGiveTheRecordsOfOneProcess) {
  for (const auto features : {FeatureStore::kept, FeatureStore::streamed}) {
    run_tables(options(features, "one"));
    const auto expected = numbers_of(folder_ / "one");
    EXPECT_EQ(expected.size(), 2u);
    for (const int ranks : {2, 3}) {
      run_as_ranks(ranks, [&](ProcessGroup& group) {
        TablesOptions mine = options(features, "ranks");
        mine.group = &group;
        mine.execution.threads = group.rank() + 1;  // whatever each has
        const TablesResult result = run_tables(mine);
        EXPECT_EQ(result.tables.size(), group.is_first() ? 1u : 0u);
        EXPECT_EQ(result.computed, 2);
      });
      EXPECT_EQ(numbers_of(folder_ / "ranks"), expected);
      fs::remove_all(folder_ / "ranks");
    }
    fs::remove_all(folder_ / "one");
  }
}

TEST_F(RankedRun, WhatTheFirstRankHasIsComputedByNone) {
  run_tables(options(FeatureStore::kept, "ranks"));
  run_as_ranks(2, [&](ProcessGroup& group) {
    TablesOptions mine = options(FeatureStore::kept, "ranks");
    mine.group = &group;
    const TablesResult result = run_tables(mine);
    if (group.is_first()) {
      EXPECT_EQ(result.reused, 2);
    }
    EXPECT_TRUE(result.failed.empty());
  });
}

}  // namespace ranked_run_test
}  // namespace permafrost
