// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an encoder is, apart from its weights: data that travels in the file beside them.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/json/json_object.h"
#include "datasets/clip.h"
#include "models/network/layers/block.h"

namespace permafrost {

// How tokens know where they are.
enum class Positions {
  sincos_3d,  // added table, computed; see sincos_positions
  sincos_1d,  // added table over the token index, computed; see sinusoid_positions
  learned,    // added table that the file holds (trained or not), with a row for a class token
  rope_3d     // queries and keys are turned; see rope.h
};

// How a table for one grid becomes one for another; what is computed is computed anew instead.
enum class TableResize {
  trilinear,         // V-JEPA: over time, height and width, by scale factors
  bicubic,           // MAE, I-JEPA, and DINOv2 in Hugging Face: to the size
  bicubic_offset,    // DINOv2's own code: by (size + 0.1) / old size
  bicubic_antialias  // DINOv2 with registers
};

struct EncoderSpec {
  std::string family =
      "vjepa";     // whose weights: what models/encoders/families knows, and only for messages
  int width = 96;  // D, features a token
  int depth = 4;   // blocks
  int heads = 3;
  int patch = 8;    // P, pixels
  int tubelet = 2;  // frames a token spans
  int frames = 8;   // T of the clip that the position table is made for
  int height = 48;
  int image_width = 48;
  Positions positions = Positions::sincos_3d;
  bool uniform_power = true;  // sincos_3d: equal shares of the table for time, height and width
  TableResize table_resize = TableResize::trilinear;
  bool class_token = false;
  int registers = 0;  // register tokens, between class and patch tokens
  bool layer_scale = false;
  FeedForwardSpec feed_forward;  // of all blocks; one block's own is feed_forward_of()
  std::vector<int> ffn_widths;   // of every block, in place of the one width; empty: none
  // Blocks, 0-based and in order, whose feed-forward layer is experts (experts.h) of a hidden width
  // of expert_width each, or (0) of the block's width over the number that a token goes to.
  RoutingSpec routing;
  int expert_width = 0;
  std::vector<int> expert_blocks;
  bool final_norm = true;  // a norm after the last block
  bool per_frame = false;  // an image encoder: every frame of a clip by itself; tubelet is 1
  double norm_eps = 1e-6;
  // Noise level tau at which clips are seen (models/encoders/input_noise.h); 0: as they are. It is
  // mixed in along so many principal components of patches, which the file holds; 0: into pixels.
  double input_noise = 0;
  int noise_components = 0;
  std::array<double, 3> mean{0.485, 0.456, 0.406};  // of pixels in 0..1, RGB
  std::array<double, 3> deviation{0.229, 0.224, 0.225};

  int grid_t() const { return frames / tubelet; }
  int grid_h() const { return height / patch; }
  int grid_w() const { return image_width / patch; }
  int tokens() const { return grid_t() * grid_h() * grid_w(); }  // N, patch tokens of a clip
  // Tokens that attend to each other, apart from class and registers: those of a frame or a clip.
  int table_tokens() const { return per_frame ? grid_h() * grid_w() : tokens(); }
  int extra_tokens() const { return (class_token ? 1 : 0) + registers; }  // of a frame or a clip
  int patch_values() const { return 3 * tubelet * patch * patch; }
  int hidden() const;  // of the widest block, experts apart
  bool has_experts(int block) const;
  FeedForwardSpec feed_forward_of(int block) const;
  BlockSpec block(int number) const { return {heads, norm_eps, feed_forward_of(number)}; }
  ClipShape clip_shape() const { return {frames, height, image_width}; }
};

// The families by name: vjepa, vjepa2, videomae, vit_mae, ijepa, dinov2.
const std::vector<std::string>& family_names();

// The first `blocks` blocks of it.
EncoderSpec shortened(const EncoderSpec& spec, int blocks);
// Weights of all blocks' feed-forward layers, and those of them that a token meets.
std::int64_t feed_forward_parameters(const EncoderSpec& spec);
std::int64_t active_feed_forward_parameters(const EncoderSpec& spec);

// Throws InputError for unknown keys, and for sizes that do not divide each other.
EncoderSpec read_encoder_spec(const Json& json, const std::string& where);
// What came after the first families is left out where it has its default, so that the identities
// of older records stay.
Json to_json(const EncoderSpec& spec);

}  // namespace permafrost
