// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/clip_counter.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "bench/haystack/needle_videos.h"
#include "common/random.h"

namespace permafrost {
namespace {

constexpr std::uint64_t kThresholdVideos = 1ULL << 41;  // behind all steps and held-out batches

// Hay, then as many needles; the truth is 0 for hay.
PoolBatch single_clips(const HaystackSpec& spec, const ClipPools& pools, std::int64_t step) {
  RandomStream stream({.seed = spec.training.seed,
                       .purpose = "haystack.single_clips",
                       .epoch = static_cast<std::uint64_t>(step)});
  const std::int64_t half = std::max(1, spec.batch / 2);
  std::vector<std::int64_t> hay, needles;
  for (std::int64_t k = 0; k < half; ++k) {
    hay.push_back(stream.integer(static_cast<std::uint32_t>(held_out_hay(spec))));
    needles.push_back(stream.integer(static_cast<std::uint32_t>(held_out_needle(spec))));
  }
  return each_once(
      at::cat({clips_of_pool(pools.train_hay, hay), clips_of_pool(pools.train_needles, needles)}),
      at::arange(2 * half, at::kLong).ge(half).to(at::kLong));
}

// Accuracy of each candidate, of hay and needles alike.
at::Tensor balanced_accuracy(const HeadWeights& head, const HeadSpec& spec, const at::Tensor& hay,
                             const at::Tensor& needles, int threads) {
  at::Tensor sum;
  for (const std::int64_t truth : {0, 1}) {
    const at::Tensor& tokens = truth == 0 ? hay : needles;
    const PoolBatch batch = each_once(tokens, at::full({tokens.size(0)}, truth, at::kLong));
    const at::Tensor right =
        pool_logits(head, spec, batch, threads).argmax(2).eq(truth).to(at::kDouble).mean(1);
    sum = truth == 0 ? right : sum + right;
  }
  return sum / 2;
}

}  // namespace

ClipCounter::ClipCounter(const HaystackSpec& spec, const ClipPools& pools, int heads)
    : spec_(spec),
      head_spec_{.width = static_cast<int>(pools.test.size(2)), .heads = heads, .classes = 2} {
  const at::NoGradGuard no_grad;
  train(pools);
  hay_scores_ = scores(pools.train_hay);
  needle_scores_ = scores(pools.train_needles);
}

void ClipCounter::train(const ClipPools& pools) {
  HeadWeights all = train_pool_head(head_spec_, spec_.training, [&](std::int64_t step) {
    return single_clips(spec_, pools, step);
  });
  const at::Tensor accuracy = balanced_accuracy(
      all, head_spec_, pools.train_hay.slice(0, held_out_hay(spec_)),
      pools.train_needles.slice(0, held_out_needle(spec_)), spec_.training.threads);
  for (std::int64_t l = 0; l < accuracy.size(0); ++l)
    held_out_accuracy_.push_back(accuracy[l].item<double>());
  const auto best = std::max_element(held_out_accuracy_.begin(), held_out_accuracy_.end()) -
                    held_out_accuracy_.begin();
  head_ = candidate(all, head_spec_.kind, static_cast<int>(best));
  learning_rate_ = spec_.training.learning_rates[static_cast<std::size_t>(best)];
}

at::Tensor ClipCounter::scores(const at::Tensor& tokens) const {
  const PoolBatch batch = each_once(tokens, {});
  const at::Tensor logits = pool_logits(head_, head_spec_, batch, spec_.training.threads)[0];
  return logits.select(1, 1) - logits.select(1, 0);
}

double ClipCounter::threshold(std::int64_t clips) const {
  constexpr std::uint64_t kVideos = 256;
  const TrainClips from{.first_needle = held_out_needle(spec_),
                        .end_needle = spec_.train_needles,
                        .first_hay = held_out_hay(spec_),
                        .end_hay = spec_.train_hay};
  // All clips that may be in a video, and how often they are in each.
  const at::Tensor scores = at::cat({hay_scores_, needle_scores_});
  std::vector<at::Tensor> counts, numbers;
  const auto batches = (kVideos + static_cast<std::uint64_t>(spec_.batch) - 1) /
                       static_cast<std::uint64_t>(spec_.batch);
  for (std::uint64_t k = 0; k < batches; ++k) {
    const TrainVideos drawn = train_videos(spec_, {clips}, from, kThresholdVideos + k);
    std::vector<std::int64_t> columns = drawn.hay;
    for (const auto needle : drawn.needles) columns.push_back(spec_.train_hay + needle);
    const at::Tensor index = at::tensor(at::ArrayRef<std::int64_t>(columns), at::kLong);
    counts.push_back(at::zeros({spec_.batch, scores.size(0)}, at::kDouble)
                         .index_add_(1, index, drawn.videos.videos.counts.select(1, 0)));
    numbers.push_back(drawn.videos.truth + 1);
  }
  return best_threshold(at::cat(counts), scores, at::cat(numbers), classes_of(NeedleTask::count));
}

at::Tensor clips_above(const at::Tensor& counts, const at::Tensor& scores, double threshold) {
  return at::mv(counts.sum(1), scores.gt(threshold).to(at::kDouble)).to(at::kLong);
}

double best_threshold(const at::Tensor& counts, const at::Tensor& scores, const at::Tensor& numbers,
                      std::int64_t most) {
  // Between clips that are shown, in descending order of their scores; one threshold above all.
  const at::Tensor shown = counts.sum(0).gt(0);
  const auto [sorted, order] = scores.index({shown}).sort(0, true);
  const at::Tensor above = counts.index({at::indexing::Slice(), shown}).index_select(1, order);
  const at::Tensor right = above.cumsum(1)
                               .clamp(1, most)
                               .eq(numbers.unsqueeze(1).to(at::kDouble))
                               .to(at::kDouble)
                               .mean(0);  // [P]: where so many clips count
  // The first of the best: as few clips of hay as possible.
  const auto last = right.argmax().item<std::int64_t>();
  const double low = sorted[last].item<double>();
  return last + 1 < sorted.size(0) ? (low + sorted[last + 1].item<double>()) / 2 : low - 1;
}

}  // namespace permafrost
