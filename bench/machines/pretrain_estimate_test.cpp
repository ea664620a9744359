// SPDX-License-Identifier: Apache-2.0
#include "bench/machines/pretrain_estimate.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "bench/testing/test_messages.h"

namespace permafrost {
namespace pretrain_estimate_test {

Machine cluster() {
  Machine machine{.name = "test", .title = "test", .gpu = true, .nodes = 4, .devices = 2};
  machine.cores = 16;
  machine.pretraining = {{"float32", 1e9}, {"bfloat16", 1e10}};
  machine.device_bytes = 1e9;
  machine.decoded_clips = 10;
  machine.drawn_pixels = 1e6;
  machine.network = 1e6;
  return machine;
}

PretrainConfig config(const std::string& more = "") {
  const Json json = parse_json(R"({
    "objective": "vjepa", "masking": "multiblock", "batch": 8, "gradient_shards": 4, "steps": 100,
    "encoder": {"width": 24, "depth": 1, "heads": 2, "frames": 4, "height": 24, "image_width": 24},
    "predictor": {"width": 12, "depth": 1, "heads": 2})" +
                                   more + "}",
                               "test.json");
  return read_pretrain_config(json, "test.json");
}

PretrainEstimate on(int processes, Reduce reduce, const std::string& more = "") {
  return pretrain_estimate(config(more), cluster(), processes, reduce);
}

TEST(PretrainEstimates, OneProcessSendsNothing) {
  const PretrainEstimate one = on(1, Reduce::exact);
  EXPECT_EQ(one.sent_bytes, 0);
  EXPECT_EQ(one.sending, 0);
  EXPECT_GT(one.trained, 24 * 24 * 12);
  EXPECT_DOUBLE_EQ(one.computing, one.step_flops / 1e9);
  // 8 clips of 4x24x24, half of the cores of a node.
  EXPECT_DOUBLE_EQ(one.reading, 8 * 4 * 24 * 24 / 1e6 / 8);
}

// The bytes that summed_over_ranks() says it sends.
TEST(PretrainEstimates, TrafficGrowsWithTheShardsOfAProcess) {
  const double n = on(1, Reduce::exact).trained;
  EXPECT_DOUBLE_EQ(on(4, Reduce::exact).sent_bytes, 4 * n * 2 * 3 / 4);
  EXPECT_DOUBLE_EQ(on(2, Reduce::exact).sent_bytes, 4 * n * 2 / 2) << "two shards are one block";
  EXPECT_DOUBLE_EQ(on(2, Reduce::fast).sent_bytes, 8 * n / 2);
  EXPECT_DOUBLE_EQ(on(2, Reduce::fast_bfloat16).sent_bytes, 4 * n / 2);
  EXPECT_DOUBLE_EQ(on(2, Reduce::fast).sending, 8 * n / 2 / 1e6);
}

TEST(PretrainEstimates, ProcessesShareTheBatch) {
  const PretrainEstimate one = on(1, Reduce::exact), four = on(4, Reduce::exact);
  EXPECT_DOUBLE_EQ(four.computing, one.computing / 4);
  EXPECT_DOUBLE_EQ(four.reading, one.reading / 4);
  EXPECT_EQ(four.state_bytes, one.state_bytes) << "all have all of it";
}

// 26 bytes a number of the encoder, which has a teacher; 20 of the predictor.
TEST(PretrainEstimates, StateIsThatOfThePrecision) {
  const PretrainEstimate full = on(1, Reduce::exact);
  const PretrainEstimate half = on(1, Reduce::exact, R"(, "precision": "bfloat16")");
  EXPECT_GT(half.state_bytes, 20 * half.trained);
  EXPECT_LT(half.state_bytes, 26 * half.trained);
  EXPECT_GT(full.state_bytes, 16 * full.trained);
  EXPECT_LT(full.state_bytes, 20 * full.trained);
  const double followers = (half.state_bytes - 20 * half.trained) / 6;
  EXPECT_DOUBLE_EQ(full.state_bytes, 16 * full.trained + 4 * followers);
  EXPECT_DOUBLE_EQ(half.computing, full.computing / 10);
}

// Half of the rate at width 24, a third at the predictor's 12.
TEST(PretrainEstimates, NarrowNetworksComputeLessASecond) {
  Machine machine = cluster();
  const PretrainConfig run = config();
  const double wide = pretrain_estimate(run, machine, 1, Reduce::exact).computing;
  machine.pretraining_half_width = 24;
  const double narrow = pretrain_estimate(run, machine, 1, Reduce::exact).computing;
  EXPECT_GT(narrow, 2 * wide);
  EXPECT_LT(narrow, 3 * wide);
  EXPECT_EQ(run.objective->width_of("predictor"), 12);
  EXPECT_EQ(run.objective->width_of("context"), 0) << "that of the encoder";
}

// Milliseconds of a step on two threads as docs/performance.md has them.
TEST(PretrainEstimates, AreWithinAQuarterOfMeasuredSteps) {
  const Machine machine = read_machine("epyc-2", "--machine");
  const std::map<std::string, double> measured{{"pico/vjepa-multiblock", 31.1},
                                               {"pico/pixel-multiblock", 27.8},
                                               {"pico/denoise-d8", 65.0},
                                               {"pico2/vjepa-tokens", 11.1},
                                               {"pico2/pixel-tokens", 7.3}};
  for (const auto& [name, milliseconds] : measured) {
    const std::string path = std::string(PERMAFROST_SOURCE_DIR) + "/models/zoo/" + name + ".json";
    const PretrainConfig run = read_pretrain_config(read_json(path), path);
    const double ratio =
        1e3 * pretrain_estimate(run, machine, 1, Reduce::exact).computing / milliseconds;
    EXPECT_GT(ratio, 0.8) << name;
    EXPECT_LT(ratio, 1.25) << name;
  }
}

TEST(PretrainEstimates, ClipsThatRepeatAreNotRead) {
  EXPECT_EQ(on(1, Reduce::exact, R"(, "distinct_clips": 64)").reading, 0);
}

TEST(PretrainEstimates, AStepOfAGpuReadsBesideComputing) {
  const PretrainEstimate one = on(2, Reduce::fast);
  EXPECT_DOUBLE_EQ(one.step_seconds(cluster()), std::max(one.computing, one.reading) + one.sending);
  Machine cpu = cluster();
  cpu.gpu = false;
  EXPECT_DOUBLE_EQ(one.step_seconds(cpu), one.computing + one.reading + one.sending);
  const Json json = to_json(one, cluster());
  EXPECT_DOUBLE_EQ(json["hours"].get<double>(), 100 * one.step_seconds(cluster()) / 3600);
  EXPECT_TRUE(holds(to_markdown({one}, cluster()), "| processes |"));
}

TEST(PretrainEstimates, RefusesWhatCannotBe) {
  EXPECT_TRUE(holds(message_of([] { on(3, Reduce::exact); }), "3"));
  Machine machine = cluster();
  machine.pretraining.erase("bfloat16");
  EXPECT_TRUE(holds(message_of([&] {
                      pretrain_estimate(config(R"(, "precision": "bfloat16")"), machine, 1,
                                        Reduce::exact);
                    }),
                    "bfloat16"));
  machine.network = 0;
  EXPECT_TRUE(holds(message_of([&] { pretrain_estimate(config(), machine, 2, Reduce::exact); }),
                    "network"));
}

}  // namespace pretrain_estimate_test
}  // namespace permafrost
