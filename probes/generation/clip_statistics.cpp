// SPDX-License-Identifier: Apache-2.0
#include "probes/generation/clip_statistics.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "common/machine/parallel.h"

namespace permafrost {
namespace {

constexpr std::int64_t kClipsTogether = 16;

// Calls body(part, begin, end) for parts of 16 clips.
void in_parts(std::int64_t clips, int threads,
              const std::function<void(std::int64_t, std::int64_t, std::int64_t)>& body) {
  parallel_for((clips + kClipsTogether - 1) / kClipsTogether, threads, [&](std::int64_t part) {
    const std::int64_t begin = part * kClipsTogether;
    body(part, begin, std::min(clips, begin + kClipsTogether));
  });
}

// Cycles a step, 0..1/2, of coefficient `k` of `n`.
double frequency(std::int64_t k, std::int64_t n) {
  return static_cast<double>(std::min(k, n - k)) / static_cast<double>(n);
}

std::int64_t space_band(double cycles) {
  return cycles < 1.0 / 16 ? 0 : cycles < 1.0 / 8 ? 1 : cycles < 1.0 / 4 ? 2 : 3;
}

std::int64_t time_band(double cycles) { return cycles == 0 ? 0 : cycles <= 0.25 ? 1 : 2; }

// The band [T,H,W] of every coefficient, time before space; one more than the last for the mean.
at::Tensor bands_of(const at::Tensor& clips) {
  const auto t = clips.size(1), h = clips.size(2), w = clips.size(3);
  at::Tensor bands = at::empty({t, h, w}, at::kLong);
  std::int64_t* out = bands.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < t; ++i)
    for (std::int64_t j = 0; j < h; ++j)
      for (std::int64_t k = 0; k < w; ++k)
        *out++ = time_band(frequency(i, t)) * kSpaceBands +
                 space_band(std::hypot(frequency(j, h), frequency(k, w)));
  bands.view(-1)[0] = kTimeBands * kSpaceBands;
  return bands;
}

// The power of each coefficient [T,H,W], summed over clips and colours.
at::Tensor power_of(const at::Tensor& clips) {
  const at::Tensor values = clips.to(at::kFloat) / 255;
  const std::int64_t axes[] = {1, 2, 3};
  const at::Tensor waves = at::fft_fftn(values, std::nullopt, axes);
  const double count = static_cast<double>(clips.size(1) * clips.size(2) * clips.size(3));
  return at::real(waves * waves.conj()).to(at::kDouble).sum(at::IntArrayRef({0, 4})) / count;
}

}  // namespace

BandPower band_power(const at::Tensor& clips, int threads) {
  const auto n = clips.size(0);
  std::vector<at::Tensor> parts(
      static_cast<std::size_t>((n + kClipsTogether - 1) / kClipsTogether));
  in_parts(n, threads, [&](std::int64_t part, std::int64_t begin, std::int64_t end) {
    const at::NoGradGuard no_grad;
    parts[static_cast<std::size_t>(part)] = power_of(clips.slice(0, begin, end));
  });
  at::Tensor power = at::zeros({clips.size(1), clips.size(2), clips.size(3)}, at::kDouble);
  for (const auto& part : parts) power += part;
  const at::Tensor bands = bands_of(clips).flatten();
  const at::Tensor none = at::zeros({kTimeBands * kSpaceBands + 1}, at::kDouble);
  const auto summed = [&](const at::Tensor& values) {
    return none.index_add(0, bands, values)
        .slice(0, 0, kTimeBands * kSpaceBands)
        .view({kTimeBands, kSpaceBands});
  };
  const double of_each = static_cast<double>(n * 3);
  return {summed(power.flatten()), summed(at::full({bands.size(0)}, of_each, at::kDouble))};
}

SpectrumRatio spectrum_ratio(const BandPower& a, const BandPower& b) {
  const auto ratio = [](const at::Tensor& x, const at::Tensor& nx, const at::Tensor& y,
                        const at::Tensor& ny) { return at::log((x / nx) / (y / ny)); };
  return {.space = ratio(a.sum.sum(0), a.count.sum(0), b.sum.sum(0), b.count.sum(0)),
          .time = ratio(a.sum.sum(1), a.count.sum(1), b.sum.sum(1), b.count.sum(1)),
          .both = ratio(a.sum, a.count, b.sum, b.count)};
}

double frame_difference(const at::Tensor& clips) {
  if (clips.size(1) < 2) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (std::int64_t i = 0; i < clips.size(0); ++i) {
    const at::Tensor clip = clips[i].to(at::kFloat) / 255;
    sum += (clip.slice(0, 1) - clip.slice(0, 0, -1)).square().to(at::kDouble).mean().item<double>();
  }
  return sum / static_cast<double>(clips.size(0));
}

NearestClips nearest_clips(const at::Tensor& clips, const at::Tensor& among, int threads) {
  const auto n = clips.size(0), m = among.size(0);
  NearestClips nearest{at::empty({n}, at::kLong), at::empty({n}, at::kDouble)};
  in_parts(n, threads, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    const at::NoGradGuard no_grad;
    const at::Tensor rows = clips.slice(0, begin, end).flatten(1).to(at::kFloat) / 255;
    // |a - b|^2 but for |a|^2, which is the same for all b.
    std::vector<at::Tensor> columns;
    for (std::int64_t first = 0; first < m; first += kClipsTogether) {
      const at::Tensor others =
          among.slice(0, first, std::min(m, first + kClipsTogether)).flatten(1).to(at::kFloat) /
          255;
      columns.push_back(others.square().sum(1) - 2 * at::mm(rows, others.t()));
    }
    const at::Tensor found = at::cat(columns, 1).argmin(1);
    nearest.index.slice(0, begin, end).copy_(found);
    // Anew, without the cancellation of two large numbers.
    const at::Tensor chosen = among.index_select(0, found).flatten(1).to(at::kDouble);
    const at::Tensor squares = (clips.slice(0, begin, end).flatten(1).to(at::kDouble) - chosen);
    nearest.distance.slice(0, begin, end).copy_(squares.square().mean(1).sqrt());
  });
  return nearest;
}

}  // namespace permafrost
