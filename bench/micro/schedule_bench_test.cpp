// SPDX-License-Identifier: Apache-2.0
// schedule_bench on the records of the gate.
#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "common/json/json_object.h"

namespace permafrost {
namespace schedule_bench_test {

class ScheduleBench : public Cli {
 protected:
  ScheduleBench() : Cli(PERMAFROST_BENCHMARKS "/schedule_bench") {}
  const std::string gate_ = "gate " PERMAFROST_SOURCE_DIR "/results/baseline ";
};

TEST_F(ScheduleBench, OneThreadTakesAllOfTheTimeAndManyTheLongestJob) {
  const Ran one = program(gate_ + "1"), many = program(gate_ + "64");
  ASSERT_EQ(one.status, 0) << one.err;
  ASSERT_EQ(many.status, 0) << many.err;
  const Json alone = parse_json(one.out, "one"), together = parse_json(many.out, "many");
  const double all = alone.at("core_seconds"), longest = alone.at("longest_job_seconds");
  EXPECT_GT(alone.at("cells"), 0);
  // Waiting takes longer than was asked for, never less.
  EXPECT_GE(alone.at("seconds").get<double>(), 0.99 * all);
  EXPECT_GE(together.at("seconds").get<double>(), 0.99 * longest);
  EXPECT_LT(together.at("seconds").get<double>(), alone.at("seconds").get<double>());
  for (const auto& [table, seconds] : alone.at("tables").items())
    EXPECT_LE(seconds.get<double>(), alone.at("seconds").get<double>()) << "table " << table;
}

TEST_F(ScheduleBench, RefusesWhatItCannotRead) {
  expect_refusal("gate", {"expected SUITE FOLDER THREADS"});
  expect_refusal(gate_ + "0", {"THREADS", "a number of at least 1", "0"});
  expect_refusal("gate " + path("none") + " 2", {"none: records: expected some of suite gate"});
}

}  // namespace schedule_bench_test
}  // namespace permafrost
