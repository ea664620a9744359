// SPDX-License-Identifier: Apache-2.0
#pragma once

// The space in which clips are noised: the leading principal components of patches, or their pixels
// as they are. White noise on all pixels of a large patch is averaged away by the patch embedding
// and teaches little (Chen et al. 2024, arXiv 2401.14404); on a few components it does not.
//
// Networks read patches all the same: coordinates go back to pixels before the patch embedding, so
// that it has the shape of any other encoder's.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "common/json/json_fields.h"
#include "models/network/layers/named_tensors.h"

namespace permafrost {

enum class SpaceKind { pca, pixel };
inline constexpr NamedValue<SpaceKind> kSpaces[] = {{"pca", SpaceKind::pca},
                                                    {"pixel", SpaceKind::pixel}};

// Float32. x = components (patch - mean) / scale, patch = mean + scale * components' x; pixels have
// neither mean nor components. Undefined tensors are 0, the identity, and 1.
struct PatchSpace {
  at::Tensor components;  // [d,values], rows of length 1 at right angles to each other
  at::Tensor mean;        // [values]
  at::Tensor scale;       // [1]
  // [d], of the coordinates x in the directions in which they do not depend on each other within a
  // patch: of the components, their own; of pixels, those of the principal components. Their mean
  // is 1.
  at::Tensor variances;
};

SpaceKind kind_of(const PatchSpace& space);  // by whether there are components

// Visits the tensors that are defined: "components", "mean", "scale", "variances".
void visit(PatchSpace& space, const TensorVisitor& visitor);

// One of the right shapes that is not measured yet: the first values of a patch, as they are.
PatchSpace unmeasured_space(SpaceKind kind, int components, int values);
// Of patches float32 [n,values], n above 1. Computed in float64; every component's largest value is
// positive. Throws InputError naming `where` where patches do not differ at all.
PatchSpace measured_space(SpaceKind kind, int components, const at::Tensor& patches,
                          const std::string& where);

// How many clips of so many tokens measured_space() should be given the patches of.
std::int64_t clips_to_measure_space(std::int64_t tokens);
// Of the patches [n,N,values] of a run's first clips, of which some 20,000 are looked at.
PatchSpace space_of_first_patches(SpaceKind kind, int components, const at::Tensor& patches,
                                  const std::string& where);
// Puts the values of one space into the tensors of another, in place.
void copy_values(PatchSpace& to, PatchSpace from);

// Patches [...,values] to coordinates [...,d] and back; float32.
at::Tensor to_coordinates(const PatchSpace& space, const at::Tensor& patches);
at::Tensor to_patches(const PatchSpace& space, const at::Tensor& coordinates);

}  // namespace permafrost
