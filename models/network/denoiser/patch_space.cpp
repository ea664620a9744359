// SPDX-License-Identifier: Apache-2.0
#include "models/network/denoiser/patch_space.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/error.h"

namespace permafrost {

void visit(PatchSpace& space, const TensorVisitor& visitor) {
  if (space.components.defined()) visitor("components", space.components);
  if (space.mean.defined()) visitor("mean", space.mean);
  if (space.scale.defined()) visitor("scale", space.scale);
  if (space.variances.defined()) visitor("variances", space.variances);
}

SpaceKind kind_of(const PatchSpace& space) {
  return space.components.defined() ? SpaceKind::pca : SpaceKind::pixel;
}

PatchSpace unmeasured_space(SpaceKind kind, int components, int values) {
  PatchSpace space{.scale = at::ones({1}), .variances = at::ones({values})};
  if (kind == SpaceKind::pixel) return space;
  space.components = at::eye(components, values);
  space.mean = at::zeros({values});
  space.variances = at::ones({components});
  return space;
}

namespace {

// Every row with the sign that makes its largest value, by magnitude, positive.
at::Tensor with_fixed_signs(const at::Tensor& rows) {
  const at::Tensor largest = rows.gather(1, rows.abs().argmax(1, true));
  return rows * largest.sign();
}

}  // namespace

PatchSpace measured_space(SpaceKind kind, int components, const at::Tensor& patches,
                          const std::string& where) {
  const at::Tensor rows = patches.to(at::kDouble);
  const at::Tensor mean = rows.mean(0), centred = rows - mean;
  const at::Tensor covariance =
      at::mm(centred.t(), centred) / static_cast<double>(rows.size(0) - 1);
  const auto [ascending, columns] = at::linalg_eigh(covariance);
  const std::int64_t wanted = kind == SpaceKind::pca ? components : rows.size(1);
  const at::Tensor variances = ascending.flip(0).slice(0, 0, wanted).clamp_min(0);
  const double variance = variances.mean().item<double>();
  if (!(variance > 1e-12))
    throw InputError(where, "real_clips", "first clips whose patches differ",
                     "patches that are all the same");
  PatchSpace space{.scale = at::full({1}, std::sqrt(variance), at::kFloat),
                   .variances = (variances / variance).to(at::kFloat)};
  if (kind == SpaceKind::pixel) return space;
  space.components =
      with_fixed_signs(columns.t().flip(0).slice(0, 0, wanted)).to(at::kFloat).contiguous();
  space.mean = mean.to(at::kFloat);
  return space;
}

namespace {
constexpr std::int64_t kPatchesMeasured = 20000;
}

std::int64_t clips_to_measure_space(std::int64_t tokens) {
  constexpr std::int64_t kFewest = 32;
  return std::max(kFewest, (kPatchesMeasured + tokens - 1) / tokens);
}

PatchSpace space_of_first_patches(SpaceKind kind, int components, const at::Tensor& patches,
                                  const std::string& where) {
  const at::Tensor rows = patches.flatten(0, 1);
  const std::int64_t every = std::max<std::int64_t>(1, rows.size(0) / kPatchesMeasured);
  return measured_space(kind, components, rows.slice(0, 0, rows.size(0), every), where);
}

void copy_values(PatchSpace& to, PatchSpace from) {
  std::vector<at::Tensor> values;
  visit(from, [&](const std::string&, at::Tensor& t) { values.push_back(t); });
  std::size_t next = 0;
  visit(to, [&](const std::string&, at::Tensor& t) { t.copy_(values.at(next++)); });
}

at::Tensor to_coordinates(const PatchSpace& space, const at::Tensor& patches) {
  at::Tensor x = space.mean.defined() ? patches - space.mean : patches;
  if (space.components.defined()) x = at::matmul(x, space.components.t());
  return space.scale.defined() ? x / space.scale : x;
}

at::Tensor to_patches(const PatchSpace& space, const at::Tensor& coordinates) {
  at::Tensor x = space.scale.defined() ? coordinates * space.scale : coordinates;
  if (space.components.defined()) x = at::matmul(x, space.components);
  return space.mean.defined() ? x + space.mean : x;
}

}  // namespace permafrost
