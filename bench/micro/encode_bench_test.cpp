// SPDX-License-Identifier: Apache-2.0
// encode_bench as scripts/compare_encoding runs it.
#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "common/json/json_object.h"
#include "models/encoders/checkpoints/safetensors.h"

namespace permafrost {
namespace encode_bench_test {

class EncodeBench : public Cli {
 protected:
  EncodeBench() : Cli(PERMAFROST_BENCHMARKS "/encode_bench") {}
};

TEST_F(EncodeBench, TellsTheTimeOfAClip) {
  const Ran run = program("--size pico --clips 3 --threads 2 --rounds 1");
  ASSERT_EQ(run.status, 0) << run.err;
  const Json line = parse_json(run.out, "encode_bench");
  EXPECT_EQ(line.at("clips"), 3);
  EXPECT_EQ(line.at("threads"), 2);
  EXPECT_GT(line.at("clip_ms").get<double>(), 0);
}

TEST_F(EncodeBench, WritesWhatTheOtherSideNeeds) {
  const std::string out = path("inputs.safetensors");
  const Ran run = program("--size pico --clips 3 --write " + out);
  ASSERT_EQ(run.status, 0) << run.err;
  const SafetensorsFile file = read_safetensors(out);
  EXPECT_EQ(file.tensor("pixels", out).sizes(), at::IntArrayRef({3, 8, 48, 48, 3}));
  EXPECT_EQ(file.tensor("tokens", out).sizes(), at::IntArrayRef({2, 144, 64}));
  EXPECT_EQ(file.tensor("encoder.pos_embed", out).sizes(), at::IntArrayRef({1, 144, 64}));
  EXPECT_EQ(file.tensor("encoder.blocks.3.mlp.fc1.weight", out).sizes(),
            at::IntArrayRef({256, 64}));
  EXPECT_EQ(parse_json(file.metadata.at("step"), out).at("depth"), 4);
}

TEST_F(EncodeBench, RefusesASizeThatThereIsNot) {
  expect_refusal("--size huge", {"--size", "pico", "huge"});
}

}  // namespace encode_bench_test
}  // namespace permafrost
