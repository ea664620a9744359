// SPDX-License-Identifier: Apache-2.0
#include "datasets/frames/transform.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "common/error.h"

namespace permafrost {
namespace {

constexpr int kWeightOne = 1 << 11;  // OpenCV's INTER_RESIZE_COEF_SCALE

int half_to_even(int twice) {
  const int half = twice / 2;
  return twice % 2 == 0 || half % 2 == 0 ? half : half + 1;
}

std::string size_text(int height, int width) {
  return std::to_string(height) + "x" + std::to_string(width);
}

int scaled(std::int64_t side, std::int64_t numerator, std::int64_t denominator) {
  return static_cast<int>(std::min<std::int64_t>(side * numerator / denominator, INT32_MAX));
}

// Two neighbours and their weights for every kept output position along one side.
struct LinearTap {
  int low = 0;
  int high = 0;
  int low_weight = 0;
  int high_weight = 0;
};

std::vector<LinearTap> linear_taps(int source, int resized, int first, int count) {
  const double scale = 1.0 / (static_cast<double>(resized) / source);
  std::vector<LinearTap> taps(static_cast<std::size_t>(count));
  for (int k = 0; k < count; ++k) {
    float position = static_cast<float>((first + k + 0.5) * scale - 0.5);
    const int cell = static_cast<int>(std::floor(position));
    position -= static_cast<float>(cell);
    LinearTap& tap = taps[static_cast<std::size_t>(k)];
    tap.low = std::clamp(cell, 0, source - 1);
    tap.high = std::clamp(cell + 1, 0, source - 1);
    tap.low_weight = static_cast<int>(std::lrint((1.0F - position) * float{kWeightOne}));
    tap.high_weight = static_cast<int>(std::lrint(position * float{kWeightOne}));
  }
  return taps;
}

// One row, filtered along x: at most 255 * 2^11 / 16, as OpenCV keeps it for the second pass.
void linear_row(const std::uint8_t* row, const std::vector<LinearTap>& taps, std::int16_t* out) {
  std::size_t k = 0;
#ifdef __SSE2__
  // Four bytes are read of either pixel and four values written, one of them for nothing: all but
  // the last pixels of the row have a neighbour.
  const __m128i zero = _mm_setzero_si128();
  for (; k + 1 < taps.size() && taps[k].high < taps.back().high; ++k, out += 3) {
    const LinearTap& tap = taps[k];
    std::int32_t low, high;
    std::memcpy(&low, row + std::ptrdiff_t{tap.low} * 3, 4);
    std::memcpy(&high, row + std::ptrdiff_t{tap.high} * 3, 4);
    const __m128i pairs =
        _mm_unpacklo_epi8(_mm_unpacklo_epi8(_mm_cvtsi32_si128(low), _mm_cvtsi32_si128(high)), zero);
    const __m128i weights = _mm_set1_epi32(tap.high_weight << 16 | tap.low_weight);
    const __m128i sums = _mm_srai_epi32(_mm_madd_epi16(pairs, weights), 4);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packs_epi32(sums, sums));
  }
#endif
  for (; k < taps.size(); ++k) {
    const LinearTap& tap = taps[k];
    const std::uint8_t* low = row + std::ptrdiff_t{tap.low} * 3;
    const std::uint8_t* high = row + std::ptrdiff_t{tap.high} * 3;
    for (int c = 0; c < 3; ++c)
      *out++ =
          static_cast<std::int16_t>((low[c] * tap.low_weight + high[c] * tap.high_weight) >> 4);
  }
}

// Two filtered rows to one row of pixels.
void mix_rows(const std::int16_t* low, const std::int16_t* high, const LinearTap& tap,
              std::size_t values, std::uint8_t* out) {
  std::size_t k = 0;
#ifdef __SSE2__
  const __m128i low_weight = _mm_set1_epi16(static_cast<std::int16_t>(tap.low_weight));
  const __m128i high_weight = _mm_set1_epi16(static_cast<std::int16_t>(tap.high_weight));
  const __m128i two = _mm_set1_epi16(2);
  for (; k + 8 <= values; k += 8) {
    const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(low + k));
    const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(high + k));
    const __m128i sum =
        _mm_add_epi16(_mm_mulhi_epi16(a, low_weight), _mm_mulhi_epi16(b, high_weight));
    const __m128i levels = _mm_srai_epi16(_mm_add_epi16(sum, two), 2);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out + k), _mm_packus_epi16(levels, levels));
  }
#endif
  for (; k < values; ++k) {
    const int sum = ((tap.low_weight * low[k]) >> 16) + ((tap.high_weight * high[k]) >> 16);
    out[k] = static_cast<std::uint8_t>((sum + 2) >> 2);
  }
}

void resize_linear(const ImageView& source, const ResizeCrop& plan, std::uint8_t* out) {
  const auto columns = linear_taps(source.width, plan.resized_width, plan.left, plan.width);
  const auto rows = linear_taps(source.height, plan.resized_height, plan.top, plan.height);
  const std::size_t values = static_cast<std::size_t>(plan.width) * 3;
  std::vector<std::int16_t> buffers[2] = {std::vector<std::int16_t>(values + 1),
                                          std::vector<std::int16_t>(values + 1)};
  int held[2] = {-1, -1};
  // Rows are asked for in ascending order: two buffers are enough, a row stays at its parity.
  const auto filtered = [&](int y) {
    const int slot = y % 2;
    if (held[slot] != y)
      linear_row(source.pixels + y * source.stride, columns, buffers[slot].data());
    held[slot] = y;
    return buffers[slot].data();
  };
  for (const LinearTap& tap : rows) {
    const std::int16_t* low = filtered(tap.low);
    mix_rows(low, filtered(tap.high), tap, values, out);
    out += values;
  }
}

