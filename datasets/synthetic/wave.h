// SPDX-License-Identifier: Apache-2.0
#pragma once

// Elementary functions of the renderer.
//
// Only additions, multiplications, divisions, square roots and conversions are used: IEEE 754 fixes
// their results, so that a pixel is the same on every machine. libm's sine is not.
namespace permafrost::synthetic {

// Largest whole number not above x, for |x| < 2^31. Written so that compilers vectorise it.
inline float whole(float x) {
  const float cut = static_cast<float>(static_cast<int>(x));
  return cut > x ? cut - 1.0F : cut;
}

inline float absolute(float x) { return x < 0 ? -x : x; }

inline float fraction(float x) { return x - whole(x); }

// Into [-0.5, 0.5): distance on a circle of circumference 1.
inline float wrapped(float x) { return x - whole(x + 0.5F); }

inline float clamped(float x, float low, float high) {
  return x < low ? low : (x > high ? high : x);
}

// A sine of period 1 made of two parabolas, corrected once: within 0.0011 of sin(2 pi x).
inline float wave(float x) {
  const float f = wrapped(x);
  const float magnitude = f < 0 ? -f : f;
  const float y = 16.0F * f * (0.5F - magnitude);
  const float size = y < 0 ? -y : y;
  return y * (0.775F + 0.225F * size);
}

// Triangle wave of period 1 in [-1,1].
inline float triangle(float x) {
  const float f = wrapped(x);
  return 4.0F * (f < 0 ? -f : f) - 1.0F;
}

}  // namespace permafrost::synthetic
