// SPDX-License-Identifier: Apache-2.0
#include "models/network/joint_encode.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "models/testing/test_support.h"

namespace permafrost {
namespace joint_encode_test {

struct Case {
  const char* what;
  Positions positions = Positions::sincos_3d;
  bool class_token = false;
  int registers = 0;
  bool layer_scale = false;
  const char* feed_forward = kGelu;
  int depth = 2;
};

const Case kCases[] = {
    {"computed table"},
    {.what = "rotated", .positions = Positions::rope_3d},
    {.what = "class token and registers",
     .positions = Positions::learned,
     .class_token = true,
     .registers = 2,
     .layer_scale = true,
     .feed_forward = kSwiglu},
    {.what = "no blocks", .depth = 0},
};

// 2,304 tokens: more than go together.
EncoderSpec spec_of(const Case& c) {
  EncoderSpec spec;
  spec.width = 24;
  spec.depth = c.depth;
  spec.heads = 2;
  spec.patch = 4;
  spec.frames = 128;
  spec.height = spec.image_width = 24;
  spec.positions = c.positions;
  spec.class_token = c.class_token;
  spec.registers = c.registers;
  spec.layer_scale = c.layer_scale;
  spec.feed_forward.kind = c.feed_forward;
  return spec;
}

double relative_error(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).norm().item<double>() / b.norm().item<double>();
}

TEST(JointEncoding, IsEncodeUpToRoundingHoweverThePatchesCome) {
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    const EncoderSpec spec = spec_of(c);
    const VitWeights weights = make_vit(spec, Init::xavier, 3);
    const at::Tensor patches = fill({1, spec.tokens(), spec.patch_values()}, 0.1, 1);
    const at::NoGradGuard no_grad;
    const at::Tensor all = encode(weights, spec, patches, {}, Tokens::all);
    for (const std::int64_t part : {36, 2304, 720}) {
      JointEncoding joint(weights);
      for (std::int64_t begin = 0; begin < spec.tokens(); begin += part)
        joint.add(patches.slice(1, begin, std::min<std::int64_t>(spec.tokens(), begin + part)));
      EXPECT_EQ(joint.tokens(), 2304);
      std::int64_t rows = 0;
      const at::Tensor said = joint.finish(
          weights, spec, {.tokens = Tokens::all, .done = [&](std::int64_t more) { rows += more; }});
      EXPECT_LT(relative_error(said, all), 2e-6) << part;
      EXPECT_EQ(rows, spec.depth * all.size(1));
    }
    std::vector<at::Tensor> by_threads;
    for (const int threads : {1, 3}) {
      JointEncoding joint(weights);
      joint.add(patches);
      by_threads.push_back(joint.finish(weights, spec, {.threads = threads}));
    }
    EXPECT_TRUE(by_threads[0].equal(by_threads[1]));
    EXPECT_EQ(by_threads[0].sizes().vec(), (std::vector<std::int64_t>{1, 2304, 24}));
  }
}

TEST(JointEncoding, RefusesEncodersOfImagesAndOtherNumbersOfTokens) {
  EncoderSpec spec = spec_of({});
  const VitWeights weights = make_vit(spec, Init::xavier, 3);
  JointEncoding joint(weights);
  joint.add(fill({1, 36, spec.patch_values()}, 0, 1));
  EXPECT_THROW(joint.finish(weights, spec), Error);
  spec.per_frame = true;
  const std::string refusal = input_error_of([&] { joint.finish(weights, spec); });
  EXPECT_TRUE(contains(refusal, "it sees every frame by itself")) << refusal;
}

TEST(JointEncoding, PredictsMemoryThatGrowsWithTheTokens) {
  const EncoderSpec spec = spec_of({});
  const double one = joint_bytes(spec, 1e6) - joint_bytes(spec, 0);
  EXPECT_DOUBLE_EQ(joint_bytes(spec, 2e6) - joint_bytes(spec, 0), 2 * one);
  EXPECT_DOUBLE_EQ(one, 7 * 4 * 24 * 1e6);
}

}  // namespace joint_encode_test
}  // namespace permafrost
