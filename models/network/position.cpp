// SPDX-License-Identifier: Apache-2.0
#include "models/network/position.h"

#include <ATen/ATen.h>

#include <cmath>

#include "common/error.h"

namespace permafrost {
namespace {

// [positions, share]: all sines, then all cosines.
at::Tensor axis_table(int positions, int share) {
  const int half = share / 2;
  at::Tensor table = at::empty({positions, share}, at::kDouble);
  auto cells = table.accessor<double, 2>();
  for (int p = 0; p < positions; ++p) {
    for (int k = 0; k < half; ++k) {
      const double angle = p / std::pow(10000.0, static_cast<double>(k) / half);
      cells[p][k] = std::sin(angle);
      cells[p][half + k] = std::cos(angle);
    }
  }
  return table;
}

}  // namespace

at::Tensor sincos_positions(int width, int gt, int gh, int gw, bool uniform_power) {
  if (!uniform_power && width % 8 != 0)
    throw InputError("position table", "width", "a multiple of 8 where axes have unequal shares",
                     std::to_string(width));
  const int even = 2 * ((width + 5) / 6);
  const int share_t = uniform_power ? even : width / 2;
  const int share_s = uniform_power ? even : width / 4;
  const auto spread = [&](const at::Tensor& table, at::IntArrayRef shape) {
    return table.view(shape).expand({gt, gh, gw, table.size(1)});
  };
  const at::Tensor rows = at::cat({spread(axis_table(gt, share_t), {gt, 1, 1, share_t}),
                                   spread(axis_table(gh, share_s), {1, gh, 1, share_s}),
                                   spread(axis_table(gw, share_s), {1, 1, gw, share_s})},
                                  3);
  return rows.slice(3, 0, width)
      .reshape({1, std::int64_t{gt} * gh * gw, width})
      .to(at::kFloat)
      .contiguous();
}

at::Tensor sinusoid_positions(int width, int tokens) {
  at::Tensor table = at::empty({tokens, width}, at::kDouble);
  auto cells = table.accessor<double, 2>();
  for (int n = 0; n < tokens; ++n) {
    for (int j = 0; j < width; ++j) {
      const double angle = n / std::pow(10000.0, 2.0 * (j / 2) / width);
      cells[n][j] = j % 2 == 0 ? std::sin(angle) : std::cos(angle);
    }
  }
  return table.to(at::kFloat).unsqueeze(0);
}

at::Tensor make_positions(const EncoderSpec& spec) {
  switch (spec.positions) {
    case Positions::sincos_3d:
      return sincos_positions(spec.width, spec.grid_t(), spec.grid_h(), spec.grid_w(),
                              spec.uniform_power);
    case Positions::sincos_1d:
      return sinusoid_positions(spec.width, spec.table_tokens());
    case Positions::learned:
      return at::zeros({1, spec.table_tokens() + (spec.class_token ? 1 : 0), spec.width});
    case Positions::rope_3d:
      break;
  }
  return {};
}

namespace {

// [1,Gt,Gh,Gw,D] to the grid of `to` by scale factors, which decide the size and the coordinates.
at::Tensor trilinear(const at::Tensor& table, const EncoderSpec& from, const EncoderSpec& to) {
  const double scales[] = {static_cast<double>(to.grid_t()) / from.grid_t(),
                           static_cast<double>(to.grid_h()) / from.grid_h(),
                           static_cast<double>(to.grid_w()) / from.grid_w()};
  const at::Tensor cells = table.view({1, from.grid_t(), from.grid_h(), from.grid_w(), -1});
  return at::upsample_trilinear3d(cells.permute({0, 4, 1, 2, 3}), std::nullopt, false, scales)
      .permute({0, 2, 3, 4, 1});
}

at::Tensor bicubic(const at::Tensor& table, const EncoderSpec& from, const EncoderSpec& to) {
  const at::Tensor cells = table.view({1, from.grid_h(), from.grid_w(), -1}).permute({0, 3, 1, 2});
  const std::int64_t size[] = {to.grid_h(), to.grid_w()};
  at::Tensor resized;
  if (to.table_resize == TableResize::bicubic_antialias) {
    resized = at::_upsample_bicubic2d_aa(cells, size, false, std::nullopt, std::nullopt);
  } else if (to.table_resize == TableResize::bicubic_offset) {
    // The 0.1 keeps the size from being rounded down; the coordinates carry it too.
    const double scales[] = {(to.grid_h() + 0.1) / from.grid_h(),
                             (to.grid_w() + 0.1) / from.grid_w()};
    resized = at::upsample_bicubic2d(cells, std::nullopt, false, scales);
  } else {
    resized = at::upsample_bicubic2d(cells, size, false, std::nullopt, std::nullopt);
  }
  return resized.permute({0, 2, 3, 1}).unsqueeze(1);
}

}  // namespace

at::Tensor resized_positions(const at::Tensor& table, const EncoderSpec& from,
                             const EncoderSpec& to) {
  const std::int64_t head = from.class_token ? 1 : 0, width = table.size(2);
  const at::Tensor patches = table.slice(1, head, table.size(1)).contiguous();
  const at::Tensor cells = to.table_resize == TableResize::trilinear ? trilinear(patches, from, to)
                                                                     : bicubic(patches, from, to);
  const std::vector<std::int64_t> expected{1, to.per_frame ? 1 : to.grid_t(), to.grid_h(),
                                           to.grid_w(), width};
  if (cells.sizes() != at::IntArrayRef(expected))
    throw InputError("position table", "size", c10::str(at::IntArrayRef(expected)),
                     c10::str(cells.sizes()), "the family's rule rounds this size down");
  return at::cat({table.slice(1, 0, head), cells.reshape({1, -1, width})}, 1);
}

}  // namespace permafrost
