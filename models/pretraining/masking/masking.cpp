// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/masking/masking.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/random.h"

namespace permafrost {
namespace {

struct BlockSize {
  int t = 1, h = 1, w = 1;
};

// Python's round(): halves go to the even neighbour, as do floating-point halves here.
int rounded(double x) { return static_cast<int>(std::nearbyint(x)); }

BlockSize draw_block_size(const MaskConfig& config, const TokenGrid& grid, RandomStream stream) {
  const double u1 = stream.uniform(), u2 = stream.uniform(), u3 = stream.uniform();
  const auto between = [](const double(&range)[2], double u) {
    return range[0] + u * (range[1] - range[0]);
  };
  const int area = static_cast<int>(grid.h * grid.w * between(config.spatial_scale, u2));
  const double aspect = between(config.aspect_ratio, u3);
  BlockSize size;
  size.t = std::max(1, static_cast<int>(grid.t * between(config.temporal_scale, u1)));
  size.h = std::clamp(rounded(std::sqrt(area * aspect)), 1, grid.h);
  size.w = std::clamp(rounded(std::sqrt(area / aspect)), 1, grid.w);
  return size;
}

// One byte a token, 1 = context.
using Kept = std::vector<std::uint8_t>;

Kept cut_blocks(const MaskConfig& config, const TokenGrid& grid, const BlockSize& size,
                RandomStream& stream) {
  Kept kept(static_cast<std::size_t>(grid.tokens()), 1);
  const auto at = [&](int t, int h, int w) -> std::uint8_t& {
    return kept[static_cast<std::size_t>((t * grid.h + h) * grid.w + w)];
  };
  for (int block = 0; block < config.num_blocks; ++block) {
    const int top =
        static_cast<int>(stream.integer(static_cast<std::uint32_t>(grid.h - size.h + 1)));
    const int left =
        static_cast<int>(stream.integer(static_cast<std::uint32_t>(grid.w - size.w + 1)));
    const int start =
        static_cast<int>(stream.integer(static_cast<std::uint32_t>(grid.t - size.t + 1)));
    for (int t = start; t < start + size.t; ++t)
      for (int h = top; h < top + size.h; ++h)
        for (int w = left; w < left + size.w; ++w) at(t, h, w) = 0;
  }
  const int seen = std::max(1, static_cast<int>(grid.t * config.max_temporal_keep));
  for (int t = seen; t < grid.t; ++t)
    for (int h = 0; h < grid.h; ++h)
      for (int w = 0; w < grid.w; ++w) at(t, h, w) = 0;
  return kept;
}

Kept keep_tubes(const MaskConfig& config, const TokenGrid& grid, RandomStream& stream) {
  const int places = grid.h * grid.w;
  const int keep = std::max(1, static_cast<int>(places * (1.0 - config.ratio)));
  const auto order = stream.permutation(places);
  Kept kept(static_cast<std::size_t>(grid.tokens()), 0);
  for (int k = 0; k < keep; ++k)
    for (int t = 0; t < grid.t; ++t)
      kept[static_cast<std::size_t>(t * places + order[static_cast<std::size_t>(k)])] = 1;
  return kept;
}

Kept draw_sample(const MaskConfig& config, const TokenGrid& grid, const BlockSize& size,
                 RandomStream& stream) {
  if (config.kind == MaskConfig::Kind::random_tube) return keep_tubes(config, grid, stream);
  constexpr int kTries = 1000;
  for (int i = 0; i < kTries; ++i) {
    Kept kept = cut_blocks(config, grid, size, stream);
    if (std::find(kept.begin(), kept.end(), 1) != kept.end()) return kept;
  }
  throw InputError("masking", "", "blocks that leave some context",
                   "none in " + std::to_string(kTries) + " draws", "the grid is too small");
}

// The first token numbers whose flag is `flag`, one row a sample: as many as every sample has, and
// at most `most`.
at::Tensor stacked(const std::vector<Kept>& samples, std::uint8_t flag, std::size_t most) {
  std::size_t length = most;
  for (const auto& kept : samples)
    length = std::min(length, static_cast<std::size_t>(std::count(kept.begin(), kept.end(), flag)));
  at::Tensor rows = at::empty(
      {static_cast<std::int64_t>(samples.size()), static_cast<std::int64_t>(length)}, at::kLong);
  auto cells = rows.accessor<std::int64_t, 2>();
  for (std::size_t b = 0; b < samples.size(); ++b) {
    std::size_t k = 0;
    for (std::size_t n = 0; n < samples[b].size() && k < length; ++n)
      if (samples[b][n] == flag)
        cells[static_cast<std::int64_t>(b)][static_cast<std::int64_t>(k++)] =
            static_cast<std::int64_t>(n);
  }
  return rows;
}

double number_in(const std::string& name, const std::string& prefix, const std::string& where) {
  const std::string inside = name.substr(prefix.size(), name.size() - prefix.size() - 1);
  std::size_t used = 0;
  double value = -1;
  try {
    value = std::stod(inside, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used != inside.size() || used == 0)
    throw InputError(where, "masking", "a number in " + prefix + "...)", quoted(name));
  return value;
}

}  // namespace

MaskStrategy mask_strategy(const std::string& name, const std::string& where) {
  MaskConfig short_range, long_range;
  long_range.num_blocks = 2;
  long_range.spatial_scale[0] = long_range.spatial_scale[1] = 0.7;
  if (name == "multiblock") return {name, {short_range, long_range}};
  if (name == "multiblock_short") return {name, {short_range}};
  if (name == "multiblock_long") return {name, {long_range}};
  const std::string causal = "causal_multiblock(", tube = "random_tube(";
  if (name.rfind(causal, 0) == 0 && name.back() == ')') {
    constexpr double kPaperFrames = 16.0;
    const double share = number_in(name, causal, where) / kPaperFrames;
    if (!(share > 0 && share <= 1))  // a NaN is neither
      throw InputError(where, "masking", "1 to 16 frames of the paper's clip", quoted(name));
    short_range.max_temporal_keep = long_range.max_temporal_keep = share;
    return {name, {short_range, long_range}};
  }
  if (name.rfind(tube, 0) == 0 && name.back() == ')') {
    MaskConfig tubes;
    tubes.kind = MaskConfig::Kind::random_tube;
    tubes.ratio = number_in(name, tube, where);
    if (!(tubes.ratio > 0 && tubes.ratio < 1))
      throw InputError(where, "masking", "a masked share between 0 and 1", quoted(name));
    return {name, {tubes}};
  }
  throw InputError(where, "masking",
                   "multiblock, multiblock_short, multiblock_long, causal_multiblock(FRAMES) or "
                   "random_tube(RATIO)",
                   quoted(name));
}

std::vector<Mask> draw_masks(const MaskStrategy& strategy, const TokenGrid& grid, int batch,
                             std::uint64_t seed, std::uint64_t step) {
  RECORD_USER_SCOPE("masks");
  std::vector<Mask> masks;
  for (std::size_t m = 0; m < strategy.masks.size(); ++m) {
    const MaskConfig& config = strategy.masks[m];
    // As in the reference, all configurations of a step share the draws of the block size.
    const BlockSize size = draw_block_size(
        config, grid, RandomStream({.seed = seed, .purpose = "mask.size", .epoch = step}));
    RandomStream places({.seed = seed, .purpose = "mask.place", .epoch = step, .sample = m});
    std::vector<Kept> samples;
    for (int b = 0; b < batch; ++b) samples.push_back(draw_sample(config, grid, size, places));
    const auto tokens = static_cast<std::size_t>(grid.tokens());
    const bool limited = config.kind == MaskConfig::Kind::blocks && config.max_keep > 0;
    const auto most = limited ? static_cast<std::size_t>(config.max_keep) : tokens;
    masks.push_back({stacked(samples, 1, most), stacked(samples, 0, tokens)});
  }
  return masks;
}

}  // namespace permafrost
