// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/encoder.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include "common/files/files.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/network/position.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace encoder_test {

EncoderSpec tiny_spec() {
  EncoderSpec spec;
  spec.width = 16;
  spec.depth = 2;
  spec.heads = 2;
  spec.frames = 4;
  spec.height = 24;
  spec.image_width = 16;
  return spec;
}

class EncoderFile : public testing::Test {
 protected:
  // The file's tensors and metadata, changed and written again.
  void rewrite(
      const std::function<void(NamedTensors&, std::map<std::string, std::string>&)>& change) {
    SafetensorsFile file = read_safetensors(path_);
    change(file.tensors, file.metadata);
    write_safetensors(path_, file.tensors, file.metadata);
  }
  std::string loading_fails() {
    const std::string text = input_error_of([&] { load_encoder_file(path_); });
    EXPECT_TRUE(contains(text, path_.string())) << text;
    return text;
  }

  TestFolder folder_;
  std::filesystem::path path_ = folder_ / "tiny.safetensors";
  Encoder encoder_ = random_encoder(tiny_spec(), 5);
};

TEST_F(EncoderFile, KeepsFloat32WeightsSpecAndProvenance) {
  save_encoder(path_, encoder_.weights, encoder_.spec, {{"steps", 7}}, false);
  const Encoder loaded = load_encoder_file(path_);
  EXPECT_EQ(loaded.name, "tiny");
  EXPECT_EQ(loaded.source, path_.string());
  EXPECT_EQ(loaded.sha256, encoder_.sha256);
  EXPECT_EQ(to_json(loaded.spec), to_json(encoder_.spec));
  EXPECT_EQ(loaded.provenance["steps"], 7);
  EXPECT_TRUE(loaded.weights.pos_embed.equal(encoder_.weights.pos_embed));
  VitWeights before = encoder_.weights, after = loaded.weights;
  const auto one = named_tensors(before), two = named_tensors(after);
  for (std::size_t i = 0; i < one.size(); ++i)
    EXPECT_TRUE(one[i].second.equal(two[i].second)) << one[i].first;
}

TEST_F(EncoderFile, RoundsToBfloat16WhenAsked) {
  save_encoder(path_, encoder_.weights, encoder_.spec, nullptr, true);
  const Encoder loaded = load_encoder_file(path_);
  EXPECT_NE(loaded.sha256, encoder_.sha256);
  VitWeights before = encoder_.weights, after = loaded.weights;
  const auto one = named_tensors(before), two = named_tensors(after);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(two[i].second.dtype(), at::kFloat);
    EXPECT_TRUE(one[i].second.to(at::kBFloat16).to(at::kFloat).equal(two[i].second));
  }
}

Encoder encoder_with_experts() {
  return random_encoder(read_encoder_spec({{"width", 16},
                                           {"depth", 2},
                                           {"heads", 2},
                                           {"patch", 4},
                                           {"frames", 4},
                                           {"height", 8},
                                           {"image_width", 8},
                                           {"experts", 3},
                                           {"experts_chosen", 2},
                                           {"expert_blocks", {1}}},
                                          "a.json"),
                        2);
}

TEST_F(EncoderFile, HoldsExperts) {
  Encoder encoder = encoder_with_experts();
  save_encoder(path_, encoder.weights, encoder.spec, nullptr, false);
  EXPECT_EQ(load_encoder_file(path_).sha256, encoder.sha256);
  // Routers are not rounded: their choices stay those of the training.
  save_encoder(path_, encoder.weights, encoder.spec, nullptr, true);
  const Encoder rounded = load_encoder_file(path_);
  const FeedForwardWeights &before = encoder.weights.blocks[1].mlp,
                           &after = rounded.weights.blocks[1].mlp;
  EXPECT_TRUE(after.gate.equal(before.gate));
  EXPECT_FALSE(after.fc1.weight.equal(before.fc1.weight));
}

TEST_F(EncoderFile, ListsExpertsThatDoNotFit) {
  encoder_ = encoder_with_experts();
  save_encoder(path_, encoder_.weights, encoder_.spec, nullptr, false);
  rewrite([](NamedTensors& tensors, auto&) {
    std::erase_if(tensors,
                  [](const auto& named) { return named.first == "blocks.1.mlp.experts.fc1.bias"; });
    for (auto& [name, tensor] : tensors)
      if (name == "blocks.1.mlp.gate.weight") tensor = at::zeros({4, 16});
    tensors.emplace_back("blocks.0.mlp.gate.weight", at::zeros({3, 16}));
  });
  const std::string text = loading_fails();
  EXPECT_TRUE(contains(text, "1 missing: blocks.1.mlp.experts.fc1.bias")) << text;
  EXPECT_TRUE(contains(text, "blocks.1.mlp.gate.weight (expected [3, 16], found [4, 16]")) << text;
  EXPECT_TRUE(contains(text, "1 unexpected: blocks.0.mlp.gate.weight")) << text;
}

