// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/box_pooling.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "common/error.h"

namespace permafrost {
namespace {

// How much of cell k of `count` lies between `from` and `to`, in cells.
float overlap(int k, int count, float from, float to) {
  const float begin = from * static_cast<float>(count), end = to * static_cast<float>(count);
  const auto cell = static_cast<float>(k);
  return std::max(0.0F, std::min(end, cell + 1) - std::max(begin, cell));
}

}  // namespace

at::Tensor pooled_in_boxes(const at::Tensor& tokens, const EncoderSpec& spec,
                           std::span<const Box> boxes) {
  const std::int64_t b = tokens.size(0), t = spec.grid_t(), h = spec.grid_h(), w = spec.grid_w();
  if (static_cast<std::int64_t>(boxes.size()) != b || tokens.size(1) != t * h * w)
    throw Error("boxes: " + std::to_string(boxes.size()) + " for tokens " +
                c10::str(tokens.sizes()));
  at::Tensor weights = at::empty({b, h * w}, at::kFloat);
  float* out = weights.data_ptr<float>();
  for (const Box& box : boxes)
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x)
        *out++ = overlap(y, static_cast<int>(h), box.top, box.bottom) *
                 overlap(x, static_cast<int>(w), box.left, box.right);
  weights = (weights / weights.sum(1, true)).to(tokens.device());
  // [B,1,1,HW] x [B,T,HW,D]
  return at::matmul(weights.view({b, 1, 1, h * w}), tokens.view({b, t, h * w, tokens.size(2)}))
      .squeeze(2);
}

std::vector<Box> boxes_of(const ClipSource& source, std::span<const std::int64_t> samples,
                          int clips) {
  std::vector<Box> boxes;
  for (const auto sample : samples) {
    const auto box = source.target(sample).box();
    if (!box) return {};
    boxes.insert(boxes.end(), static_cast<std::size_t>(clips), *box);
  }
  return boxes;
}

}  // namespace permafrost
