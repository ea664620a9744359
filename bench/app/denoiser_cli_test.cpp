// SPDX-License-Identifier: Apache-2.0
// A denoiser as a user makes it and freezes it: pretrain, convert, inspect, features.
#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace denoiser_cli_test {
using Json = nlohmann::json;

class DenoiserCli : public Cli {
 protected:
  // Of all tests: the run is made once.
  static std::string of_run(const std::string& name) {
    static const TestFolder folder;
    return (folder / name).string();
  }
  // Leaves denoiser.safetensors: 2 blocks on 4 frames of 24x24.
  void pretrain() const {
    if (std::filesystem::exists(denoiser())) return;
    const std::string config = write("denoise.json", R"({
      "objective": "denoise", "denoise": {"components": 6, "ema": 0.5}, "batch": 8,
      "gradient_shards": 2, "steps": 6, "checkpoint_every": 6, "log_every": 1,
      "learning_rate": {"peak": 0.01},
      "encoder": {"width": 24, "depth": 2, "heads": 2, "frames": 4, "height": 24,
                  "image_width": 24}})");
    const Ran run = program("pretrain " + config + " --out " + of_run("run") + " --quiet");
    ASSERT_EQ(run.status, 0) << run.err;
  }
  static std::string denoiser() { return of_run("run/denoiser.safetensors"); }
  std::string convert(const std::string& rest) const {
    return "convert --encoder " + denoiser() + " --out " + path("frozen.safetensors") + " " + rest;
  }
  at::Tensor features(const std::string& encoder) const {
    write_safetensors(path("clips.safetensors"), {{"clips", fill({2, 4, 3, 24, 24}, 1, 1)}}, {});
    const Ran run = program("features --encoder " + encoder + " --input " +
                            path("clips.safetensors") + " --output " + path("out.safetensors"));
    EXPECT_EQ(run.status, 0) << run.err;
    return read_safetensors(path("out.safetensors")).tensor("features", "out").clone();
  }
};

TEST_F(DenoiserCli, IsFrozenAtALevelAndUsedAsAnyEncoder) {
  pretrain();
  // The run's own encoder is the denoiser at 0.1, all blocks.
  ASSERT_EQ(program(convert("--time 0.1 --bfloat16")).status, 0);
  const at::Tensor own = features(of_run("run/encoder.safetensors"));
  EXPECT_TRUE(features(path("frozen.safetensors")).equal(own));
  ASSERT_EQ(program(convert("--time 0.6 --bfloat16")).status, 0);
  EXPECT_FALSE(features(path("frozen.safetensors")).equal(own));
  const Ran run = program(convert("--time 0.1 --blocks 1 --json"));
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(Json::parse(run.out).at("encoder"), "denoiser at 0.1, 1 blocks");
  const Ran seen = program("inspect " + path("frozen.safetensors") + " --json");
  EXPECT_EQ(seen.status, 0) << seen.err;
  const Json json = Json::parse(seen.out);
  EXPECT_EQ(json.at("spec").at("depth"), 1);
  EXPECT_EQ(json.at("provenance").at("time"), 0.1);
  EXPECT_TRUE(json.at("complete"));
}

TEST_F(DenoiserCli, SeesItsClipsNoisedWhereItIsAsked) {
  pretrain();
  ASSERT_EQ(program(convert("--time 0.3")).status, 0);
  const at::Tensor clean = features(path("frozen.safetensors"));
  ASSERT_EQ(program(convert("--time 0.3 --noised")).status, 0);
  const at::Tensor noised = features(path("frozen.safetensors"));
  EXPECT_FALSE(noised.equal(clean));
  EXPECT_TRUE(noised.equal(features(path("frozen.safetensors"))));
  const Json json = Json::parse(program("inspect " + path("frozen.safetensors") + " --json").out);
  EXPECT_EQ(json.at("spec").at("input_noise"), 0.3);
  EXPECT_EQ(json.at("spec").at("noise_components"), 6);
  EXPECT_TRUE(json.at("complete"));
  // Again by our own format: the space is kept to the last bit.
  ASSERT_EQ(program("convert --bfloat16 --encoder " + path("frozen.safetensors") + " --out " +
                    path("half.safetensors"))
                .status,
            0);
  const auto space_of = [&](const std::string& file) {
    return read_safetensors(path(file)).tensor("noise_space.components", file).clone();
  };
  EXPECT_TRUE(space_of("half.safetensors").equal(space_of("frozen.safetensors")));
}

