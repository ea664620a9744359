// SPDX-License-Identifier: Apache-2.0
#pragma once

// What can be said of sets of clips without an encoder: power at frequencies, change from frame to
// frame, and which clip is nearest. Clips are pixels uint8 [n,T,H,W,3].
#include <ATen/core/Tensor.h>

namespace permafrost {

// Bands of frequencies, in cycles a pixel and cycles a frame. Space: sqrt(fy^2 + fx^2) below 1/16,
// below 1/8, below 1/4, and above. Time: 0, up to 1/4, and above.
inline constexpr int kSpaceBands = 4, kTimeBands = 3;

// Squared amplitude of the discrete Fourier transform over time, height and width, of values in
// 0..1, divided by the number of values: the sum over the coefficients of a band, and how many they
// are. The mean brightness of a clip (frequency 0 throughout) is left out. float64.
struct BandPower {
  at::Tensor sum, count;  // [kTimeBands,kSpaceBands]
};
// `threads` change no bit.
BandPower band_power(const at::Tensor& clips, int threads = 1);

// Natural logarithm of the power of a coefficient of `a` over that of `b`, the mean of each band
// taken first; NaN where clips have no such frequency.
struct SpectrumRatio {
  at::Tensor space;  // [kSpaceBands], over all of time
  at::Tensor time;   // [kTimeBands], over all of space
  at::Tensor both;   // [kTimeBands,kSpaceBands]
};
SpectrumRatio spectrum_ratio(const BandPower& a, const BandPower& b);

// Mean squared difference of a frame from the one before it, of values in 0..1; NaN for clips of
// one frame.
double frame_difference(const at::Tensor& clips);

// For every clip of `clips` the nearest of `among`: its number int64 [n], and the root mean square
// of the differences of their values, 0..255, float64 [n].
struct NearestClips {
  at::Tensor index, distance;
};
NearestClips nearest_clips(const at::Tensor& clips, const at::Tensor& among, int threads = 1);

}  // namespace permafrost
