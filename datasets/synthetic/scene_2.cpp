// SPDX-License-Identifier: Apache-2.0
// Version 2 of the world: the ground has textures as strong as those of what stands before it, and
// brightness changes over time, both independent of the label.
//
// Every draw stands in a statement of its own: the order of arguments is the compiler's.
#include <utility>

#include "datasets/synthetic/draws.h"
#include "datasets/synthetic/wave.h"

namespace permafrost::synthetic {
namespace {

Rgb draw_colour(float hue, float saturation_low, float saturation_high, float value,
                RandomStream& stream) {
  return colour(hue, stream.uniform(saturation_low, saturation_high), value);
}

// Kind, scale, run and place of a texture; `cycles` to 3 more over the width of the frame.
Pattern draw_texture(PatternKind kind, float cycles, Split split, RandomStream& stream) {
  Pattern pattern;
  pattern.kind = kind;
  pattern.cycles = cycles + 3.0F * split_uniform(stream, split, 4);
  set_direction(stream.uniform(), pattern.direction_x, pattern.direction_y);
  pattern.phase_u = stream.uniform();
  pattern.phase_v = stream.uniform();
  return pattern;
}

// What the label is about is vivid and all else is grey, whatever the hue: no sum of pixels tells
// one from the other. `flat`: a weak texture of one hue, so that the silhouette stands out.
Pattern draw_vivid(PatternKind kind, bool flat, Split split, RandomStream& stream) {
  Pattern pattern = draw_texture(kind, 6, split, stream);
  const float hue = split_uniform(stream, split, 6);
  const float other = hue + stream.uniform(0.25F, 0.75F);
  const float depth = stream.uniform(0.15F, 0.40F);
  const float top = stream.uniform(0.80F, 1.0F);
  pattern.low = draw_colour(hue, 0.7F, 0.95F, flat ? depth + 0.45F : depth, stream);
  pattern.high = draw_colour(flat ? hue : other, 0.5F, 0.9F, top, stream);
  return pattern;
}

// Two greys with a tinge, `contrast` apart; which of them is the brighter is drawn.
Pattern draw_grey(PatternKind kind, float cycles, float contrast, Split split,
                  RandomStream& stream) {
  Pattern pattern = draw_texture(kind, cycles, split, stream);
  const float value = stream.uniform(0.20F, 0.80F - contrast);
  const float low_hue = stream.uniform(), high_hue = stream.uniform();
  pattern.low = draw_colour(low_hue, 0, 0.25F, value, stream);
  pattern.high = draw_colour(high_hue, 0, 0.25F, value + contrast, stream);
  if (stream.uniform() < 0.5F) std::swap(pattern.low, pattern.high);
  return pattern;
}

Fade draw_fade(RandomStream& stream) {
  Fade fade;
  fade.depth = stream.uniform(0.15F, 0.4F);
  fade.rate = stream.uniform(-1.5F, 1.5F);
  fade.phase = stream.uniform();
  return fade;
}

Motion any_motion(RandomStream& stream) {
  return draw_motion(static_cast<MotionKind>(stream.integer(kMotions)), stream);
}

// Shape, place and motion: independent of every label until a task sets one of them.
void place(Object& object, float radius_low, float radius_high, RandomStream& stream) {
  object.shape = static_cast<ShapeKind>(stream.integer(kShapes));
  object.x = stream.uniform();
  object.y = stream.uniform();
  object.radius = stream.uniform(radius_low, radius_high);
  object.turn = stream.uniform();
  object.motion = any_motion(stream);
}

void draw_all(Scene& scene, Split split, RandomStream& stream) {
  const auto range = [&](float v) { return stream.uniform(-v, v); };
  scene.ground = draw_grey(textured(stream), 3.5F, 0.45F, split, stream);
  scene.ground_vx = range(0.05F);
  scene.ground_vy = range(0.05F);
  scene.camera_vx = range(0.08F);
  scene.camera_vy = range(0.08F);
  scene.main.pattern = draw_vivid(textured(stream), false, split, stream);
  place(scene.main, 0.32F, 0.42F, stream);
  scene.distractor.pattern = draw_grey(textured(stream), 3.5F, 0.5F, split, stream);
  place(scene.distractor, 0.10F, 0.16F, stream);
  scene.light.gain = stream.uniform(0.85F, 1.1F);
  scene.light.slope_x = range(0.15F);
  scene.light.slope_y = range(0.15F);
  scene.light.drift = range(0.15F);
}

// The ground has textures of about the same scale and contrast.
void set_appearance(Scene& scene, Split split, RandomStream& stream) {
  scene.main.pattern.kind = static_cast<PatternKind>(scene.label);
  scene.ground = draw_grey(textured(stream), 5.5F, 0.5F, split, stream);
  scene.main.radius = stream.uniform(0.30F, 0.40F);
}

// Ground and object change their brightness while the object moves and the ground drifts.
void set_motion(Scene& scene, Split split, RandomStream& stream) {
  scene.main.motion = draw_motion(static_cast<MotionKind>(scene.label), stream);
  scene.main.fade = draw_fade(stream);
  scene.ground = draw_grey(textured(stream), 3.5F, 0.25F, split, stream);
  scene.ground_vx = stream.uniform(-0.15F, 0.15F);
  scene.ground_vy = stream.uniform(-0.15F, 0.15F);
  scene.ground_fade = draw_fade(stream);
}

// A second actor half a frame away, somewhat smaller, as vivid, which does something of its own.
void set_action(Scene& scene, Split split, RandomStream& stream) {
  set_motion(scene, split, stream);
  Object &main = scene.main, &other = scene.distractor;
  main.radius = stream.uniform(0.28F, 0.36F);
  main.x = stream.uniform(0.3F, 0.7F);
  main.y = stream.uniform(0.3F, 0.7F);
  // Slowly enough to stay in its box for a good part of the clip.
  main.motion.vx *= 0.7F;
  main.motion.vy *= 0.7F;
  other.pattern = draw_vivid(textured(stream), false, split, stream);
  other.x = fraction(main.x + 0.5F + stream.uniform(-0.06F, 0.06F));
  other.y = fraction(main.y + 0.5F + stream.uniform(-0.06F, 0.06F));
  other.radius = stream.uniform(0.19F, 0.25F);
}

// A photograph of an object: large, upright, of one hue, on a ground that has as much contrast.
void set_object(Scene& scene, Split split, RandomStream& stream) {
  scene.main.pattern = draw_vivid(textured(stream), true, split, stream);
  scene.ground = draw_grey(textured(stream), 5.5F, 0.3F, split, stream);
  scene.main.shape = static_cast<ShapeKind>(scene.label);
  scene.main.radius = stream.uniform(0.34F, 0.42F);
  scene.main.turn = stream.uniform(-0.04F, 0.04F);
  scene.main.motion.swell_depth = 0.1F;
}

// A place in haze, behind two things whose textures are far stronger.
void set_landscape(Scene& scene, Split split, RandomStream& stream) {
  scene.ground = draw_grey(static_cast<PatternKind>(scene.label), 3.5F, 0.13F, split, stream);
  scene.main.radius = stream.uniform(0.28F, 0.36F);
  scene.main.motion.swell_depth = 0.25F;
  scene.distractor.radius = stream.uniform(0.18F, 0.26F);
}

}  // namespace

void fill_scene_2(const SceneName& name, RandomStream& stream, Scene& scene) {
  const Split split = name.split;
  draw_all(scene, split, stream);
  switch (name.task) {
    case SyntheticTask::appearance:
      set_appearance(scene, split, stream);
      break;
    case SyntheticTask::motion:
      set_motion(scene, split, stream);
      break;
    case SyntheticTask::localised_action:
      set_action(scene, split, stream);
      break;
    case SyntheticTask::object:
      set_object(scene, split, stream);
      break;
    case SyntheticTask::fine_grained:
      set_object(scene, split, stream);
      mark_species(scene, stream);
      break;
    case SyntheticTask::scene:
      set_landscape(scene, split, stream);
      break;
  }
  scene.noise = 0.015F;
  scene.noise_key = stream.bits();
}

}  // namespace permafrost::synthetic