// The source cells under every kept output position, with the share of each.
struct AreaTap {
  int first = 0;
  std::vector<float> weights;
};

std::vector<AreaTap> area_taps(int source, int resized, int first, int count) {
  const double scale = static_cast<double>(source) / resized;
  std::vector<AreaTap> taps(static_cast<std::size_t>(count));
  for (int k = 0; k < count; ++k) {
    const double begin = (first + k) * scale;
    // Enlarging along this side: one cell is the least that an area can be.
    const double end = std::min<double>(std::max(begin + scale, std::floor(begin) + 1), source);
    AreaTap& tap = taps[static_cast<std::size_t>(k)];
    tap.first = std::min(static_cast<int>(begin), source - 1);
    for (int cell = tap.first; cell < source && cell < end; ++cell) {
      const double share = std::min(end, cell + 1.0) - std::max(begin, static_cast<double>(cell));
      if (share > 0 || tap.weights.empty()) tap.weights.push_back(static_cast<float>(share));
    }
    float total = 0;
    for (const float weight : tap.weights) total += weight;
    for (float& weight : tap.weights) weight /= total;
  }
  return taps;
}

void area_row(const std::uint8_t* row, const std::vector<AreaTap>& taps, float* out) {
  for (const AreaTap& tap : taps) {
    float sum[3] = {0, 0, 0};
    const std::uint8_t* pixel = row + std::ptrdiff_t{tap.first} * 3;
    for (const float weight : tap.weights) {
      for (int c = 0; c < 3; ++c) sum[c] += weight * static_cast<float>(pixel[c]);
      pixel += 3;
    }
    for (const float value : sum) *out++ = value;
  }
}

void resize_area(const ImageView& source, const ResizeCrop& plan, std::uint8_t* out) {
  const auto columns = area_taps(source.width, plan.resized_width, plan.left, plan.width);
  const auto rows = area_taps(source.height, plan.resized_height, plan.top, plan.height);
  const std::size_t values = static_cast<std::size_t>(plan.width) * 3;
  std::vector<float> row(values), sum(values);
  for (const AreaTap& tap : rows) {
    std::fill(sum.begin(), sum.end(), 0.0F);
    for (std::size_t r = 0; r < tap.weights.size(); ++r) {
      area_row(source.pixels + (tap.first + static_cast<std::ptrdiff_t>(r)) * source.stride,
               columns, row.data());
      for (std::size_t k = 0; k < values; ++k) sum[k] += tap.weights[r] * row[k];
    }
    for (const float value : sum) {
      *out++ = static_cast<std::uint8_t>(std::lrint(std::clamp(value, 0.0F, 255.0F)));
    }
  }
}

}  // namespace

int evaluation_short_side(int crop) { return scaled(crop, 256, 224); }

ResizeCrop plan_view(int height, int width, const ViewSpec& spec) {
  if (height < 1 || width < 1) {
    throw InputError("view", "frame", "a size of at least 1x1", size_text(height, width));
  }
  if (spec.height < 1 || spec.width < 1 || spec.short_side < 0) {
    throw InputError("view", "crop", "a size of at least 1x1", size_text(spec.height, spec.width));
  }
  if (spec.views < 1 || spec.view < 0 || spec.view >= spec.views) {
    throw InputError("view", "view", "0 to " + std::to_string(spec.views - 1),
                     std::to_string(spec.view));
  }
  ResizeCrop plan{.resized_height = height, .resized_width = width};
  plan.height = spec.height;
  plan.width = spec.width;
  const std::int64_t h = height, w = width;
  const bool by_height = spec.short_side > 0 ? h <= w : h * spec.width <= w * spec.height;
  const int side = spec.short_side > 0 ? spec.short_side : by_height ? spec.height : spec.width;
  if (by_height && h != side) {
    plan.resized_height = side;
    plan.resized_width = scaled(side, w, h);
  } else if (!by_height && w != side) {
    plan.resized_width = side;
    plan.resized_height = scaled(side, h, w);
  }
  const int free_height = plan.resized_height - spec.height;
  const int free_width = plan.resized_width - spec.width;
  if (free_height < 0 || free_width < 0) {
    throw InputError("view", "crop",
                     "at most " + size_text(plan.resized_height, plan.resized_width) +
                         ", the size after resizing",
                     size_text(spec.height, spec.width));
  }
  plan.top = half_to_even(free_height);
  plan.left = half_to_even(free_width);
  if (spec.views > 1) {
    const bool tall = plan.resized_height > plan.resized_width;
    int& offset = tall ? plan.top : plan.left;
    offset = (tall ? free_height : free_width) / (spec.views - 1) * spec.view;
  }
  return plan;
}

void resize_crop(const ImageView& source, const ResizeCrop& plan, bool antialias,
                 std::uint8_t* out) {
  if (plan.resized_height == source.height && plan.resized_width == source.width) {
    const std::size_t bytes = static_cast<std::size_t>(plan.width) * 3;
    for (int y = 0; y < plan.height; ++y) {
      const std::uint8_t* row = source.pixels + (plan.top + y) * source.stride;
      std::memcpy(out + static_cast<std::size_t>(y) * bytes, row + std::ptrdiff_t{plan.left} * 3,
                  bytes);
    }
    return;
  }
  const bool shrinks =
      source.height > 2.0 * plan.resized_height || source.width > 2.0 * plan.resized_width;
  if (antialias && shrinks) {
    resize_area(source, plan, out);
  } else {
    resize_linear(source, plan, out);
  }
}

}  // namespace permafrost
