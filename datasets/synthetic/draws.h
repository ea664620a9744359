// SPDX-License-Identifier: Apache-2.0
#pragma once

// Draws that both versions of the world share.
#include "common/random.h"
#include "datasets/synthetic/pattern.h"
#include "datasets/synthetic/scene.h"

namespace permafrost::synthetic {

// A value of [0,1) from the half of the range that belongs to the split: bands alternate, so that
// test textures and colours lie between those of training but are never among them.
float split_uniform(RandomStream& stream, Split split, int bands);

// The unit vector of an angle in turns.
void set_direction(float turns, float& x, float& y);

// Any kind but `plain`.
PatternKind textured(RandomStream& stream);

// The main object as a species of fine_grained: a body, of four, and on it the run of its faint
// stripes, up or across. Both have to be seen.
void mark_species(Scene& scene, RandomStream& stream);

// All that version 2 draws for a clip, into a scene that has its label.
void fill_scene_2(const SceneName& name, RandomStream& stream, Scene& scene);

}  // namespace permafrost::synthetic
