// SPDX-License-Identifier: Apache-2.0
// pretrain_bench as scripts/compare_pretraining runs it.
#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "common/error.h"
#include "common/json/json_object.h"
#include "models/encoders/checkpoints/safetensors.h"

namespace permafrost {
namespace pretrain_bench_test {

class PretrainBench : public Cli {
 protected:
  PretrainBench() : Cli(PERMAFROST_BENCHMARKS "/pretrain_bench") {}

  Json line_of(const std::string& arguments) const {
    const Ran run = program(arguments);
    EXPECT_EQ(run.status, 0) << run.err;
    return parse_json(run.out, "pretrain_bench");
  }
};

TEST_F(PretrainBench, TellsTheRateOfItsSteps) {
  const Json line = line_of(tiny_config() + " --warmup 1 --steps 2 --batch 6 --threads 2");
  EXPECT_EQ(line.at("batch"), 6);
  EXPECT_EQ(line.at("steps"), 2);
  EXPECT_NEAR(line.at("clips_per_second").get<double>() * line.at("step_ms").get<double>(), 6 * 1e3,
              1e-3);
}

TEST_F(PretrainBench, HoldsAttentionToOneKernel) {
  const std::string steps = tiny_config() + " --warmup 1 --steps 1 --losses 2 --write ";
  const auto losses = [&](const std::string& more, const std::string& name) {
    const Ran run = program(steps + path(name) + more);
    EXPECT_EQ(run.status, 0) << run.err;
    return parse_json(read_safetensors(path(name)).metadata.at("step"), name).at("losses");
  };
  const Json any = losses("", "a"), flash = losses(" --attention flash", "b"),
             math = losses(" --attention math", "c");
  EXPECT_EQ(any, flash);  // what a CPU takes by itself
  for (std::size_t k = 0; k < 2; ++k)
    EXPECT_NEAR(math[k].get<double>(), any[k].get<double>(), 1e-5);
  EXPECT_EQ(line_of(tiny_config() + " --warmup 1 --steps 1 --attention math").at("attention"),
            "math");
}

TEST_F(PretrainBench, TimesTheMasksOfTheWarmUpAgain) {
  const std::string steps = tiny_config() + " --peak --steps 2 --warmup ";
  const auto flops = [&](const std::string& more) {
    return line_of(steps + more).at("gflop_per_clip").at("total").get<double>();
  };
  // Steps 1 and 2 whatever the warm-up; without, those that come after it.
  EXPECT_EQ(flops("2 --repeat-masks"), flops("5 --repeat-masks"));
  EXPECT_NE(flops("2"), flops("2 --repeat-masks"));
  EXPECT_EQ(line_of(steps + "2 --repeat-masks").at("masks"), "of the warm-up");
  expect_refusal(steps + "1 --repeat-masks", {"--steps", "at most --warmup (1)", "2"});
}

TEST_F(PretrainBench, PartsOfTheProfileAddUpToTheStep) {
  const Json line = line_of(tiny_config() + " --warmup 1 --steps 2 --profile");
  double sum = 0;
  for (const auto& part : line.at("parts_ms")) {
    EXPECT_GE(part.get<double>(), 0);
    sum += part.get<double>();
  }
  EXPECT_NEAR(sum, line.at("step_ms").get<double>(), 1e-6);
  for (const char* name : {"masks", "patchify", "context", "predictor", "loss", "rest"})
    EXPECT_TRUE(line.at("parts_ms").contains(name)) << name;
}

TEST_F(PretrainBench, WritesWhatTheOtherSideNeeds) {
  const std::string out = path("inputs.safetensors");
  const Ran run = program(tiny_config() + " --warmup 1 --steps 3 --losses 2 --write " + out);
  ASSERT_EQ(run.status, 0) << run.err;
  const SafetensorsFile file = read_safetensors(out);
  EXPECT_EQ(file.tensor("clips", out).sizes(), at::IntArrayRef({8, 4, 24, 24, 3}));
  EXPECT_EQ(file.tensor("encoder.patch_embed.proj.weight", out).sizes(),
            at::IntArrayRef({24, 3, 2, 8, 8}));
  EXPECT_EQ(file.tensor("predictor.predictor_pos_embed", out).sizes(),
            at::IntArrayRef({1, 18, 12}));
  // The masks of every step, the warm-up's among them, and of no other.
  EXPECT_EQ(file.tensor("masks.4.1.target", out).size(0), 8);
  EXPECT_THROW(file.tensor("masks.5.0.context", out), InputError);
  const Json step = parse_json(file.metadata.at("step"), out);
  EXPECT_EQ(step.at("losses").size(), 2U);
  EXPECT_EQ(step.at("objective"), "vjepa");
  EXPECT_EQ(step.at("predictor_rate_scale"), 1.0);
  EXPECT_EQ(step.at("instance_targets"), false);
}

TEST_F(PretrainBench, WritesTheTargetAndTheRatesOfAConfiguration) {
  const std::string networks = R"("batch": 4, "gradient_shards": 1,
        "encoder": {"width": 24, "depth": 2, "heads": 2, "patch": 8, "frames": 4, "height": 24,
                    "image_width": 24},
        "predictor": {"width": 12, "depth": 1, "heads": 1, "learning_rate_scale": 4})";
  const auto step_of = [&](const std::string& name, const std::string& keys) {
    const std::string out = path(name + ".safetensors");
    const std::string config = write(name + ".json", "{" + keys + ", " + networks + "}");
    const Ran run = program(config + " --warmup 1 --steps 2 --losses 1 --write " + out);
    EXPECT_EQ(run.status, 0) << run.err;
    return parse_json(read_safetensors(out).metadata.at("step"), out);
  };
  const Json features =
      step_of("features", R"("objective": "vjepa", "target": {"normalisation": "instance"})");
  EXPECT_EQ(features.at("instance_targets"), true);
  EXPECT_EQ(features.at("predictor_rate_scale"), 4.0);
  EXPECT_EQ(step_of("pixels", R"("objective": "pixel_mae", "target": {"components": 5})")
                .at("components"),
            5);
  EXPECT_EQ(read_safetensors(path("pixels.safetensors"))
                .tensor("space.components", path("pixels.safetensors"))
                .sizes(),
            at::IntArrayRef({5, 384}));
  const std::string blocks =
      write("blocks.json", R"({"objective": "vjepa", "target": {"blocks": 2}, )" + networks + "}");
  expect_refusal(blocks + " --write " + path("x"), {"blocks.json", "target.blocks", "1", "2"});
}

TEST_F(PretrainBench, WritesTheNoiseOfADenoiser) {
  const std::string config = write("denoise.json", R"({"objective": "denoise", "batch": 4,
        "gradient_shards": 1, "denoise": {"components": 5},
        "encoder": {"width": 24, "depth": 1, "heads": 2, "patch": 8, "frames": 4, "height": 24,
                    "image_width": 24}})");
  const std::string out = path("inputs.safetensors");
  const Ran run = program(config + " --warmup 1 --steps 2 --losses 3 --write " + out);
  ASSERT_EQ(run.status, 0) << run.err;
  const SafetensorsFile file = read_safetensors(out);
  EXPECT_EQ(file.tensor("levels.3", out).sizes(), at::IntArrayRef({4, 4}));
  EXPECT_EQ(file.tensor("noise.3", out).sizes(), at::IntArrayRef({4, 18, 5}));
  EXPECT_EQ(file.tensor("space.components", out).sizes(), at::IntArrayRef({5, 384}));
  EXPECT_EQ(file.tensor("denoiser.patch_embed.proj.weight", out).dim(), 5);
  EXPECT_THROW(file.tensor("noise.4", out), InputError);
  const Json step = parse_json(file.metadata.at("step"), out);
  EXPECT_EQ(step.at("losses").size(), 3U);
  EXPECT_EQ(step.at("denoise").at("parametrisation"), "flow");
  EXPECT_GT(line_of(config + " --warmup 1 --steps 2").at("clips_per_second").get<double>(), 0);
}

