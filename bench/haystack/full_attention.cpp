// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/full_attention.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "bench/haystack/clip_pools.h"
#include "bench/haystack/needle_videos.h"
#include "common/random.h"

namespace permafrost {
namespace {

using synthetic::NeedleSource;
using synthetic::Split;

// A video of clips: `clip_at(place)` gives one.
LongVideo film_of_clips(const ClipShape& shape, std::int64_t clips,
                        const std::function<Clip(std::int64_t)>& clip_at) {
  LongVideo film{.name = "haystack", .height = shape.height, .width = shape.width};
  film.expected = clips * shape.frames;
  film.show = [=](const FrameUse& use) {
    for (std::int64_t place = 0; place < clips; ++place) {
      const Clip clip = clip_at(place);
      for (int t = 0; t < shape.frames; ++t) use(place * shape.frames + t, clip.frame(t));
    }
  };
  return film;
}

class FullAttention {
 public:
  FullAttention(const HaystackSpec& spec, const Encoder& encoder)
      : spec_(spec), encoder_(encoder), shape_(encoder.spec.clip_shape()) {}

  // Standardised tokens [1,N,D] of a video: hay by `hay`, and the needle at its place.
  at::Tensor tokens_of(Split split, std::int64_t needle, std::int64_t at, std::int64_t clips,
                       const std::function<std::int64_t(std::int64_t)>& hay) const {
    const NeedleSource hays = pool_source(spec_, false, split, shape_);
    const NeedleSource needles = pool_source(spec_, true, split, shape_);
    std::vector<std::string> notes;
    const LongVideo film = film_of_clips(shape_, clips, [&](std::int64_t place) {
      return place == at ? needles.read(needle, 0, 1).clip : hays.read(hay(place), 0, 1).clip;
    });
    const WindowFeatures whole =
        encode_whole(encoder_, film, {.threads = spec_.training.threads}, notes);
    return standardised(pooled_like(whole.features, clips));
  }

  std::int64_t clips(std::int64_t tokens) const { return clips_of(tokens, encoder_.spec.tokens()); }

  // A training video: needles and places by name.
  at::Tensor training_tokens(std::int64_t number, std::int64_t needle) const {
    const std::int64_t count = clips(spec_.full_lengths.front());
    const auto video = kTrainVideos + number;
    RandomStream stream({.seed = spec_.training.seed,
                         .purpose = "haystack.full_place",
                         .sample = static_cast<std::uint64_t>(number)});
    const auto place =
        static_cast<std::int64_t>(stream.large_integer(static_cast<std::uint64_t>(count)));
    return tokens_of(Split::train, needle, place, count, [&](std::int64_t at) {
      return hay_at(spec_.training.seed, video, at, spec_.train_hay);
    });
  }

 private:
  static constexpr std::int64_t kTrainVideos = std::int64_t{1}
                                               << 32;  // behind all of the test side

  // The pooling of windows, on the same number of frames each.
  at::Tensor pooled_like(const at::Tensor& tokens, std::int64_t clips) const {
    if (spec_.pooling == Pooling::none) return tokens;
    const std::int64_t kept = kept_tokens(encoder_.spec, spec_.pooling);
    return tokens.unflatten(1, {clips * kept, -1}).mean(2);
  }

  const HaystackSpec& spec_;
  const Encoder& encoder_;
  ClipShape shape_;
};

HaystackLength asked(const HaystackSpec& spec, const FullAttention& full, std::int64_t tokens,
                     const HeadWeights& head, const HeadSpec& head_spec) {
  HaystackLength length = unasked_length(spec.depths);
  length.clips = full.clips(tokens);
  const std::int64_t videos = std::min(spec.full_videos, spec.needles);
  for (std::int64_t k = 0; k < videos; ++k) {
    const int depth = depth_in_turn(spec, k);
    const at::Tensor z = full.tokens_of(
        Split::test, k, needle_place(spec, k, length.clips, depth), length.clips,
        [&](std::int64_t place) { return hay_at(spec.training.seed, k, place, spec.hay); });
    length.tokens = z.size(1);
    FusedHead fused(head_spec, 1);
    const bool right = fused.logits(head, z, false)[0][0].argmax().item<std::int64_t>() ==
                       k % synthetic::kNeedleClasses;
    length.add_answer(depth, right);
  }
  return length;
}

}  // namespace

int heads_for(const EncoderSpec& encoder, int width) {
  return encoder.depth > 0 && width % encoder.heads == 0 ? encoder.heads : 1;
}

HaystackReading full_attention_reading(const HaystackSpec& spec, const Encoder& encoder) {
  const at::NoGradGuard no_grad;
  const FullAttention full(spec, encoder);
  const std::int64_t count = spec.full_train_videos, held_out = count / 10;
  std::vector<at::Tensor> rows;
  at::Tensor truth = at::empty({count}, at::kLong);
  for (std::int64_t k = 0; k < count; ++k) {
    const std::int64_t needle = k % spec.train_needles;
    rows.push_back(full.training_tokens(k, needle));
    truth[k] = needle % synthetic::kNeedleClasses;
  }
  const at::Tensor tokens = at::cat(rows);
  rows.clear();
  const HeadSpec head_spec{.width = static_cast<int>(tokens.size(2)),
                           .heads = heads_for(encoder.spec, static_cast<int>(tokens.size(2))),
                           .classes = synthetic::kNeedleClasses};
  PoolTraining training = spec.training;
  training.steps = std::min(training.steps, 600);
  const HeadWeights head = train_pool_head(head_spec, training, [&](std::int64_t step) {
    RandomStream stream({.seed = training.seed,
                         .purpose = "haystack.full_order",
                         .epoch = static_cast<std::uint64_t>(step)});
    std::vector<std::int64_t> some;
    for (int k = 0; k < std::min<std::int64_t>(spec.batch, count - held_out); ++k)
      some.push_back(stream.integer(static_cast<std::uint32_t>(count - held_out)));
    const at::Tensor index = at::tensor(at::ArrayRef<std::int64_t>(some), at::kLong);
    return each_once(tokens.index_select(0, index), truth.index_select(0, index));
  });
  HaystackReading reading{.name = "full attention"};
  const PoolBatch last =
      each_once(tokens.slice(0, count - held_out), truth.slice(0, count - held_out));
  const at::Tensor right =
      pool_logits(head, head_spec, last, training.threads).argmax(2).eq(last.truth).to(at::kDouble);
  std::size_t chosen = 0;
  for (std::int64_t l = 0; l < right.size(0); ++l) {
    reading.held_out_accuracy.push_back(right[l].mean().item<double>());
    if (reading.held_out_accuracy.back() > reading.held_out_accuracy[chosen])
      chosen = static_cast<std::size_t>(l);
  }
  reading.learning_rate = training.learning_rates[chosen];
  HeadWeights trained = head;
  const HeadWeights best = candidate(trained, head_spec.kind, static_cast<int>(chosen));
  for (const std::int64_t length : spec.full_lengths)
    reading.lengths.push_back(asked(spec, full, length, best, head_spec));
  return reading;
}

}  // namespace permafrost
