// SPDX-License-Identifier: Apache-2.0
#include "bench/machines/machine.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "bench/testing/test_messages.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace machine_test {

Json cluster() {
  return parse_json(R"({
    "machine": "two", "device": "cuda", "nodes": 2, "devices": 4, "cores": 40,
    "teraflops": {"frozen": 10, "tuned": 5, "heads": 2, "pretraining": {"bfloat16": 100}},
    "memory_gigabytes": 400, "device_memory_gigabytes": 80,
    "decoded_clips_per_core_second": 20, "drawn_megapixels_per_core_second": 30,
    "network_gigabytes_per_second": 25})",
                    "two.json");
}

Json with(Json json, const std::string& assignment) {
  set_json(json, assignment);
  return json;
}

TEST(Machines, AreReadAndWritten) {
  const Machine machine = parse_machine(cluster(), "two.json");
  EXPECT_TRUE(machine.gpu);
  EXPECT_EQ(machine.processes(), 8);
  EXPECT_EQ(machine.frozen, 1e13);
  EXPECT_EQ(machine.pretraining.at("bfloat16"), 1e14);
  EXPECT_EQ(machine.device_bytes, 8e10);
  EXPECT_EQ(machine.network, 2.5e10);
  EXPECT_EQ(machine.frozen_bfloat16, 0);
  const Machine halves = parse_machine(
      with(with(cluster(), "teraflops.bfloat16.frozen=90"), "teraflops.bfloat16.tuned=80"), "two");
  EXPECT_EQ(halves.frozen_bfloat16, 9e13);
  EXPECT_EQ(halves.tuned_bfloat16, 8e13);
  EXPECT_EQ(parse_machine(Json::parse(to_json(halves).dump()), "again").tuned_bfloat16, 8e13);
  EXPECT_TRUE(holds(
      message_of([] { parse_machine(with(cluster(), "teraflops.tf32.frozen=1"), "two.json"); }),
      "tuned"));
  EXPECT_EQ(machine.pretraining_half_width, 0);
  EXPECT_EQ(parse_machine(with(cluster(), "pretraining_half_width=70"), "two.json")
                .pretraining_half_width,
            70);
  const Json again = Json::parse(to_json(machine).dump());
  EXPECT_EQ(to_json(parse_machine(again, "again")), to_json(machine));
}

TEST(Machines, RefuseWhatMakesNoSense) {
  const auto told = [](const Json& json) {
    return message_of([&] { parse_machine(json, "two.json"); });
  };
  for (const auto* field : {"cores", "devices", "teraflops", "decoded_clips_per_core_second",
                            "device_memory_gigabytes"}) {
    Json without = cluster();
    without.erase(field);
    EXPECT_TRUE(holds(told(without), field)) << told(without);
  }
  EXPECT_TRUE(holds(told(with(cluster(), "teraflops.frozen=0")), "frozen"));
  EXPECT_TRUE(holds(told(with(cluster(), "device=tpu")), "device"));
  EXPECT_TRUE(holds(told(with(cluster(), "teraflops.pretraining.float8=1")), "float8"));
  EXPECT_TRUE(holds(told(with(cluster(), "nodse=3")), "nodes"));
  EXPECT_TRUE(holds(told(with(cluster(), "teraflops.pretraining.flaot32=1")),
                    "nearest valid key: \"float32\""));
  EXPECT_TRUE(holds(message_of([] { read_machine("h100x9", "--machine"); }), "h100x8"));
}

TEST(Machines, ACoreComputesAndReadsInTurn) {
  Json json = cluster();
  json["device"] = "cpu";
  json.erase("devices");
  json.erase("device_memory_gigabytes");
  const Machine cpu = parse_machine(json, "two.json");
  EXPECT_EQ(cpu.processes(), 2) << "one a node";
  EXPECT_DOUBLE_EQ(seconds(cpu, {.frozen_flops = 4e14}), 1);
  EXPECT_DOUBLE_EQ(seconds(cpu, {.frozen_flops = 4e14, .clips = 800}), 2);
  EXPECT_DOUBLE_EQ(seconds(cpu, {.tuned_flops = 2e14, .head_flops = 8e13, .pixels = 1.2e9}), 3);
}

TEST(Machines, AGpuComputesWhileItsCoresRead) {
  const Machine machine = parse_machine(cluster(), "two.json");
  EXPECT_DOUBLE_EQ(seconds(machine, {.frozen_flops = 1e13}), 1);
  EXPECT_DOUBLE_EQ(seconds(machine, {.frozen_flops = 1e13, .clips = 200}), 1);
  EXPECT_DOUBLE_EQ(seconds(machine, {.frozen_flops = 1e13, .clips = 600}), 3);
}

TEST(Machines, ThatAreCommittedAreWhole) {
  const auto names = machine_names();
  ASSERT_GE(names.size(), 3U);
  for (const auto& name : names) {
    const Machine machine = read_machine(name, "--machine");
    EXPECT_EQ(machine.name, name);
    EXPECT_NE(machine.source, "") << name;
  }
}

// What progress bars and shards count with is what was measured and committed.
TEST(Machines, TheReferenceIsACoreOfTheMeasuredOne) {
  const Machine measured = read_machine("epyc-2", "--machine");
  const Machine& core = reference_core();
  EXPECT_EQ(core.frozen, measured.frozen);
  EXPECT_EQ(core.tuned, measured.tuned);
  EXPECT_EQ(core.heads, measured.heads);
  EXPECT_EQ(core.decoded_clips, measured.decoded_clips);
  EXPECT_EQ(core.drawn_pixels, measured.drawn_pixels);
  EXPECT_EQ(core.cores, 1);
}

}  // namespace machine_test
}  // namespace permafrost
