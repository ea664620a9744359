// SPDX-License-Identifier: Apache-2.0
#pragma once

// Textures: scalar fields over the plane, coloured between two colours.
#include "datasets/synthetic/palette.h"

namespace permafrost::synthetic {

enum class PatternKind { stripes, checks, dots, grid, zigzag, rings, blobs, bricks, plain };
inline constexpr int kTexturedPatterns = 8;  // all but `plain`

struct Pattern {
  PatternKind kind = PatternKind::plain;
  float cycles = 6;                        // periods over the width of the frame
  float direction_x = 1, direction_y = 0;  // unit vector of the first texture axis
  float phase_u = 0, phase_v = 0;          // in periods
  Rgb low, high;
};

// Values in [0,1] of `count` points u = u0 + i*du, v = v0 + i*dv (in periods, phases included).
void pattern_row(PatternKind kind, float u0, float v0, float du, float dv, int count, float* out);

const char* name_of(PatternKind kind);

}  // namespace permafrost::synthetic