TEST_F(EncoderFile, HashChangesWithAnyWeight) {
  EXPECT_EQ(hash_of(encoder_), encoder_.sha256);
  visit(encoder_.weights, [&](const std::string& name, at::Tensor& tensor) {
    const at::Tensor before = tensor.clone();
    tensor.view(-1)[tensor.numel() - 1] += 1e-3;
    EXPECT_NE(hash_of(encoder_), encoder_.sha256) << name;
    tensor.copy_(before);
  });
  EXPECT_EQ(hash_of(encoder_), encoder_.sha256);
}

TEST_F(EncoderFile, IsFrozenUntilAWeightChanges) {
  EXPECT_NO_THROW(require_frozen(encoder_));
  encoder_.weights.norm.bias[3] += 1e-6;
  EXPECT_THROW(require_frozen(encoder_), Error);
}

TEST_F(EncoderFile, HashIsOfNamesShapesTypesAndBytesAlone) {
  // Pinned: records on disk carry such hashes.
  EXPECT_EQ(hash_of({{"w", at::tensor({1.0F, 2.0F}).view({1, 2})}}),
            "ccaca9a33146453476b14cf13ec974f903da12e4b9095705260e79579750a29b");
  EXPECT_NE(hash_of({{"w", at::zeros({1, 2})}}), hash_of({{"w", at::zeros({2, 1})}}));
  EXPECT_NE(hash_of({{"w", at::zeros({2})}}), hash_of({{"v", at::zeros({2})}}));
}

TEST_F(EncoderFile, ListsWhatDoesNotFit) {
  save_encoder(path_, encoder_.weights, encoder_.spec, nullptr, false);
  rewrite([](NamedTensors& tensors, auto&) {
    tensors.erase(tensors.begin());
    for (auto& [name, tensor] : tensors) {
      if (name == "norm.bias") tensor = at::zeros({3});
      if (name == "norm.weight") tensor = at::zeros({16}, at::kLong);
    }
    tensors.emplace_back("head.weight", at::zeros({1}));
  });
  const std::string text = loading_fails();
  EXPECT_TRUE(contains(text, "1 missing: patch_embed.proj.weight")) << text;
  EXPECT_TRUE(contains(text, "2 mismatched: ")) << text;
  EXPECT_TRUE(contains(text, "norm.bias (expected [16], found [3] float)")) << text;
  EXPECT_TRUE(contains(text, "1 unexpected: head.weight")) << text;
}

TEST_F(EncoderFile, RefusesValuesThatAreNotFinite) {
  const double inf = std::numeric_limits<double>::infinity();
  save_encoder(path_, encoder_.weights, encoder_.spec, nullptr, false);
  rewrite([&](NamedTensors& tensors, auto&) {
    for (auto& [name, tensor] : tensors) {
      if (name == "blocks.1.mlp.fc1.bias") tensor[3] = std::nan("");
      if (name == "norm.weight") tensor.slice(0, 0, 2).fill_(-inf);
      if (name == "norm.bias") tensor = at::full({16}, 1e300, at::kDouble);
    }
  });
  const std::string text = loading_fails();
  EXPECT_TRUE(contains(text, "3 not finite: ")) << text;
  EXPECT_TRUE(contains(text, "blocks.1.mlp.fc1.bias (1 of 64 values are not finite")) << text;
  EXPECT_TRUE(contains(text, "norm.weight (2 of 16 values are not finite numbers)")) << text;
  EXPECT_TRUE(contains(text, "norm.bias (16 of 16 values")) << text;
}

TEST_F(EncoderFile, ListsTheFirstOfMany) {
  save_encoder(path_, encoder_.weights, encoder_.spec, nullptr, false);
  rewrite([](NamedTensors& tensors, auto&) { tensors.resize(1); });
  const std::string text = loading_fails();
  EXPECT_TRUE(contains(text, "27 missing: patch_embed.proj.bias, ")) << text;
  EXPECT_TRUE(contains(text, ", ...")) << text;
}

TEST_F(EncoderFile, RefusesFilesThatAreNoEncoder) {
  const NamedTensors one{{"w", at::zeros({1})}};
  write_safetensors(path_, one, {});
  EXPECT_TRUE(contains(loading_fails(), "known family"));
  write_safetensors(path_, one, {{"format", "permafrost.checkpoint.1"}});
  EXPECT_TRUE(contains(loading_fails(), "\"permafrost.checkpoint.1\""));
  write_safetensors(path_, one, {{"format", "permafrost.encoder.1"}});
  EXPECT_TRUE(contains(loading_fails(), "spec"));
  for (const char* spec : {"{", "[]", "{\"widht\": 16}", "{\"width\": 15}", "{\"patch\": 7}"}) {
    write_safetensors(path_, one, {{"format", "permafrost.encoder.1"}, {"spec", spec}});
    EXPECT_TRUE(contains(loading_fails(), "expected"));
  }
}

