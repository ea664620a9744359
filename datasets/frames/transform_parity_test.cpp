// SPDX-License-Identifier: Apache-2.0
// Views and float crops against the reference's, for every eval_transform*.safetensors.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/json/json_object.h"
#include "common/testing/parity_files.h"
#include "datasets/clip.h"
#include "datasets/frames/float_crop.h"
#include "datasets/frames/transform.h"

namespace permafrost {
namespace transform_parity_test {

// The tensors of a file, by name. This room knows no tensor library, and needs three types.
class Tensors {
 public:
  explicit Tensors(const std::filesystem::path& path) : bytes_(read_file(path)) {
    std::uint64_t length = 0;
    std::memcpy(&length, bytes_.data(), 8);
    start_ = 8 + length;
    header_ = parse_json(bytes_.substr(8, length), path.string());
  }
  bool has(const std::string& name) const { return header_.contains(name); }
  Json config() const {
    return parse_json(header_.at("__metadata__").at("config").get<std::string>(), "config");
  }
  std::vector<int> shape(const std::string& name) const {
    return header_.at(name).at("shape").get<std::vector<int>>();
  }
  // Throws unless the tensor is of the type asked for.
  template <typename Value>
  std::vector<Value> values(const std::string& name, const char* type) const {
    const Json& entry = header_.at(name);
    if (entry.at("dtype") != type) throw std::runtime_error(name + " is not of type " + type);
    const auto begin = entry.at("data_offsets")[0].get<std::size_t>();
    const auto end = entry.at("data_offsets")[1].get<std::size_t>();
    std::vector<Value> values((end - begin) / sizeof(Value));
    std::memcpy(values.data(), bytes_.data() + start_ + begin, end - begin);
    return values;
  }

 private:
  std::string bytes_;
  Json header_;
  std::size_t start_ = 0;
};

struct Differences {
  std::int64_t pixels = 0, differing = 0;
  int largest = 0;  // in uint8 levels
};

// Our pixels of a view and the reference's normalised ones, [3,T,H,W].
Differences compare_view(const Tensors& file, const std::string& name, const Json& config,
                         const ViewSpec& spec) {
  const std::vector<int> shape = file.shape(name + ".frames");  // [T,H,W,3]
  const int frames = shape[0], height = shape[1], width = shape[2];
  const auto source = file.values<std::uint8_t>(name + ".frames", "U8");
  const std::string view = name + ".view" + std::to_string(spec.view);
  const auto expected = file.values<float>(view, "F32");
  EXPECT_EQ(file.shape(view), (std::vector<int>{3, frames, spec.height, spec.width})) << view;
  const std::size_t pixels =
      static_cast<std::size_t>(spec.height) * static_cast<std::size_t>(spec.width);
  Differences found;
  found.pixels = static_cast<std::int64_t>(expected.size());
  for (int t = 0; t < frames; ++t) {
    std::vector<std::uint8_t> out(pixels * 3);
    // Without antialiasing, at any scale: that is our own addition.
    resize_crop({source.data() + std::ptrdiff_t{t} * height * width * 3, height, width,
                 std::ptrdiff_t{width} * 3},
                plan_view(height, width, spec), false, out.data());
    for (int c = 0; c < 3; ++c) {
      const double mean = config.at("mean")[static_cast<std::size_t>(c)].get<double>();
      const double deviation = config.at("std")[static_cast<std::size_t>(c)].get<double>();
      for (std::size_t k = 0; k < pixels; ++k) {
        const std::size_t at = static_cast<std::size_t>(c * frames + t) * pixels + k;
        const double level = (expected[at] * deviation + mean) * 255;
        const int difference = std::abs(static_cast<int>(std::lround(level)) -
                                        out[k * 3 + static_cast<std::size_t>(c)]);
        found.differing += difference > 0;
        found.largest = std::max(found.largest, difference);
      }
    }
  }
  return found;
}

TEST(TransformParity, EveryViewOfEveryCase) {
  const auto files = parity_files("eval_transform", ".safetensors");
  if (files.empty()) GTEST_SKIP() << "no eval_transform*.safetensors in " << parity_folder();
  for (const auto& path : files) {
    const Tensors file(path);
    const Json config = file.config();
    for (std::size_t k = 0; k < config.at("cases").size(); ++k) {
      const Json& test = config["cases"][k];
      const int crop = test.at("crop").get<int>(), views = test.value("views", 1);
      ViewSpec spec{.height = crop, .width = crop, .views = views};
      spec.short_side = views > 1 ? crop : evaluation_short_side(crop);
      for (; spec.view < views; ++spec.view) {
        const Differences found = compare_view(file, std::to_string(k), config, spec);
        EXPECT_LE(found.largest, 1) << path << ": " << test.dump() << ", view " << spec.view;
        EXPECT_LE(found.differing * 100, found.pixels)
            << path << ": " << test.dump() << ", view " << spec.view;
      }
    }
  }
}

// crop.K.box [4]: first row, first column, height, width; of crop.input, or of crop.K.input.
void compare_crop(const Tensors& file, const std::string& crop, const std::string& where) {
  const std::string input = file.has(crop + ".input") ? crop + ".input" : "crop.input";
  const std::vector<int> shape = file.shape(input), out = file.shape(crop + ".output");
  ASSERT_GE(shape.size(), 3U) << where;
  ASSERT_EQ(out.size(), shape.size()) << where;
  const std::size_t rank = shape.size();
  int planes = 1;
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) planes *= shape[axis];
  const auto box = file.values<std::int64_t>(crop + ".box", "I64");
  const auto source = file.values<float>(input, "F32");
  const auto expected = file.values<float>(crop + ".output", "F32");
  std::vector<float> ours(expected.size());
  resize_crop_float({source.data(), planes, shape[rank - 2], shape[rank - 1]},
                    {static_cast<int>(box.at(0)), static_cast<int>(box.at(1)),
                     static_cast<int>(box.at(2)), static_cast<int>(box.at(3))},
                    out[rank - 2], out[rank - 1], ours.data());
  double difference = 0, total = 0;
  for (std::size_t k = 0; k < ours.size(); ++k) {
    difference += std::pow(double{ours[k]} - double{expected[k]}, 2);
    total += std::pow(double{expected[k]}, 2);
  }
  EXPECT_LT(std::sqrt(difference), 1e-5 * std::sqrt(total)) << where;
}

TEST(TransformParity, EveryFloatCrop) {
  int compared = 0;
  for (const auto& path : parity_files("eval_transform", ".safetensors")) {
    const Tensors file(path);
    for (int k = 0; file.has("crop." + std::to_string(k) + ".box"); ++k, ++compared) {
      const std::string crop = "crop." + std::to_string(k);
      compare_crop(file, crop, path.string() + ": " + crop);
    }
  }
  if (compared == 0)
    GTEST_SKIP() << "no crop.* in eval_transform*.safetensors of " << parity_folder();
}

}  // namespace transform_parity_test
}  // namespace permafrost
