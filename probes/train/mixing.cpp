// SPDX-License-Identifier: Apache-2.0
#include "probes/train/mixing.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace permafrost {
namespace {

// A box of the share 1 - own of the frame around a uniform centre, cut at the edges; `own` then
// follows from what is left of it.
Mix draw_box(double own, const ClipShape& shape, RandomStream& stream) {
  const double side = std::sqrt(1 - own);
  const auto range = [&](int size, int& begin, int& length) {
    const int cut = static_cast<int>(size * side);
    const int centre = static_cast<int>(stream.integer(static_cast<std::uint32_t>(size)));
    begin = std::clamp(centre - cut / 2, 0, size);
    length = std::clamp(centre + cut / 2, 0, size) - begin;
  };
  Mix mix;
  range(shape.height, mix.top, mix.height);
  range(shape.width, mix.left, mix.width);
  mix.own = 1 - static_cast<double>(mix.height) * mix.width /
                    (static_cast<double>(shape.height) * shape.width);
  return mix;
}

}  // namespace

double draw_beta(double alpha, RandomStream& stream) {
  for (;;) {
    const double x = std::pow(stream.uniform(), 1 / alpha);
    const double y = std::pow(stream.uniform(), 1 / alpha);
    if (x + y > 0 && x + y <= 1) return x / (x + y);
  }
}

Mix draw_mix(const MixingSpec& spec, const ClipShape& shape, std::uint64_t seed,
             std::int64_t step) {
  if (!spec.on()) return {};
  RandomStream stream(
      {.seed = seed, .purpose = "finetune.mix", .epoch = static_cast<std::uint64_t>(step)});
  if (stream.uniform() >= static_cast<float>(spec.probability)) return {};
  const bool cut = spec.cutmix > 0 &&
                   (spec.mixup <= 0 || stream.uniform() < static_cast<float>(spec.switch_share));
  const double own = draw_beta(cut ? spec.cutmix : spec.mixup, stream);
  return cut ? draw_box(own, shape, stream) : Mix{.own = own};
}

void paste(const Mix& mix, const ClipShape& shape, const std::uint8_t* partner,
           std::uint8_t* pixels) {
  for (int t = 0; t < shape.frames; ++t)
    for (int y = mix.top; y < mix.top + mix.height; ++y) {
      const std::size_t at =
          ((static_cast<std::size_t>(t) * static_cast<std::size_t>(shape.height) +
            static_cast<std::size_t>(y)) *
               static_cast<std::size_t>(shape.width) +
           static_cast<std::size_t>(mix.left)) *
          3;
      std::memcpy(pixels + at, partner + at, static_cast<std::size_t>(mix.width) * 3);
    }
}

}  // namespace permafrost
