// SPDX-License-Identifier: Apache-2.0
#include "datasets/synthetic/shape.h"

#include <cmath>

#include "datasets/synthetic/wave.h"

namespace permafrost::synthetic {
namespace {

float smaller(float a, float b) { return a < b ? a : b; }
float larger(float a, float b) { return a > b ? a : b; }
float length(float x, float y) { return std::sqrt(x * x + y * y); }

float disc(float x, float y) { return length(x, y) - 0.9F; }
float square(float x, float y) { return larger(absolute(x), absolute(y)) - 0.82F; }
float triangle(float x, float y) {
  const float side = 0.8660254F * absolute(x) - 0.5F * y;
  return larger(side, y) - 0.58F;
}
float cross(float x, float y) {
  const float a = absolute(x), b = absolute(y);
  return smaller(larger(a - 1.05F, b - 0.34F), larger(a - 0.34F, b - 1.05F));
}
float ring(float x, float y) { return absolute(length(x, y) - 0.78F) - 0.28F; }
float crescent(float x, float y) {
  return larger(length(x, y) - 1.05F, 0.85F - length(x - 0.55F, y));
}
float bowtie(float x, float y) {
  const float a = absolute(x);
  return larger(a - 1.05F, absolute(y) - 0.12F - 0.75F * a);
}
float star(float x, float y) {
  return 0.7F * (std::sqrt(absolute(x)) + std::sqrt(absolute(y)) - 1.12F);
}

template <float (*distance)(float, float)>
void fill_distances(float x0, float y0, float dx, float dy, int count, float* out) {
  for (int i = 0; i < count; ++i) {
    const float step = static_cast<float>(i);
    out[i] = distance(x0 + step * dx, y0 + step * dy);
  }
}

}  // namespace

void shape_row(ShapeKind kind, float x0, float y0, float dx, float dy, int count, float* out) {
  switch (kind) {
    case ShapeKind::disc:
      return fill_distances<disc>(x0, y0, dx, dy, count, out);
    case ShapeKind::square:
      return fill_distances<square>(x0, y0, dx, dy, count, out);
    case ShapeKind::triangle:
      return fill_distances<triangle>(x0, y0, dx, dy, count, out);
    case ShapeKind::cross:
      return fill_distances<cross>(x0, y0, dx, dy, count, out);
    case ShapeKind::ring:
      return fill_distances<ring>(x0, y0, dx, dy, count, out);
    case ShapeKind::crescent:
      return fill_distances<crescent>(x0, y0, dx, dy, count, out);
    case ShapeKind::bowtie:
      return fill_distances<bowtie>(x0, y0, dx, dy, count, out);
    case ShapeKind::star:
      return fill_distances<star>(x0, y0, dx, dy, count, out);
  }
}

const char* name_of(ShapeKind kind) {
  static constexpr const char* kNames[] = {"disc", "square",   "triangle", "cross",
                                           "ring", "crescent", "bowtie",   "star"};
  return kNames[static_cast<int>(kind)];
}

}  // namespace permafrost::synthetic
