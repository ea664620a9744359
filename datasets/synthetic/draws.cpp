// SPDX-License-Identifier: Apache-2.0
#include "datasets/synthetic/draws.h"

#include <cmath>

#include "datasets/synthetic/wave.h"

namespace permafrost::synthetic {

float split_uniform(RandomStream& stream, Split split, int bands) {
  const float band = static_cast<float>(stream.integer(static_cast<std::uint32_t>(bands)));
  const float half = split == Split::test ? 0.5F : 0.0F;
  return (band + half + 0.5F * stream.uniform()) / static_cast<float>(bands);
}

void set_direction(float turns, float& x, float& y) {
  // Normalised, so that the error of `wave` does not scale what is rotated.
  const float c = wave(turns + 0.25F), s = wave(turns);
  const float length = std::sqrt(c * c + s * s);
  x = c / length;
  y = s / length;
}

PatternKind textured(RandomStream& stream) {
  return static_cast<PatternKind>(stream.integer(kTexturedPatterns));
}

void mark_species(Scene& scene, RandomStream& stream) {
  static constexpr ShapeKind kBodies[] = {ShapeKind::disc, ShapeKind::triangle, ShapeKind::cross,
                                          ShapeKind::crescent};
  scene.main.shape = kBodies[scene.label / 2];
  Pattern& coat = scene.main.pattern;
  coat.kind = PatternKind::stripes;
  const float jitter = stream.uniform(-0.15F, 0.15F);
  set_direction((static_cast<float>(scene.label % 2) + jitter) / 4.0F, coat.direction_x,
                coat.direction_y);
}

}  // namespace permafrost::synthetic
