// SPDX-License-Identifier: Apache-2.0
// probe_bench as scripts/compare_probes runs it.
#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "common/error.h"
#include "common/json/json_object.h"
#include "models/encoders/checkpoints/safetensors.h"

namespace permafrost {
namespace probe_bench_test {

class ProbeBench : public Cli {
 protected:
  ProbeBench() : Cli(PERMAFROST_BENCHMARKS "/probe_bench") {}
};

constexpr const char* kSmall =
    "--clips 20 --tokens 5 --width 24 --heads 3 --classes 4 --batch 6 --warmup 1 --steps 4 "
    "--candidates 3";

TEST_F(ProbeBench, TellsTheTimeOfItsSteps) {
  const Ran run = program(kSmall);
  ASSERT_EQ(run.status, 0) << run.err;
  const Json line = parse_json(run.out, "probe_bench");
  EXPECT_EQ(line.at("candidates"), 3);
  EXPECT_EQ(line.at("batch"), 6);
  EXPECT_EQ(line.at("steps"), 4);
  EXPECT_GT(line.at("step_ms").get<double>(), 0);
}

TEST_F(ProbeBench, WritesWhatTheOtherSideNeeds) {
  const std::string out = path("inputs.safetensors");
  const Ran run = program(std::string(kSmall) + " --losses 2 --write " + out);
  ASSERT_EQ(run.status, 0) << run.err;
  const SafetensorsFile file = read_safetensors(out);
  EXPECT_EQ(file.tensor("tokens", out).sizes(), at::IntArrayRef({20, 5, 24}));
  EXPECT_EQ(file.tensor("labels", out).sizes(), at::IntArrayRef({20}));
  EXPECT_EQ(file.tensor("samples", out).sizes(), at::IntArrayRef({5, 6}));
  EXPECT_EQ(file.tensor("head.pooler.query_tokens", out).sizes(), at::IntArrayRef({1, 1, 24}));
  EXPECT_EQ(file.tensor("head.linear.weight", out).sizes(), at::IntArrayRef({4, 24}));
  const Json step = parse_json(file.metadata.at("step"), out);
  EXPECT_EQ(step.at("candidates").size(), 3U);
  ASSERT_EQ(step.at("losses").size(), 2U);
  // Three candidates with the same start: about log(4) each.
  EXPECT_NEAR(step.at("losses")[0].get<double>(), 3 * 1.386, 1.5);
}

TEST_F(ProbeBench, RefusesABatchOfMoreClipsThanThereAre) {
  expect_refusal("--clips 20 --batch 21", {"--batch", "at most --clips (20)", "21"});
  expect_refusal("--width 24 --heads 5", {"heads", "a divisor of the width 24", "5"});
}

}  // namespace probe_bench_test
}  // namespace permafrost
