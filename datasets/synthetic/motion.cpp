// SPDX-License-Identifier: Apache-2.0
#include "datasets/synthetic/motion.h"

namespace permafrost::synthetic {

Motion draw_motion(MotionKind kind, RandomStream& stream) {
  Motion motion;
  // Every draw is made whatever the class is, so that the class shifts no later draw.
  const float speed = stream.uniform(0.30F, 0.60F);
  const float spin = stream.uniform(0.30F, 0.60F);
  const float swell = stream.uniform(1.00F, 1.50F);
  motion.vx = stream.uniform(-0.06F, 0.06F);
  motion.vy = stream.uniform(-0.06F, 0.06F);
  motion.spin = stream.uniform(-0.05F, 0.05F);
  motion.swell_phase = stream.uniform();
  motion.swell_depth = 0.45F;
  switch (kind) {
    case MotionKind::right:
      motion.vx = speed;
      break;
    case MotionKind::left:
      motion.vx = -speed;
      break;
    case MotionKind::up:
      motion.vy = -speed;
      break;
    case MotionKind::down:
      motion.vy = speed;
      break;
    case MotionKind::clockwise:
      motion.spin = spin;
      break;
    case MotionKind::counter_clockwise:
      motion.spin = -spin;
      break;
    case MotionKind::swell:
      motion.swell = swell;
      break;
    case MotionKind::deflate:
      motion.swell = -swell;
      break;
  }
  return motion;
}

Motion reversed(const Motion& motion) {
  Motion back = motion;
  back.vx = -motion.vx;
  back.vy = -motion.vy;
  back.spin = -motion.spin;
  back.swell = -motion.swell;
  return back;
}

MotionKind reversed(MotionKind kind) { return static_cast<MotionKind>(static_cast<int>(kind) ^ 1); }

const char* name_of(MotionKind kind) {
  static constexpr const char* kNames[] = {
      "right", "left", "up", "down", "clockwise", "counter_clockwise", "swell", "deflate"};
  return kNames[static_cast<int>(kind)];
}

}  // namespace permafrost::synthetic
