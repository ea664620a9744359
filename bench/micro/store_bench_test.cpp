// SPDX-License-Identifier: Apache-2.0
// store_bench over a file as permafrost features --window writes it.
#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "common/json/json_object.h"
#include "models/encoders/checkpoints/safetensors.h"

namespace permafrost {
namespace store_bench_test {

class StoreBench : public Cli {
 protected:
  StoreBench() : Cli(PERMAFROST_BENCHMARKS "/store_bench") {}

  void SetUp() override {
    write_safetensors(folder_ / "film",
                      {{"features", at::rand({50, 144, 16})}, {"frames", at::zeros({50, 4})}}, {});
  }
};

TEST_F(StoreBench, TellsTheTimeOfAStepAndItsMemory) {
  const Ran run = program(path("film") + " 4");
  ASSERT_EQ(run.status, 0) << run.err;
  const Json line = parse_json(run.out, "store_bench");
  EXPECT_EQ(line.at("tokens"), 7200);
  EXPECT_EQ(line.at("width"), 16);
  EXPECT_GT(line.at("forward_core_seconds").get<double>(), 0);
  EXPECT_GE(line.at("step_core_seconds").get<double>(),
            line.at("forward_core_seconds").get<double>());
  EXPECT_GE(line.at("peak_memory_bytes").get<double>(),
            line.at("peak_memory_before_bytes").get<double>());
}

TEST_F(StoreBench, RefusesWhatItCannotRead) {
  expect_refusal(path("none"), {"none"});
  expect_refusal(path("film") + " 3", {"HEADS", "a divisor of the width, 16", "3"});
  expect_refusal("", {"expected FILE [HEADS]"});
}

}  // namespace store_bench_test
}  // namespace permafrost
