// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/rope.h"

#include <ATen/ATen.h>

#include "common/error.h"

namespace permafrost {
namespace {

// Angles [M,a] of positions [M]; the arithmetic is float32 as the reference's.
at::Tensor angles(const at::Tensor& positions, int a) {
  const at::Tensor exponents = at::arange(a / 2, at::kFloat) / (a / 2.0);
  const at::Tensor frequencies = at::pow(10000.0, exponents).reciprocal();
  return (positions.to(at::kFloat).unsqueeze(1) * frequencies.to(positions.device()))
      .repeat({1, 2});
}

}  // namespace

Rotation rotation_for(int head_channels, std::int64_t gt, std::int64_t gh, std::int64_t gw,
                      const at::Tensor& kept, const at::Device& device) {
  if (head_channels % 2 != 0)
    throw InputError("rotary positions", "channels a head", "an even number",
                     std::to_string(head_channels));
  const int a = 2 * (head_channels / 3 / 2);
  const at::Tensor index =
      kept.defined() ? kept.reshape({-1})
                     : at::arange(gt * gh * gw, at::TensorOptions(at::kLong).device(device));
  const at::Tensor within = index.remainder(gh * gw);
  const at::Tensor turned =
      at::cat({angles(index.div(gh * gw, "floor"), a), angles(within.div(gw, "floor"), a),
               angles(within.remainder(gw), a)},
              1);
  // Angle 0 for the tail: it is multiplied by 1 and has 0 added.
  const at::Tensor all = at::constant_pad_nd(turned, {0, head_channels - 3 * a});
  const std::int64_t batch = kept.defined() ? kept.size(0) : 1;
  const at::Tensor shaped = all.view({batch, 1, -1, head_channels});
  return {shaped.cos(), shaped.sin()};
}

at::Tensor rotated(const at::Tensor& x, const Rotation& rotation) {
  const at::Tensor pairs = x.unflatten(-1, {-1, 2});
  const at::Tensor partner =
      at::stack({pairs.select(-1, 1).neg(), pairs.select(-1, 0)}, -1).flatten(-2);
  return x * rotation.cos + partner * rotation.sin;
}

}  // namespace permafrost
