// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/pool_attention.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "common/error.h"
#include "common/machine/parallel.h"
#include "models/kernels/kernels.h"

namespace permafrost {
namespace {

// Clips that one thread adds up together: a fixed number, so that the order of sums is.
constexpr std::int64_t kClipsTogether = 64;

std::int64_t with_whole_vectors(std::int64_t count) {
  return (count + kMostLanes - 1) / kMostLanes * kMostLanes;
}

// Sizes: queries j, clips, tokens of a clip, width.
struct PoolSizes {
  std::int64_t j, clips, tokens, width;

  PoolSizes(const at::Tensor& directions, const at::Tensor& pool)
      : j(directions.size(0)), clips(pool.size(0)), tokens(pool.size(1)), width(pool.size(2)) {
    if (directions.size(1) != width) throw Error("pool attention: directions of another width");
  }
  std::int64_t row() const { return with_whole_vectors(tokens); }
};

// Calls use(clip, transposed tokens) for each of the clips from `begin` to `end`.
template <typename Use>
void with_clips(const PoolSizes& at, const float* pool, std::int64_t begin, std::int64_t end,
                const Use& use) {
  std::vector<float> turned(static_cast<std::size_t>(at.width * at.row()));
  for (std::int64_t clip = begin; clip < end; ++clip) {
    const float* x = pool + clip * at.tokens * at.width;
    kernels().transpose(x, at.width, at.tokens, at.width, turned.data(), at.row());
    use(clip, x, turned.data());
  }
}

template <typename Use>
void in_groups(std::int64_t clips, int threads, const Use& use) {
  parallel_for((clips + kClipsTogether - 1) / kClipsTogether, threads, [&](std::int64_t group) {
    use(group, group * kClipsTogether, std::min(clips, (group + 1) * kClipsTogether));
  });
}

// [j,row] = rows [j,width] (a row `from_row` apart) times the transposed tokens of a clip.
void times_tokens(const PoolSizes& at, const float* rows, std::int64_t from_row,
                  const float* turned, float* out) {
  kernels().product({.rows = at.j,
                     .columns = at.row(),
                     .depth = at.width,
                     .a = rows,
                     .a_row = from_row,
                     .b = turned,
                     .b_row = at.row(),
                     .c = out,
                     .c_row = at.row()});
}

// The sums of all clips for one query in float64, brought to one largest score, and what the code
// of each step does to the scores.
struct QuerySums {
  at::Tensor share;     // [P], exp(largest - M)
  at::Tensor sum;       // [P]
  at::Tensor weighted;  // [P,D]
  at::Tensor shift;     // [S], exp(direction . code - T)
};

QuerySums query_sums(const ClipSums& sums, const PoolVideos& videos, const at::Tensor& direction,
                     std::int64_t j) {
  const at::Tensor largest = sums.largest[j].to(at::kDouble);
  QuerySums out;
  out.share = (largest - largest.max()).exp();
  out.sum = sums.sum[j].to(at::kDouble) * out.share;
  out.weighted = sums.weighted[j].to(at::kDouble) * out.share.unsqueeze(1);
  if (videos.code.defined()) {
    const at::Tensor scores = at::mv(videos.code.to(at::kDouble), direction.to(at::kDouble));
    out.shift = (scores - scores.max()).exp();
  } else {
    out.shift = at::ones({videos.counts.size(1)}, at::kDouble);
  }
  return out;
}

// Of one query: its share in each step, [V,S], and what it takes there, [V,S,D].
struct StepSums {
  at::Tensor sum, weighted, whole;  // whole [V]: the sum over the steps
  at::Tensor mean;                  // [V,D]
};

StepSums step_sums(const QuerySums& query, const PoolVideos& videos) {
  const auto v = videos.counts.size(0), s = videos.counts.size(1);
  const at::Tensor counts = videos.counts.flatten(0, 1);
  StepSums out;
  out.sum = at::mv(counts, query.sum).view({v, s}) * query.shift;
  out.weighted = at::mm(counts, query.weighted).view({v, s, -1}) * query.shift.view({1, -1, 1});
  out.whole = out.sum.sum(1);
  at::Tensor taken = out.weighted.sum(1);
  if (videos.code.defined()) taken = taken + at::mm(out.sum, videos.code.to(at::kDouble));
  out.mean = taken / out.whole.unsqueeze(1);
  return out;
}

// The gradient at the mean of a video, brought to the tokens of the pool: that at the score of
// token x of clip p is its exponential times x . towards[p] - level[p].
struct PoolGradient {
  at::Tensor towards;  // float32 [j,P,D]
  at::Tensor level;    // float32 [j,P]
  at::Tensor scale;    // float32 [j,P], of the clip's exponentials
  at::Tensor of_code;  // float64 [j,D], at the directions by way of the code
};

PoolGradient pool_gradient(const ClipSums& sums, const PoolVideos& videos,
                           const at::Tensor& directions, const at::Tensor& means_gradient) {
  const std::int64_t j_count = directions.size(0);
  const at::Tensor turned = videos.counts.flatten(0, 1).t();  // [P,V*S]
  PoolGradient out;
  std::vector<at::Tensor> towards, level, scale, of_code;
  for (std::int64_t j = 0; j < j_count; ++j) {
    const QuerySums query = query_sums(sums, videos, directions[j], j);
    const StepSums steps = step_sums(query, videos);
    const at::Tensor h = means_gradient[j].to(at::kDouble) / steps.whole.unsqueeze(1);  // [V,D]
    const at::Tensor q = (h * steps.mean).sum(1);                                       // [V]
    // Of every step of a video: what tokens are multiplied by is h, and this is taken off.
    at::Tensor off = q.unsqueeze(1).expand_as(steps.sum);
    of_code.push_back(at::zeros({h.size(1)}, at::kDouble));
    if (videos.code.defined()) {
      const at::Tensor code = videos.code.to(at::kDouble);
      off = off - at::mm(h, code.t());
      const at::Tensor scores =
          (steps.weighted * h.unsqueeze(1)).sum(2) - steps.sum * off;  // at those of a step, [V,S]
      of_code.back() = at::mv(code.t(), scores.sum(0));
    }
    const at::Tensor shifted_h =
        (h.unsqueeze(1) * query.shift.view({1, -1, 1})).flatten(0, 1);  // [V*S,D]
    towards.push_back(at::mm(turned, shifted_h).to(at::kFloat));
    level.push_back(at::mv(turned, (off * query.shift).flatten()).to(at::kFloat));
    scale.push_back(query.share.to(at::kFloat));
  }
  return {at::stack(towards), at::stack(level), at::stack(scale), at::stack(of_code)};
}

// The gradient at the directions [j,D] by way of the tokens, in float64 over groups of clips.
at::Tensor through_tokens(const at::Tensor& directions, const at::Tensor& tokens,
                          const ClipSums& sums, const PoolGradient& gradient, int threads) {
  const PoolSizes at(directions, tokens);
  const Kernels& k = kernels();
  const std::int64_t groups = (at.clips + kClipsTogether - 1) / kClipsTogether;
  const at::Tensor parts = at::zeros({groups, at.j, at.width}, at::kFloat);
  // By clip, so that the queries of a clip lie side by side.
  const at::Tensor largest = sums.largest.t().contiguous(), level = gradient.level.t().contiguous(),
                   scale = gradient.scale.t().contiguous();
  const float* const towards = gradient.towards.const_data_ptr<float>();
  in_groups(at.clips, threads, [&](std::int64_t group, std::int64_t begin, std::int64_t end) {
    std::vector<float> scores(static_cast<std::size_t>(at.j * at.row())), slopes(scores.size());
    std::vector<float> most(static_cast<std::size_t>(at.j)), unused(most.size());
    float* const into = parts.data_ptr<float>() + group * at.j * at.width;
    with_clips(
        at, tokens.const_data_ptr<float>(), begin, end,
        [&](std::int64_t clip, const float* x, const float* turned) {
          times_tokens(at, directions.const_data_ptr<float>(), at.width, turned, scores.data());
          std::copy_n(largest.const_data_ptr<float>() + clip * at.j, at.j, most.data());
          std::fill(unused.begin(), unused.end(), 0.0F);
          k.softmax_block({.rows = at.j,
                           .count = at.tokens,
                           .scores = scores.data(),
                           .scores_row = at.row(),
                           .largest = most.data(),
                           .sum = unused.data()});
          times_tokens(at, towards + clip * at.width, at.clips * at.width, turned, slopes.data());
          k.softmax_gradient(scores.data(), scale.const_data_ptr<float>() + clip * at.j,
                             level.const_data_ptr<float>() + clip * at.j, slopes.data(), at.j,
                             at.row(), at.tokens);
          k.product({.rows = at.j,
                     .columns = at.width,
                     .depth = at.tokens,
                     .a = slopes.data(),
                     .a_row = at.row(),
                     .b = x,
                     .b_row = at.width,
                     .c = into,
                     .c_row = at.width,
                     .add = true});
        });
  });
  return parts.sum(0, false, at::kDouble);
}

}  // namespace

at::Tensor time_code(std::int64_t steps, std::int64_t width) {
  const at::Tensor place = (at::arange(steps, at::kDouble) + 0.5) / static_cast<double>(steps);
  std::vector<at::Tensor> columns;
  for (std::int64_t c = 0; c < width; ++c) {
    const at::Tensor angle = place * (std::numbers::pi * static_cast<double>(c / 2 + 1));
    columns.push_back(c % 2 == 0 ? angle.cos() : angle.sin());
  }
  return at::stack(columns, 1).to(at::kFloat);
}

ClipSums clip_sums(const at::Tensor& directions, const at::Tensor& tokens, int threads) {
  const at::NoGradGuard no_grad;
  const PoolSizes at(directions, tokens);
  const at::Tensor queries = directions.contiguous(), pool = tokens.contiguous();
  const Kernels& k = kernels();
  // By clip while they are computed.
  at::Tensor largest = at::full({at.clips, at.j}, -std::numeric_limits<float>::infinity()),
             sum = at::zeros({at.clips, at.j}), weighted = at::empty({at.clips, at.j, at.width});
  in_groups(at.clips, threads, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    std::vector<float> scores(static_cast<std::size_t>(at.j * at.row()));
    with_clips(at, pool.const_data_ptr<float>(), begin, end,
               [&](std::int64_t clip, const float* x, const float* turned) {
                 times_tokens(at, queries.const_data_ptr<float>(), at.width, turned, scores.data());
                 k.softmax_block({.rows = at.j,
                                  .count = at.tokens,
                                  .scores = scores.data(),
                                  .scores_row = at.row(),
                                  .largest = largest.data_ptr<float>() + clip * at.j,
                                  .sum = sum.data_ptr<float>() + clip * at.j});
                 k.product({.rows = at.j,
                            .columns = at.width,
                            .depth = at.tokens,
                            .a = scores.data(),
                            .a_row = at.row(),
                            .b = x,
                            .b_row = at.width,
                            .c = weighted.data_ptr<float>() + clip * at.j * at.width,
                            .c_row = at.width});
               });
  });
  return {largest.t().contiguous(), sum.t().contiguous(), weighted.transpose(0, 1).contiguous()};
}