class Zoo : public testing::Test {
 protected:
  void SetUp() override { ::setenv("PERMAFROST_ZOO", folder_.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("PERMAFROST_ZOO"); }
  TestFolder folder_;
};

TEST_F(Zoo, FindsEncodersByNameAndByPath) {
  Encoder encoder = random_encoder(tiny_spec(), 5);
  save_encoder(folder_ / "pico/vjepa.safetensors", encoder.weights, encoder.spec, nullptr, false);
  save_encoder(folder_ / "big.safetensors", encoder.weights, encoder.spec, nullptr, false);
  EXPECT_EQ(zoo_names(), (std::vector<std::string>{"big", "pico/vjepa"}));
  const Encoder named = load_encoder("pico/vjepa", "--encoder");
  EXPECT_EQ(named.name, "pico/vjepa");
  EXPECT_EQ(named.source, "zoo");
  EXPECT_EQ(named.sha256, encoder.sha256);
  EXPECT_EQ(load_encoder((folder_ / "big.safetensors").string(), "--encoder").name, "big");
}

TEST_F(Zoo, NamesTheNearestForAnUnknownName) {
  Encoder encoder = random_encoder(tiny_spec(), 5);
  for (const char* name : {"pico/vjepa.safetensors", "pico/pixels.safetensors"})
    save_encoder(folder_ / name, encoder.weights, encoder.spec, nullptr, false);
  const std::string text = input_error_of([] { load_encoder("pico/vjeppa", "--encoder"); });
  EXPECT_TRUE(contains(text, "--encoder: expected a zoo name (pico/pixels, pico/vjepa), ")) << text;
  EXPECT_TRUE(contains(text, "nearest name: \"pico/vjepa\"")) << text;
}

TEST_F(Zoo, NamesTheNearestOfTheSuiteAndListsNoMoreThanOneReads) {
  for (int i = 0; i < 20; ++i)
    write_file_atomically(folder_ / ("pico/v" + std::to_string(i) + ".safetensors"), "");
  const std::string text = input_error_of([] {
    load_encoder("random-ini", "--encoder", {}, {"random-init", "v"});
  });
  EXPECT_TRUE(contains(text,
                       "expected an encoder of the suite, a zoo name (`permafrost inspect` "
                       "lists 20), a checkpoint"))
      << text;
  EXPECT_TRUE(contains(text, "nearest name: \"random-init\"")) << text;
}

TEST_F(Zoo, SaysSoWhenItIsEmpty) {
  EXPECT_TRUE(zoo_names().empty());
  const std::string text = input_error_of([] { load_encoder("x", "--encoder"); });
  EXPECT_EQ(text,
            "--encoder: expected a zoo name, a checkpoint or a Hugging Face folder, found "
            "\"x\"");
  ::setenv("PERMAFROST_ZOO", (folder_ / "absent").c_str(), 1);
  EXPECT_TRUE(zoo_names().empty());
}

TEST(RandomEncoder, IsAFunctionOfItsSeed) {
  EXPECT_EQ(random_encoder(tiny_spec(), 1).sha256, random_encoder(tiny_spec(), 1).sha256);
  EXPECT_NE(random_encoder(tiny_spec(), 1).sha256, random_encoder(tiny_spec(), 2).sha256);
}

TEST(PixelEncoder, TokensAreNormalisedPixelsAtTheirPlaces) {
  const EncoderSpec like = tiny_spec();
  const Encoder encoder = pixel_encoder(like, false);
  EXPECT_EQ(encoder.spec.width, like.patch_values());
  EXPECT_EQ(encoder.spec.clip_shape(), like.clip_shape());
  const at::Tensor pixels = at::arange(like.frames * like.height * like.image_width * 3, at::kLong)
                                .remainder(251)
                                .to(at::kByte)
                                .view({1, like.frames, like.height, like.image_width, 3});
  const at::Tensor patches = patchify(pixels, like);
  const at::Tensor expected =
      patches + sincos_positions(like.patch_values(), like.grid_t(), like.grid_h(), like.grid_w(),
                                 like.uniform_power);
  EXPECT_LT((encode(encoder.weights, encoder.spec, patches) - expected).abs().max().item<float>(),
            1e-6);
}

TEST(PixelEncoder, OneFrameIsAClipOfOne) {
  const Encoder encoder = pixel_encoder(tiny_spec(), true);
  EXPECT_EQ(encoder.spec.frames, 1);
  EXPECT_EQ(encoder.spec.tubelet, 1);
  EXPECT_EQ(encoder.spec.width, 3 * tiny_spec().patch * tiny_spec().patch);
  EXPECT_NE(encoder.sha256, pixel_encoder(tiny_spec(), false).sha256);
}

}  // namespace encoder_test
}  // namespace permafrost
