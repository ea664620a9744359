// SPDX-License-Identifier: Apache-2.0
#pragma once

// permafrost inspect of a denoiser: ours (models/encoders/denoiser_file.h) and released ones
// (models/encoders/families/dit.h).
#include <nlohmann/json.hpp>

#include "bench/app/command_line.h"
#include "models/encoders/denoiser_file.h"
#include "models/encoders/families/dit.h"

namespace permafrost {

// Prints what it is and the fate of every tensor. 0 where every tensor has its place, else 1.
// Throws InputError for metadata that are wrong.
int inspect_denoiser(const CommonOptions& common, const Checkpoint& file);

// The same of a released diffusion transformer, of which no encoder can be made.
int inspect_dit(const CommonOptions& common, const Checkpoint& file, const StateDict& entry);

// Adds those of the zoo to `all`, or prints them as lines whose names are `widest` wide.
void list_zoo_denoisers(const CommonOptions& common, int widest, Json& all);

}  // namespace permafrost