TEST_F(PretrainBench, RefusesWhatItCannotTime) {
  const std::string config = tiny_config();
  expect_refusal(config + " --threads 3", {"--threads", "gradient shard (2", "3"});
  expect_refusal(config + " --device tpu", {"--device", "cpu, cuda or auto", "tpu"});
  expect_refusal(config + " --kernels", {"--kernels", "a GPU", "cpu"});
  expect_refusal(config + " --batch 7", {"batch", "multiple of gradient_shards (2)", "7"});
  expect_refusal(config + " --precision half", {"precision", "bfloat16", "half"});
  expect_refusal(config + " --steps 0", {"--steps"});
  expect_refusal(config + " --attention cudnn", {"--attention", "flash, math on cpu", "cudnn"});
  expect_refusal(config + " --peak --profile", {"--peak", "--profile"});
  expect_refusal(path("none.json"), {"none.json"});
  const std::string turned = write("rope.json", R"({"objective": "vjepa", "gradient_shards": 1,
        "encoder": {"width": 24, "depth": 1, "heads": 2, "positions": "rope_3d"},
        "predictor": {"width": 12, "depth": 1, "heads": 1}})");
  expect_refusal(turned + " --write " + path("x"), {"rope.json", "encoder", "plain V-JEPA"});
  const std::string noised = write("noised.json", R"({"objective": "diff_mae", "gradient_shards": 1,
        "encoder": {"width": 24, "depth": 1, "heads": 2},
        "predictor": {"width": 12, "depth": 1, "heads": 1}})");
  expect_refusal(noised + " --write " + path("x"),
                 {"noised.json", "objective: expected vjepa, pixel_mae or denoise", "diff_mae"});
}

}  // namespace pretrain_bench_test
}  // namespace permafrost
