// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/clip_pools.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <numeric>

#include "common/error.h"
#include "probes/encode/features.h"

namespace permafrost {
namespace {

using synthetic::Split;

at::Tensor encoded_pool(const HaystackSpec& spec, const Encoder& encoder, bool needles,
                        Split split) {
  const auto source = pool_source(spec, needles, split, encoder.spec.clip_shape());
  std::vector<std::int64_t> all(static_cast<std::size_t>(source.size()));
  std::iota(all.begin(), all.end(), 0);
  std::vector<std::string> failures;
  const at::Tensor raw =
      encode_raw(encoder, source, all, {.threads = spec.training.threads}, failures);
  return standardised(pooled(raw, encoder.spec, spec.pooling)).contiguous();
}

}  // namespace

synthetic::NeedleSource pool_source(const HaystackSpec& spec, bool needles, Split split,
                                    const ClipShape& shape) {
  const bool train = split == Split::train;
  const std::int64_t count =
      needles ? (train ? spec.train_needles : spec.needles) : (train ? spec.train_hay : spec.hay);
  return {{.kind = spec.needle, .needles = needles, .split = split, .version = spec.world_version},
          count,
          shape};
}

at::Tensor clips_of_pool(const at::Tensor& pool, const std::vector<std::int64_t>& which) {
  return pool.index_select(0, at::tensor(at::ArrayRef<std::int64_t>(which), at::kLong));
}

ClipPools encode_pools(const HaystackSpec& spec, const Encoder& encoder) {
  const at::NoGradGuard no_grad;
  ClipPools pools;
  pools.train_hay = encoded_pool(spec, encoder, false, Split::train);
  pools.train_needles = encoded_pool(spec, encoder, true, Split::train);
  pools.test = at::cat({encoded_pool(spec, encoder, false, Split::test),
                        encoded_pool(spec, encoder, true, Split::test)});
  for (const bool needles : {false, true})
    for (const Split split : {Split::train, Split::test})
      pools.identities[std::string(split == Split::train ? "train " : "test ") +
                       (needles ? "needles" : "hay")] =
          pool_source(spec, needles, split, encoder.spec.clip_shape()).identity();
  require_frozen(encoder);
  return pools;
}

std::int64_t kept_tokens(const EncoderSpec& encoder, Pooling pooling) {
  if (pooling == Pooling::window) return 1;
  return pooling == Pooling::time_step ? encoder.grid_t() : encoder.tokens();
}

double pools_bytes(const HaystackSpec& spec, const EncoderSpec& encoder) {
  const double clip = 4.0 * encoder.width;
  const double kept = clip * static_cast<double>(kept_tokens(encoder, spec.pooling));
  const double all =
      static_cast<double>(spec.hay + spec.needles + spec.train_hay + spec.train_needles);
  const double largest =
      static_cast<double>(std::max({spec.hay, spec.needles, spec.train_hay, spec.train_needles}));
  // What is kept; of the largest pool also the raw tokens; the test pool once more while it is put
  // together.
  return all * kept + largest * clip * encoder.tokens() * 2 +
         static_cast<double>(spec.hay + spec.needles) * kept;
}

}  // namespace permafrost
