// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an encoder is, apart from its weights: data that travels in the file beside them.
#include <array>
#include <cstdint>
#include <string>

#include "common/json_object.h"
#include "datasets/clip.h"

namespace permafrost {

struct EncoderSpec {
  std::string family = "vjepa";
  int width = 96;  // D, features a token
  int depth = 4;   // blocks
  int heads = 3;
  double mlp_ratio = 4.0;
  int patch = 8;    // P, pixels
  int tubelet = 2;  // frames a token spans
  int frames = 8;   // T of the clip that the position table is made for
  int height = 48;
  int image_width = 48;
  bool uniform_power = true;  // equal shares of the position table for time, height and width
  double norm_eps = 1e-6;
  std::array<double, 3> mean{0.485, 0.456, 0.406};  // of pixels in 0..1, RGB
  std::array<double, 3> deviation{0.229, 0.224, 0.225};

  int grid_t() const { return frames / tubelet; }
  int grid_h() const { return height / patch; }
  int grid_w() const { return image_width / patch; }
  int tokens() const { return grid_t() * grid_h() * grid_w(); }  // N
  int patch_values() const { return 3 * tubelet * patch * patch; }
  int hidden() const { return static_cast<int>(width * mlp_ratio); }
  ClipShape clip_shape() const { return {frames, height, image_width}; }
};

// Throws InputError for unknown keys, and for sizes that do not divide each other.
EncoderSpec read_encoder_spec(const Json& json, const std::string& where);
Json to_json(const EncoderSpec& spec);

}  // namespace permafrost
