// SPDX-License-Identifier: Apache-2.0
#pragma once

// A scene: everything that is drawn for one clip, before pixels.
//
//   const Scene scene = draw_scene({SyntheticTask::motion, Split::train, 17});
//   const Clip clip = render(scene, {8, 48, 48});
//
// The frame is the unit square with its edges joined (a torus), so that an object that leaves on
// the right comes back on the left and its place is uniform at every moment.
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/box.h"
#include "datasets/clip.h"
#include "datasets/synthetic/motion.h"
#include "datasets/synthetic/pattern.h"
#include "datasets/synthetic/shape.h"

namespace permafrost::synthetic {

// Versions of the world are 1 to this one. The pixels of a version never change: what would change
// one makes a new version. The version is part of every cell's key.
inline constexpr int kNewestWorld = 2;

enum class SyntheticTask { appearance, motion, object, scene, fine_grained, localised_action };
inline constexpr int kSyntheticTasks = 6;
enum class Split { train, test };

// A saw-tooth of brightness over the clip.
struct Fade {
  float depth = 0;  // share of the brightness that is lost at its darkest; 0: none
  float rate = 0;   // cycles a clip; the sign is its direction
  float phase = 0;  // in cycles
};

struct Object {
  ShapeKind shape = ShapeKind::disc;
  Pattern pattern;           // fixed to the object; periods over the frame width at rest
  float x = 0.5F, y = 0.5F;  // centre at tau = 0
  float radius = 0.2F;       // frame widths, at its largest
  float turn = 0;            // turns at tau = 0
  Motion motion;
  Fade fade;
};

// A bar across the frame, in front of everything.
struct Occluder {
  bool present = false;
  float direction_x = 1, direction_y = 0;  // unit normal of the bar
  float offset = 0;                        // of its middle line from the frame's centre
  float half_width = 0.03F;
  Rgb tint;
};

struct Lighting {
  float gain = 1;                  // overall
  float slope_x = 0, slope_y = 0;  // change over the frame
  float drift = 0;                 // change over the clip
};

struct Scene {
  int label = 0;
  Pattern ground;
  Fade ground_fade;
  float ground_vx = 0, ground_vy = 0;  // own motion of the background, frame widths a clip
  float camera_vx = 0, camera_vy = 0;  // moves everything but the occluder
  Object main, distractor;
  Occluder occluder;
  Lighting light;
  float noise = 0;  // half-range of uniform sensor noise, 0..1
  std::uint32_t noise_key = 0;
  bool still = false;  // one image repeated: time stands at tau = 0
};

// Names the clip: a pure function of (version, task, split, index).
struct SceneName {
  SyntheticTask task = SyntheticTask::appearance;
  Split split = Split::train;
  std::int64_t index = 0;
  int version = 1;  // of the world
};

Scene draw_scene(const SceneName& name);
// The scene that shows the same film backwards (noise aside); its label is the reversed one where
// `task` is motion.
Scene reversed(const Scene& scene, SyntheticTask task);

Clip render(const Scene& scene, const ClipShape& shape);

// Around the main object in the middle of the clip, at its largest, cut at the frame's edges.
Box box_of(const Scene& scene, const ClipShape& shape);

const char* name_of(SyntheticTask task);
std::vector<std::string> class_names(SyntheticTask task);

}  // namespace permafrost::synthetic
