// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/transform.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/files.h"
#include "common/json_object.h"
#include "datasets/clip.h"

namespace permafrost {
namespace {

using Pixels = std::vector<std::uint8_t>;

Pixels resized(const Pixels& pixels, int height, int width, const ResizeCrop& plan,
               bool antialias = true) {
  Pixels out(static_cast<std::size_t>(plan.height) * static_cast<std::size_t>(plan.width) * 3);
  resize_crop({pixels.data(), height, width, std::ptrdiff_t{width} * 3}, plan, antialias,
              out.data());
  return out;
}

ResizeCrop whole(int height, int width) { return {height, width, 0, 0, height, width}; }

Pixels ramp(int height, int width) {
  Pixels pixels(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3);
  for (std::size_t k = 0; k < pixels.size(); ++k) pixels[k] = static_cast<std::uint8_t>(k % 251);
  return pixels;
}

TEST(PlanView, SingleViewOfTheReference) {
  const auto plan = [](int height, int width, int crop) {
    return plan_view(height, width,
                     {.height = crop, .width = crop, .short_side = evaluation_short_side(crop)});
  };
  EXPECT_EQ(evaluation_short_side(224), 256);
  EXPECT_EQ(evaluation_short_side(384), 438);
  EXPECT_EQ(plan(240, 320, 224), (ResizeCrop{256, 341, 16, 58, 224, 224}));
  EXPECT_EQ(plan(256, 340, 224), (ResizeCrop{256, 340, 16, 58, 224, 224}));
  EXPECT_EQ(plan(360, 640, 384), (ResizeCrop{438, 778, 27, 197, 384, 384}));
  EXPECT_EQ(plan(480, 270, 224), (ResizeCrop{455, 256, 116, 16, 224, 224}));
  EXPECT_EQ(plan(240, 320, 256), (ResizeCrop{292, 389, 18, 66, 256, 256}));
}

TEST(PlanView, ThreeViewsAlongTheLongSide) {
  const ViewSpec last{.short_side = 224, .view = 2, .views = 3};
  EXPECT_EQ(plan_view(240, 320, last), (ResizeCrop{224, 298, 0, 74, 224, 224}));
  EXPECT_EQ(plan_view(480, 270, last), (ResizeCrop{398, 224, 174, 0, 224, 224}));
  EXPECT_EQ(plan_view(100, 100, last), (ResizeCrop{224, 224, 0, 0, 224, 224}));
}

TEST(PlanView, WithoutShortSideTheCropIsJustCovered) {
  EXPECT_EQ(plan_view(240, 320, {.height = 48, .width = 48}), (ResizeCrop{48, 64, 0, 8, 48, 48}));
  EXPECT_EQ(plan_view(240, 320, {.height = 32, .width = 64}), (ResizeCrop{48, 64, 8, 0, 32, 64}));
  EXPECT_EQ(plan_view(1, 9000, {.height = 8, .width = 8}), (ResizeCrop{8, 72000, 0, 35996, 8, 8}));
}

TEST(PlanView, RefusesACropThatIsTooLarge) {
  try {
    plan_view(240, 320, {.height = 224, .width = 224, .short_side = 200});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "view: crop: expected at most 200x266, the size after resizing, found 224x224");
  }
  EXPECT_THROW(plan_view(0, 5, {}), InputError);
  EXPECT_THROW(plan_view(5, 5, {.height = 0}), InputError);
  EXPECT_THROW(plan_view(5, 5, {.view = 1}), InputError);
}

TEST(ResizeCropPixels, SameSizeIsACopy) {
  const Pixels pixels = ramp(6, 9);
  EXPECT_EQ(resized(pixels, 6, 9, whole(6, 9)), pixels);
  const Pixels crop = resized(pixels, 6, 9, {6, 9, 2, 3, 2, 4});
  EXPECT_EQ(crop[0], pixels[(2 * 9 + 3) * 3]);
  EXPECT_EQ(crop[12], pixels[(3 * 9 + 3) * 3]);
}

TEST(ResizeCropPixels, BilinearAsOpenCv) {
  const Pixels out = resized(ramp(6, 9), 6, 9, whole(4, 6));
  const int expected[6] = {7, 12, 16, 21, 25, 30};
  for (std::size_t x = 0; x < 6; ++x) EXPECT_EQ(out[x * 3], expected[x]) << x;
}

TEST(ResizeCropPixels, CropIsThatPartOfTheWhole) {
  const Pixels pixels = ramp(31, 45);
  for (const int side : {8, 20, 60}) {  // area, bilinear, enlarged
    const Pixels all = resized(pixels, 31, 45, whole(side, side + 5));
    const Pixels part = resized(pixels, 31, 45, {side, side + 5, 3, 4, 2, 6});
    for (int y = 0; y < 2; ++y) {
      for (int k = 0; k < 18; ++k) {
        EXPECT_EQ(part[static_cast<std::size_t>(y * 18 + k)],
                  all[static_cast<std::size_t>(((y + 3) * (side + 5) + 4) * 3 + k)]);
      }
    }
  }
}

TEST(ResizeCropPixels, AFlatPictureStaysFlat) {
  for (const int value : {0, 1, 128, 254, 255}) {
    const Pixels pixels(std::size_t{37 * 53 * 3}, static_cast<std::uint8_t>(value));
    for (const auto& [height, width] : {std::pair{5, 7}, {30, 40}, {74, 11}, {100, 200}}) {
      for (const std::uint8_t out : resized(pixels, 37, 53, whole(height, width))) {
        ASSERT_EQ(out, value) << height << "x" << width;
      }
    }
  }
}

TEST(ResizeCropPixels, StrongShrinkingDoesNotAlias) {
  // Stripes of one pixel: the mean is grey, but two samples of it may be black.
  Pixels pixels(std::size_t{240 * 320 * 3});
  for (std::size_t k = 0; k < pixels.size(); ++k) pixels[k] = k / 3 % 320 % 5 == 0 ? 255 : 0;
  for (const std::uint8_t out : resized(pixels, 240, 320, whole(48, 64))) ASSERT_EQ(out, 51);
  int black = 0;
  for (const std::uint8_t out : resized(pixels, 240, 320, whole(48, 64), false)) black += out == 0;
  EXPECT_GT(black, 0);
}

TEST(ResizeCropPixels, RowsMayBePadded) {
  const Pixels pixels = ramp(6, 9);
  Pixels padded(6 * 40, 99);
  for (std::size_t y = 0; y < 6; ++y) std::memcpy(&padded[y * 40], &pixels[y * 27], 27);
  Pixels out(4 * 6 * 3);
  resize_crop({padded.data(), 6, 9, 40}, whole(4, 6), true, out.data());
  EXPECT_EQ(out, resized(pixels, 6, 9, whole(4, 6)));
}

// A tensor of a .safetensors file, by name.
struct Tensors {
  std::string bytes;
  Json header;
  std::size_t start = 0;

