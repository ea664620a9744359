// SPDX-License-Identifier: Apache-2.0
#include "bench/run/dry_run.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace dry_run_test {

DryRun run_of(const DryTotal& total, double feature_bytes) {
  DryRun run{.suite = "test", .total = total};
  run.cells.push_back({.table = 1,
                       .row = "row",
                       .column = "motion",
                       .seeds = total.records,
                       .work = total.work,
                       .feature_bytes = feature_bytes});
  return run;
}

// So much work that the reference core takes so many hours.
Work hours(double count) { return {.frozen_flops = count * 3600 * reference_core().frozen}; }

bool says(const DryRun& run, const std::string& part) {
  return to_markdown(run).find(part) != std::string::npos;
}

TEST(DryRun, EstimatesAreNumbers) {
  const DryRun large = run_of({.records = 3, .work = hours(1.25)}, 2.5e9);
  EXPECT_TRUE(says(large, "Estimated time: 1.2 core-hours")) << to_markdown(large);
  EXPECT_TRUE(says(large, "Features take at most 2.5 GB"));
  const DryRun small = run_of({.records = 3, .work = hours(1e-5)}, 1e6);
  EXPECT_TRUE(says(small, "Estimated time: less than 0.001 core-hours")) << to_markdown(small);
  EXPECT_TRUE(says(small, "Features take less than 0.1 GB"));
}

TEST(DryRun, WithoutAnythingToComputeThereIsNoEstimate) {
  const DryRun missing = run_of({.records = 3, .done = 1, .missing = 2}, 0);
  EXPECT_FALSE(says(missing, "Estimated"));
  EXPECT_TRUE(says(missing, "Nothing can be computed before what is missing is there"));
  EXPECT_TRUE(says(run_of({.records = 3, .done = 3}, 0), "Nothing is left to compute"));
  EXPECT_FALSE(says(run_of({.records = 3, .work = hours(2)}, 0), "Features take"));
}

}  // namespace dry_run_test
}  // namespace permafrost