TEST_F(DenoiserCli, IsInspected) {
  pretrain();
  const Ran run = program("inspect " + denoiser() + " --json");
  ASSERT_EQ(run.status, 0) << run.err;
  const Json json = Json::parse(run.out);
  EXPECT_EQ(json.at("kind"), "denoiser");
  EXPECT_EQ(json.at("parametrisation"), "flow");
  EXPECT_EQ(json.at("space"), "pca");
  EXPECT_EQ(json.at("values_a_token"), 6);
  EXPECT_EQ(json.at("tensors").size(), 6 + 2 * 10 + 4 + 4U);
  for (const auto& fate : json.at("tensors")) EXPECT_EQ(fate.at("fate"), "used") << fate;
  EXPECT_NE(program("inspect " + denoiser()).out.find("denoiser    denoiser, flow, 6 values"),
            std::string::npos);

  // A tensor less, one more, one of another shape.
  SafetensorsFile file = read_safetensors(denoiser());
  NamedTensors tensors = file.tensors;
  for (auto& [name, tensor] : tensors) {
    if (name == "encoder.blocks.1.attn.qkv.bias") name = "encoder.blocks.7.attn.qkv.bias";
    if (name == "space.mean") tensor = tensor.slice(0, 0, 5).clone();
  }
  write_safetensors(path("odd.safetensors"), tensors, file.metadata);
  const Ran odd = program("inspect " + path("odd.safetensors"));
  EXPECT_EQ(odd.status, 1);
  for (const char* part :
       {"NOT USABLE  1 missing: encoder.blocks.1.attn.qkv.bias;", "1 mismatched: space.mean (",
        "1 unexpected: encoder.blocks.7.attn.qkv.bias"})
    EXPECT_NE(odd.out.find(part), std::string::npos) << part << " in " << odd.out;
  expect_refusal("convert --time 0.1 --encoder " + path("odd.safetensors") + " --out " + path("x"),
                 {path("odd.safetensors"), "1 missing", "permafrost inspect lists each"});
  file.metadata["parametrisation"] = "v";
  write_safetensors(path("odd.safetensors"), file.tensors, file.metadata);
  expect_refusal("inspect " + path("odd.safetensors"),
                 {"parametrisation: expected one of flow, eps, found \"v\""});
}

// A released diffusion transformer, small: 2 blocks of width 8 on 16 patches of 2x2 of a latent
// with 4 channels, 3 classes and "no class", noise and its variance predicted.
NamedTensors released_dit() {
  NamedTensors tensors;
  const auto add = [&](const std::string& name, at::IntArrayRef shape) {
    tensors.emplace_back(name, fill(shape, 1, 0.1));
  };
  const auto add_pair = [&](const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  };
  add("pos_embed", {1, 16, 8});
  add("x_embedder.proj.weight", {8, 4, 2, 2});
  add("x_embedder.proj.bias", {8});
  add_pair("t_embedder.mlp.0", 8, 256);
  add_pair("t_embedder.mlp.2", 8, 8);
  add("y_embedder.embedding_table.weight", {4, 8});
  for (const std::string block : {"blocks.0.", "blocks.1."}) {
    add_pair(block + "attn.qkv", 24, 8);
    add_pair(block + "attn.proj", 8, 8);
    add_pair(block + "mlp.fc1", 32, 8);
    add_pair(block + "mlp.fc2", 8, 32);
    add_pair(block + "adaLN_modulation.1", 48, 8);
  }
  add_pair("final_layer.linear", 32, 8);
  add_pair("final_layer.adaLN_modulation.1", 16, 8);
  return tensors;
}