  explicit Tensors(const std::filesystem::path& path) : bytes(read_file(path)) {
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    start = 8 + length;
    header = parse_json(bytes.substr(8, length), path.string());
  }
  const char* data(const std::string& name) const {
    return bytes.data() + start + header.at(name).at("data_offsets")[0].get<std::size_t>();
  }
};

// Every difference between our view and the reference's normalised one, in uint8 levels.
void compare_view(const Tensors& file, const std::string& name, const Json& config,
                  const ClipShape& source, const ViewSpec& spec, int* differing, int* largest) {
  const auto* frames = reinterpret_cast<const std::uint8_t*>(file.data(name + ".frames"));
  const std::string view = name + ".view" + std::to_string(spec.view);
  const ResizeCrop plan = plan_view(source.height, source.width, spec);
  const int pixels = spec.height * spec.width;
  for (int t = 0; t < source.frames; ++t) {
    Pixels out(static_cast<std::size_t>(pixels) * 3);
    resize_crop({frames + std::ptrdiff_t{t} * source.height * source.width * 3, source.height,
                 source.width, std::ptrdiff_t{source.width} * 3},
                plan, true, out.data());
    for (int c = 0; c < 3; ++c) {
      for (int k = 0; k < pixels; ++k) {
        float value = 0;
        std::memcpy(&value, file.data(view) + ((c * source.frames + t) * pixels + k) * 4, 4);
        const double level =
            (value * config["std"][c].get<double>() + config["mean"][c].get<double>()) * 255;
        const int difference = std::abs(static_cast<int>(std::lround(level)) -
                                        out[static_cast<std::size_t>(k * 3 + c)]);
        *differing += difference > 0;
        *largest = std::max(*largest, difference);
      }
    }
  }
}

TEST(ResizeCropPixels, AgreesWithTheReference) {
  const char* named = std::getenv("PERMAFROST_PARITY_DIR");
  const std::filesystem::path folder =
      named != nullptr ? named : PERMAFROST_SOURCE_DIR "/models/parity";
  std::error_code error;
  int files = 0, differing = 0, largest = 0;
  for (const auto& item : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = item.path().filename().string();
    if (!name.starts_with("eval_transform") || !name.ends_with(".safetensors")) continue;
    ++files;
    const Tensors file(item.path());
    const Json config = parse_json(file.header["__metadata__"]["config"].get<std::string>(), name);
    for (std::size_t k = 0; k < config["cases"].size(); ++k) {
      const Json& test = config["cases"][k];
      const int crop = test["crop"].get<int>(), views = test["views"].get<int>();
      for (int view = 0; view < views; ++view) {
        compare_view(
            file, std::to_string(k), config,
            {test["frames"].get<int>(), test["height"].get<int>(), test["width"].get<int>()},
            {.height = crop,
             .width = crop,
             .short_side = views > 1 ? crop : evaluation_short_side(crop),
             .view = view,
             .views = views},
            &differing, &largest);
      }
    }
  }
  if (files == 0) GTEST_SKIP() << "no eval_transform*.safetensors in " << folder;
  EXPECT_EQ(differing, 0) << "largest difference " << largest;
}

}  // namespace
}  // namespace permafrost
