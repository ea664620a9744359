// SPDX-License-Identifier: Apache-2.0
#pragma once

// Random erasing: one box of a clip, the same in all frames, is filled with noise that is fresh at
// every pixel of every frame.
//
//   erase_box(stream, {.probability = 0.25}, clip);
#include "common/random.h"
#include "datasets/clip.h"

namespace permafrost {

struct ErasingRule {
  double probability = 0;                          // of a clip
  double least_area = 0.02, most_area = 1.0 / 3;   // share of the frame
  double least_ratio = 0.3, most_ratio = 1 / 0.3;  // height / width
  bool operator==(const ErasingRule&) const = default;
};

// Up to a hundred boxes are drawn until one is smaller than the frame on both sides; returns
// whether a box was erased. The reference puts N(0,1) into normalised values; here the pixels are
// mean + deviation * N(0,1) of the ImageNet normalisation, rounded and cut to 0..255 (which cuts
// what lies beyond about two deviations). Source: facebookresearch/jepa,
// src/datasets/utils/video/randerase.py.
bool erase_box(RandomStream& stream, const ErasingRule& rule, Clip& clip);

}  // namespace permafrost