TEST_F(DenoiserCli, ReadsTheNamesOfReleasedDiffusionTransformers) {
  NamedTensors tensors = released_dit();
  write_safetensors(path("dit.safetensors"), tensors, {});
  const Ran run = program("inspect " + path("dit.safetensors") + " --json");
  ASSERT_EQ(run.status, 0) << run.err << run.out;
  const Json json = Json::parse(run.out);
  EXPECT_EQ(json.at("kind"), "diffusion transformer");
  const Json expected{{"width", 8},   {"depth", 2},   {"patch", 2},      {"channels", 4},
                      {"tokens", 16}, {"classes", 3}, {"ffn_width", 32}, {"learn_sigma", true}};
  for (const auto& [key, value] : expected.items()) EXPECT_EQ(json.at(key), value) << key;
  EXPECT_EQ(json.at("tensors").size(), tensors.size());
  for (const auto& fate : json.at("tensors")) EXPECT_EQ(fate.at("fate"), "used") << fate;
  EXPECT_NE(
      program("inspect " + path("dit.safetensors")).out.find("no encoder: it sees 4 channels"),
      std::string::npos);

  for (auto& [name, tensor] : tensors) {
    if (name == "blocks.1.mlp.fc2.bias") name = "blocks.1.mlp.fc3.bias";
    if (name == "blocks.0.attn.qkv.weight") tensor = tensor.slice(0, 0, 23).clone();
  }
  write_safetensors(path("odd.safetensors"), tensors, {});
  const Ran odd = program("inspect " + path("odd.safetensors"));
  EXPECT_EQ(odd.status, 1);
  for (const char* part :
       {"NOT USABLE  1 missing: blocks.1.mlp.fc2.bias;", "1 mismatched: blocks.0.attn.qkv.weight (",
        "1 unexpected: blocks.1.mlp.fc3.bias"})
    EXPECT_NE(odd.out.find(part), std::string::npos) << part << " in " << odd.out;
}

TEST_F(DenoiserCli, SaysWhatIsWrong) {
  pretrain();
  expect_refusal(convert("--time 1.5"), {"time: expected a noise level from 0 to 1, found 1.5"});
  expect_refusal(convert("--time -0.1"), {"time: expected a noise level from 0 to 1, found -0.1"});
  expect_refusal(convert("--time 0.1 --blocks 3"),
                 {"blocks: expected 1 to 2, which the denoiser has, found 3"});
  expect_refusal(convert("--time x"), {"--time"});
  expect_refusal(convert("--blocks 1"), {"--blocks", "--time"});
  expect_refusal(convert("--noised"), {"--noised", "--time"});
  expect_refusal(convert("--time 0 --noised"), {"noised: expected a noise level above 0"});
  expect_refusal(convert("--time 0.1 --noised --to huggingface"),
                 {"input_noise: expected 0: Hugging Face's models see clips as they are"});
  expect_refusal(convert("--time 0.1 --spec {}"), {"--time", "--spec"});
  expect_refusal(convert(""), {denoiser(), "found a denoiser", "permafrost convert --time TAU"});
  expect_refusal("convert --time 0.1 --encoder " + of_run("run/encoder.safetensors") + " --out " +
                     path("x.safetensors"),
                 {of_run("run/encoder.safetensors"), "expected \"permafrost.denoiser.1\""});
  expect_refusal("convert --time 0.1 --encoder pico/nothing --out " + path("x.safetensors"),
                 {"--encoder: expected a denoiser of the zoo", "\"pico/nothing\""});
  expect_refusal("features --encoder " + denoiser() + " --input a --output b",
                 {"found a denoiser"});
  expect_refusal("inspect " + denoiser() + " --on motion", {"found a denoiser"});
  EXPECT_FALSE(std::filesystem::exists(path("frozen.safetensors")));
  EXPECT_FALSE(std::filesystem::exists(path("x.safetensors")));
}

}  // namespace denoiser_cli_test
}  // namespace permafrost
