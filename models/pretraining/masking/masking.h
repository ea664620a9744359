// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which tokens are context and which are predicted.
//
// Rules of the reference implementation (V-JEPA, Bardes et al. 2024, section 3.2 and released
// code): a block size is drawn once a batch and configuration, block places once a sample; blocks
// are cut out of the context; samples of a batch are truncated to the shortest so that they stack.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/json/json_object.h"

namespace permafrost {

struct TokenGrid {
  int t = 0, h = 0, w = 0;
  int tokens() const { return t * h * w; }
};

// One mask of a clip. A strategy is a list of these; the loss is the mean over the list.
struct MaskConfig {
  enum class Kind { blocks, random_tube } kind = Kind::blocks;
  int num_blocks = 8;
  double spatial_scale[2] = {0.15, 0.15};
  double temporal_scale[2] = {1.0, 1.0};
  double aspect_ratio[2] = {0.75, 1.5};
  double max_temporal_keep = 1.0;  // share of the clip, from its start, that may be context
  int max_keep = 0;                // blocks: context tokens at most, the first ones; 0: no limit
  double ratio = 0.9;              // random_tube: share of the places that are masked in all frames
};

struct MaskStrategy {
  std::string name;
  std::vector<MaskConfig> masks;
};

// `multiblock`, its short-range or long-range mask alone (`multiblock_short`, `multiblock_long`),
// `causal_multiblock(6)`, `causal_multiblock(12)` (frames of the paper's 16-frame clip, as a share
// of ours), `random_tube(0.9)`. Throws InputError naming `where` for anything else.
MaskStrategy mask_strategy(const std::string& name, const std::string& where);

// The same from JSON: a name, a list of masks, or {"name": "mine", "masks": [...]}; a mask is
//   {"kind": "blocks", "num_blocks": 8, "spatial_scale": [0.15, 0.15], "temporal_scale": [1, 1],
//    "aspect_ratio": [0.75, 1.5], "max_temporal_keep": 1, "max_keep": 0}
// or {"kind": "random_tube", "ratio": 0.9}; what is left out is as in MaskConfig.
MaskStrategy read_mask_strategy(const Json& json, const std::string& where);

// Either of the two: a text that begins as JSON does is JSON.
MaskStrategy mask_strategy_of(const std::string& text, const std::string& where);

struct Mask {
  at::Tensor context;  // int64 [B,Kc], ascending
  at::Tensor target;   // int64 [B,Ky], ascending
};

// Masks of one batch, one entry a configuration; a pure function of (seed, step).
std::vector<Mask> draw_masks(const MaskStrategy& strategy, const TokenGrid& grid, int batch,
                             std::uint64_t seed, std::uint64_t step);

}  // namespace permafrost
