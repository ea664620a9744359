// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/given_clips.h"

#include "common/error.h"
#include "models/testing/test_support.h"
#include "probes/encode/features.h"
#include "probes/testing/test_clips.h"

namespace permafrost {
namespace given_clips_test {

at::Tensor pixels(at::IntArrayRef sizes) { return at::randint(256, sizes, at::kByte); }

std::string complaint(const at::Tensor& tensor, const std::string& layout) {
  try {
    given_clips(tensor, layout, "pixels", "");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(GivenClips, AreTheSameInEveryLayout) {
  const at::Tensor clips = pixels({2, 4, 16, 24, 3});  // BTHWC
  const GivenClips plain = given_clips(clips, "BTHWC", "pixels", "");
  EXPECT_TRUE(plain.pixels);
  EXPECT_EQ(plain.shape, (ClipShape{4, 16, 24}));
  EXPECT_EQ(plain.values.data_ptr(), clips.data_ptr()) << "no copy";
  for (const auto& [layout, order] :
       {std::pair<const char*, std::vector<std::int64_t>>{"BTCHW", {0, 1, 4, 2, 3}},
        {"BCTHW", {0, 4, 1, 2, 3}}}) {
    const GivenClips turned = given_clips(clips.permute(order), layout, "pixels", "");
    EXPECT_EQ(turned.shape, plain.shape) << layout;
    EXPECT_TRUE(turned.values.equal(plain.values)) << layout;
  }
}

TEST(GivenClips, TakeValuesOfAnyFloatingPoint) {
  const at::Tensor values = at::randn({1, 3, 4, 16, 16});
  for (const auto type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16}) {
    const GivenClips clips = given_clips(values.to(type), "BCTHW", "pixels", "");
    EXPECT_FALSE(clips.pixels);
    EXPECT_EQ(clips.values.scalar_type(), at::kFloat);
    EXPECT_TRUE(clips.values.equal(values.to(type).to(at::kFloat)));
  }
}

TEST(GivenClips, TakeImagesAsClipsOfOneFrame) {
  EXPECT_EQ(given_clips(pixels({2, 3, 16, 24}), "BTCHW", "", "").shape, (ClipShape{1, 16, 24}));
  EXPECT_EQ(given_clips(pixels({2, 16, 24, 3}), "BTHWC", "", "").shape, (ClipShape{1, 16, 24}));
}

TEST(GivenClips, AStillIsRepeatedForTubelets) {
  const EncoderSpec spec = tiny_spec();
  ASSERT_GT(spec.tubelet, 1);
  const at::Tensor image = pixels({1, 1, spec.height, spec.image_width, 3});
  const GivenClips clips = repeated_still(given_clips(image, "BTHWC", "", ""), spec);
  EXPECT_EQ(clips.shape, spec.clip_shape());
  EXPECT_TRUE(clips.values.select(1, spec.frames - 1).equal(image.select(1, 0)));
}

TEST(GivenClips, NameWhatWasExpectedAndFound) {
  EXPECT_EQ(complaint(pixels({2, 3}), "BTCHW"),
            "pixels: expected clips [B,T,3,H,W] (layout BTCHW) or images [B,3,H,W], found [2, 3]");
  EXPECT_EQ(complaint(pixels({1, 4, 3, 16, 16}), "BTHWC"),
            "pixels: expected clips [B,T,H,W,3] (layout BTHWC) or images [B,H,W,3], found "
            "[1, 4, 3, 16, 16]");
  EXPECT_NE(complaint(pixels({0, 4, 16, 16, 3}), "BTHWC").find("found [0, 4"), std::string::npos);
  EXPECT_EQ(complaint(pixels({1, 4, 16, 16, 3}).to(at::kLong), "BTHWC"),
            "pixels: expected uint8 pixels or floating-point values, found long int");
  EXPECT_EQ(complaint(pixels({1, 4, 16, 16, 3}), "THWC"),
            "pixels: layout: expected BTCHW, BCTHW, BTHWC, found \"THWC\"");
}

TEST(GivenClips, HaveTheFeaturesOfTheEncoder) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const EncoderSpec& spec = encoder.spec;
  const at::Tensor clips = pixels({3, spec.frames, spec.height, spec.image_width, 3});
  const GivenFeatures found =
      features_of(encoder, given_clips(clips, "BTHWC", "", ""), {.layers = {0, spec.depth - 1}});
  EXPECT_TRUE(found.features.equal(encode_pixels(encoder, clips)));
  ASSERT_EQ(found.layers.size(), 2U);
  EXPECT_LT(largest_difference(found.layers[1], found.features), 1e-6);
  EXPECT_GT(largest_difference(found.layers[0], found.features), 1e-3);
  EXPECT_THROW(require_layers(spec, {spec.depth}, "layers"), InputError);
  EXPECT_THROW(require_layers(spec, {-1}, "layers"), InputError);
}

}  // namespace given_clips_test
}  // namespace permafrost
