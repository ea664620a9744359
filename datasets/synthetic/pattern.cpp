// SPDX-License-Identifier: Apache-2.0
#include "datasets/synthetic/pattern.h"

#include <cmath>

#include "datasets/synthetic/wave.h"

namespace permafrost::synthetic {
namespace {

// A soft threshold: 0 below -1/slope, 1 above 1/slope. Keeps edges free of aliases at small sizes.
float soft(float x, float slope) { return clamped(0.5F + 0.5F * slope * x, 0.0F, 1.0F); }

float stripes(float u, float) { return 0.5F + 0.5F * wave(u); }
float checks(float u, float v) { return soft(wave(0.6F * u) * wave(0.6F * v), 4.0F); }
float dots(float u, float v) { return soft(wave(0.8F * u) + wave(0.8F * v) - 0.6F, 2.5F); }
float grid(float u, float v) {
  const float a = absolute(wrapped(0.7F * u)), b = absolute(wrapped(0.7F * v));
  return soft(0.14F - (a < b ? a : b), 14.0F);
}
float zigzag(float u, float v) { return soft(wave(0.8F * u + 0.5F * triangle(0.45F * v)), 1.6F); }
float rings(float u, float v) {
  const float a = wrapped(0.4F * u), b = wrapped(0.4F * v);
  return 0.5F + 0.5F * wave(3.0F * std::sqrt(a * a + b * b));
}
float blobs(float u, float v) {
  const float sum = wave(0.52F * u + 0.11F * v) + wave(-0.19F * u + 0.49F * v + 0.3F) +
                    wave(0.37F * u - 0.33F * v + 0.7F);
  return soft(sum, 0.8F);
}
float bricks(float u, float v) {
  const float row = whole(0.9F * v);
  const float shift = 0.5F * (row - 2.0F * whole(0.5F * row));
  const float a = absolute(wrapped(0.45F * u + shift)), b = absolute(wrapped(0.9F * v));
  return 1.0F - soft((0.5F * 0.11F - 0.5F * a < 0.09F - b ? 0.09F - b : 0.055F - 0.5F * a), 22.0F);
}
float plain(float, float) { return 0.5F; }

template <float (*field)(float, float)>
void fill(float u0, float v0, float du, float dv, int count, float* out) {
  for (int i = 0; i < count; ++i) {
    const float x = static_cast<float>(i);
    out[i] = field(u0 + x * du, v0 + x * dv);
  }
}

}  // namespace

void pattern_row(PatternKind kind, float u0, float v0, float du, float dv, int count, float* out) {
  switch (kind) {
    case PatternKind::stripes:
      return fill<stripes>(u0, v0, du, dv, count, out);
    case PatternKind::checks:
      return fill<checks>(u0, v0, du, dv, count, out);
    case PatternKind::dots:
      return fill<dots>(u0, v0, du, dv, count, out);
    case PatternKind::grid:
      return fill<grid>(u0, v0, du, dv, count, out);
    case PatternKind::zigzag:
      return fill<zigzag>(u0, v0, du, dv, count, out);
    case PatternKind::rings:
      return fill<rings>(u0, v0, du, dv, count, out);
    case PatternKind::blobs:
      return fill<blobs>(u0, v0, du, dv, count, out);
    case PatternKind::bricks:
      return fill<bricks>(u0, v0, du, dv, count, out);
    case PatternKind::plain:
      return fill<plain>(u0, v0, du, dv, count, out);
  }
}

const char* name_of(PatternKind kind) {
  static constexpr const char* kNames[] = {"stripes", "checks", "dots",   "grid", "zigzag",
                                           "rings",   "blobs",  "bricks", "plain"};
  return kNames[static_cast<int>(kind)];
}

}  // namespace permafrost::synthetic
