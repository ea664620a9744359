// SPDX-License-Identifier: Apache-2.0
#include "datasets/synthetic/scene.h"

#include "datasets/synthetic/draws.h"
#include "datasets/synthetic/wave.h"

namespace permafrost::synthetic {
namespace {

// `flat`: a weak texture of one hue, so that the silhouette stands out (the still images, where the
// shape is asked for).
Pattern draw_object_pattern(PatternKind kind, bool flat, Split split, RandomStream& stream) {
  Pattern pattern;
  pattern.kind = kind;
  pattern.cycles = 6.0F + 3.0F * split_uniform(stream, split, 4);
  set_direction(stream.uniform(), pattern.direction_x, pattern.direction_y);
  pattern.phase_u = stream.uniform();
  pattern.phase_v = stream.uniform();
  const float hue = split_uniform(stream, split, 6);
  const float other = hue + stream.uniform(0.25F, 0.75F);
  const float depth = stream.uniform(0.15F, 0.40F);
  pattern.low = colour(hue, stream.uniform(0.6F, 0.95F), flat ? depth + 0.45F : depth);
  pattern.high =
      colour(flat ? hue : other, stream.uniform(0.3F, 0.8F), stream.uniform(0.80F, 1.0F));
  return pattern;
}

Pattern draw_ground(Split split, RandomStream& stream) {
  Pattern pattern;
  pattern.kind = textured(stream);
  pattern.cycles = 3.5F + 3.0F * split_uniform(stream, split, 4);
  set_direction(stream.uniform(), pattern.direction_x, pattern.direction_y);
  pattern.phase_u = stream.uniform();
  pattern.phase_v = stream.uniform();
  const float value = stream.uniform(0.30F, 0.60F);
  pattern.low = colour(stream.uniform(), stream.uniform(0.0F, 0.30F), value);
  pattern.high = colour(stream.uniform(), stream.uniform(0.0F, 0.30F), value + 0.16F);
  return pattern;
}

Object draw_distractor(Split split, RandomStream& stream) {
  Object object;
  object.shape = ShapeKind::disc;
  object.pattern.kind = PatternKind::plain;
  object.pattern.low = object.pattern.high = colour(
      split_uniform(stream, split, 6), stream.uniform(0.2F, 0.8F), stream.uniform(0.2F, 0.9F));
  object.x = stream.uniform();
  object.y = stream.uniform();
  object.radius = stream.uniform(0.05F, 0.09F);
  object.motion.vx = stream.uniform(-0.15F, 0.15F);
  object.motion.vy = stream.uniform(-0.15F, 0.15F);
  return object;
}

Occluder draw_occluder(RandomStream& stream) {
  Occluder bar;
  bar.present = stream.uniform() < 0.4F;
  set_direction(stream.uniform(), bar.direction_x, bar.direction_y);
  bar.offset = stream.uniform(-0.35F, 0.35F);
  bar.half_width = stream.uniform(0.02F, 0.045F);
  bar.tint = colour(stream.uniform(), stream.uniform(0.0F, 0.5F), stream.uniform(0.1F, 0.7F));
  return bar;
}

// Still images are photographs of their object: large, upright, unobstructed.
void pose_for_portrait(Scene& scene, RandomStream& stream) {
  scene.main.radius = stream.uniform(0.36F, 0.46F);
  scene.main.turn = stream.uniform(-0.04F, 0.04F);
  scene.main.motion.swell_depth = 0.25F;
  scene.occluder.present = false;
}

// A photograph of a place, in haze: something stands in it, smaller than in a portrait.
void pose_for_landscape(Scene& scene, RandomStream& stream) {
  Pattern& ground = scene.ground;
  const auto fainter = [](float low, float high) { return low + 0.8F * (high - low); };
  ground.high = {fainter(ground.low.r, ground.high.r), fainter(ground.low.g, ground.high.g),
                 fainter(ground.low.b, ground.high.b)};
  scene.main.radius = stream.uniform(0.22F, 0.32F);
  scene.main.motion.swell_depth = 0.25F;
}

// A second actor half a frame away, somewhat smaller, which does something of its own.
void add_second_actor(Scene& scene, Split split, RandomStream& stream) {
  scene.main.radius = stream.uniform(0.28F, 0.36F);
  scene.main.x = stream.uniform(0.3F, 0.7F);
  scene.main.y = stream.uniform(0.3F, 0.7F);
  // Slowly enough to stay in its box for a good part of the clip.
  scene.main.motion.vx *= 0.7F;
  scene.main.motion.vy *= 0.7F;
  scene.occluder.present = false;
  Object& other = scene.distractor;
  other.shape = static_cast<ShapeKind>(stream.integer(kShapes));
  other.pattern = draw_object_pattern(textured(stream), false, split, stream);
  other.x = fraction(scene.main.x + 0.5F + stream.uniform(-0.06F, 0.06F));
  other.y = fraction(scene.main.y + 0.5F + stream.uniform(-0.06F, 0.06F));
  other.radius = stream.uniform(0.19F, 0.25F);
  other.turn = stream.uniform();
  other.motion = draw_motion(static_cast<MotionKind>(stream.integer(kMotions)), stream);
}

constexpr const char* kSpecies[] = {"disc_up",  "disc_across",  "triangle_up", "triangle_across",
                                    "cross_up", "cross_across", "crescent_up", "crescent_across"};

bool is_still(SyntheticTask task) {
  return task == SyntheticTask::object || task == SyntheticTask::scene ||
         task == SyntheticTask::fine_grained;
}

const char* purpose_of(SyntheticTask task, Split split) {
  static constexpr const char* kPurposes[kSyntheticTasks][2] = {
      {"synthetic.appearance.train", "synthetic.appearance.test"},
      {"synthetic.motion.train", "synthetic.motion.test"},
      {"synthetic.object.train", "synthetic.object.test"},
      {"synthetic.scene.train", "synthetic.scene.test"},
      {"synthetic.fine_grained.train", "synthetic.fine_grained.test"},
      {"synthetic.localised_action.train", "synthetic.localised_action.test"}};
  return kPurposes[static_cast<int>(task)][static_cast<int>(split)];
}

}  // namespace

Scene draw_scene(const SceneName& name) {
  RandomStream stream({.seed = static_cast<std::uint64_t>(name.version),
                       .purpose = purpose_of(name.task, name.split),
                       .sample = static_cast<std::uint64_t>(name.index)});
  Scene scene;
  // Classes take turns, so that every prefix of a split is balanced.
  scene.label = static_cast<int>(name.index % 8);
  scene.still = is_still(name.task);
  if (name.version == 2) {
    fill_scene_2(name, stream, scene);
    return scene;
  }
  // All three are drawn, whatever the task, and the task then fixes the one that it asks for.
  auto pattern = textured(stream);
  auto shape = static_cast<ShapeKind>(stream.integer(kShapes));
  auto motion = static_cast<MotionKind>(stream.integer(kMotions));
  switch (name.task) {
    case SyntheticTask::appearance:
      pattern = static_cast<PatternKind>(scene.label);
      break;
    case SyntheticTask::motion:
      motion = static_cast<MotionKind>(scene.label);
      break;
    case SyntheticTask::object:
      shape = static_cast<ShapeKind>(scene.label);
      break;
    case SyntheticTask::localised_action:
      motion = static_cast<MotionKind>(scene.label);
      break;
    case SyntheticTask::scene:
    case SyntheticTask::fine_grained:
      break;
  }
  scene.ground = draw_ground(name.split, stream);
  if (name.task == SyntheticTask::scene) scene.ground.kind = static_cast<PatternKind>(scene.label);
  scene.ground_vx = stream.uniform(-0.05F, 0.05F);
  scene.ground_vy = stream.uniform(-0.05F, 0.05F);
  scene.camera_vx = stream.uniform(-0.08F, 0.08F);
  scene.camera_vy = stream.uniform(-0.08F, 0.08F);
  scene.main.shape = shape;
  const bool flat = name.task == SyntheticTask::object || name.task == SyntheticTask::fine_grained;
  scene.main.pattern = draw_object_pattern(pattern, flat, name.split, stream);
  scene.main.x = stream.uniform();
  scene.main.y = stream.uniform();
  scene.main.radius = stream.uniform(0.30F, 0.42F);
  scene.main.turn = stream.uniform();
  scene.main.motion = draw_motion(motion, stream);
  scene.distractor = draw_distractor(name.split, stream);
  scene.occluder = draw_occluder(stream);
  scene.light.gain = stream.uniform(0.85F, 1.1F);
  scene.light.slope_x = stream.uniform(-0.15F, 0.15F);
  scene.light.slope_y = stream.uniform(-0.15F, 0.15F);
  scene.light.drift = stream.uniform(-0.15F, 0.15F);
  switch (name.task) {
    case SyntheticTask::object:
      pose_for_portrait(scene, stream);
      break;
    case SyntheticTask::fine_grained:
      pose_for_portrait(scene, stream);
      mark_species(scene, stream);
      break;
    case SyntheticTask::scene:
      pose_for_landscape(scene, stream);
      break;
    case SyntheticTask::localised_action:
      add_second_actor(scene, name.split, stream);
      break;
    case SyntheticTask::appearance:
    case SyntheticTask::motion:
      break;
  }
  scene.noise = 0.015F;
  scene.noise_key = stream.bits();
  return scene;
}

Scene reversed(const Scene& scene, SyntheticTask task) {
  Scene back = scene;
  back.ground_vx = -scene.ground_vx;
  back.ground_vy = -scene.ground_vy;
  back.camera_vx = -scene.camera_vx;
  back.camera_vy = -scene.camera_vy;
  back.main.motion = reversed(scene.main.motion);
  back.distractor.motion = reversed(scene.distractor.motion);
  back.ground_fade.rate = -scene.ground_fade.rate;
  for (Object* object : {&back.main, &back.distractor}) {
    object->fade.rate = -object->fade.rate;
  }
  back.light.drift = -scene.light.drift;
  if (task == SyntheticTask::motion || task == SyntheticTask::localised_action)
    back.label = static_cast<int>(reversed(static_cast<MotionKind>(scene.label)));
  return back;
}

Box box_of(const Scene& scene, const ClipShape& shape) {
  const float half = 1.1F * scene.main.radius;
  const float high = half * static_cast<float>(shape.width) / static_cast<float>(shape.height);
  const Object& object = scene.main;
  return {clamped(object.x - half, 0, 1), clamped(object.y - high, 0, 1),
          clamped(object.x + half, 0, 1), clamped(object.y + high, 0, 1)};
}

const char* name_of(SyntheticTask task) {
  static constexpr const char* kNames[] = {"appearance", "motion",       "object",
                                           "scene",      "fine_grained", "localised_action"};
  return kNames[static_cast<int>(task)];
}

std::vector<std::string> class_names(SyntheticTask task) {
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) {
    switch (task) {
      case SyntheticTask::appearance:
      case SyntheticTask::scene:
        names.emplace_back(name_of(static_cast<PatternKind>(i)));
        break;
      case SyntheticTask::motion:
      case SyntheticTask::localised_action:
        names.emplace_back(name_of(static_cast<MotionKind>(i)));
        break;
      case SyntheticTask::object:
        names.emplace_back(name_of(static_cast<ShapeKind>(i)));
        break;
      case SyntheticTask::fine_grained:
        names.emplace_back(kSpecies[i]);
        break;
    }
  }
  return names;
}

}  // namespace permafrost::synthetic