at::Tensor means_of_videos(const ClipSums& sums, const PoolVideos& videos,
                           const at::Tensor& directions) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> means;
  for (std::int64_t j = 0; j < directions.size(0); ++j)
    means.push_back(step_sums(query_sums(sums, videos, directions[j], j), videos).mean);
  return at::stack(means).to(at::kFloat);
}

at::Tensor PoolHead::logits(const HeadWeights& weights, const at::Tensor& tokens,
                            const PoolVideos& videos) {
  const at::NoGradGuard no_grad;
  directions_ = fused_.directions(weights);
  sums_ = clip_sums(directions_, tokens, threads_);
  means_ = means_of_videos(sums_, videos, directions_);
  return fused_.logits_of_means(weights, means_);
}

HeadWeights& PoolHead::gradients(const HeadWeights& weights, const at::Tensor& tokens,
                                 const PoolVideos& videos, const at::Tensor& logits_gradient) {
  const at::NoGradGuard no_grad;
  const at::Tensor given = fused_.means_gradient(weights, logits_gradient);
  const PoolGradient gradient = pool_gradient(sums_, videos, directions_, given);
  return fused_.gradients_of_directions(
      weights, through_tokens(directions_, tokens.contiguous(), sums_, gradient, threads_) +
                   gradient.of_code);
}

}  // namespace permafrost
