// SPDX-License-Identifier: Apache-2.0
#include "models/position.h"

#include <torch/types.h>

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

}  // namespace permafrost
