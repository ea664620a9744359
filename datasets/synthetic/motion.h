// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an object does over a clip.
//
// Time runs over tau in (-1/2, 1/2). Every state that a motion passes through (place on the torus,
// turn on the circle, phase of the size) is uniform at every tau, whatever the motion: one frame
// says nothing about the label. Classes come in pairs that are each other's time reversal.
#include "common/random.h"

namespace permafrost::synthetic {

enum class MotionKind { right, left, up, down, clockwise, counter_clockwise, swell, deflate };
inline constexpr int kMotions = 8;

struct Motion {
  float vx = 0, vy = 0;   // frame widths a clip
  float spin = 0;         // turns a clip
  float swell = 0;        // cycles of the saw-tooth size a clip; the sign is its direction
  float swell_phase = 0;  // in cycles
  float swell_depth = 0;  // share of the radius
};

// The motion of a class, its speeds drawn from the stream; small parts of the other kinds are mixed
// in as a nuisance.
Motion draw_motion(MotionKind kind, RandomStream& stream);

// The same motion run backwards.
Motion reversed(const Motion& motion);
MotionKind reversed(MotionKind kind);

const char* name_of(MotionKind kind);

}  // namespace permafrost::synthetic
