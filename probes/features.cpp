// SPDX-License-Identifier: Apache-2.0
#include "probes/features.h"

#include <torch/types.h>

#include <algorithm>
#include <numeric>

#include "common/error.h"
#include "common/parallel.h"
#include "probes/box_pooling.h"
#include "probes/clip_chunk.h"
#include "probes/head.h"

namespace permafrost {
namespace {

// What the encoder says [B*clips,N,D] of the clips of one batch.
at::Tensor encode_clips(const Encoder& encoder, const ClipSource& source, int clips,
                        std::span<const std::int64_t> samples, std::span<std::string> failures) {
  const ClipShape shape = encoder.spec.clip_shape();
  const auto pixels = read_chunk(source, shape, samples, clips, failures);
  const auto count = static_cast<std::int64_t>(samples.size()) * clips;
  return encode_pixels(encoder, pixel_tensor(pixels.data(), count, shape));
}

// Standardised tokens [B,clips*N,D] of one batch.
at::Tensor encode_batch(const Encoder& encoder, const ClipSource& source, int clips,
                        std::span<const std::int64_t> samples, std::span<std::string> failures) {
  const at::NoGradGuard no_grad;
  const auto count = static_cast<std::int64_t>(samples.size());
  at::Tensor features = encode_clips(encoder, source, clips, samples, failures);
  if (const auto boxes = boxes_of(source, samples, clips); !boxes.empty())
    features = pooled_in_boxes(features, encoder.spec, boxes);
  return standardised(features).view({count, clips * features.size(1), features.size(2)});
}

// Puts encode(samples, failures), a tensor [B,...], of every batch into its rows of `out`.
template <typename Encode>
void in_batches(const std::vector<std::int64_t>& samples, const EncodeOptions& options,
                std::vector<std::string>& failures, const at::Tensor& out, const Encode& encode) {
  const auto n = static_cast<std::int64_t>(samples.size());
  const std::int64_t batch = options.batch;
  failures.assign(samples.size(), "");
  parallel_for((n + batch - 1) / batch, options.threads, [&](std::int64_t number) {
    const std::int64_t begin = number * batch, end = std::min(n, begin + batch);
    const auto first = static_cast<std::size_t>(begin),
               count = static_cast<std::size_t>(end - begin);
    out.slice(0, begin, end)
        .copy_(encode(std::span(samples).subspan(first, count),
                      std::span(failures).subspan(first, count)));
    if (options.progress != nullptr) options.progress->advance(end - begin);
  });
}

}  // namespace

std::int64_t LabelledFeatures::failed() const {
  return std::count_if(failures.begin(), failures.end(),
                       [](const std::string& failure) { return !failure.empty(); });
}

at::Tensor encode_pixels(const Encoder& encoder, const at::Tensor& pixels) {
  const at::NoGradGuard no_grad;
  const at::Device device = encoder.weights.patch_embed.weight.device();
  return encode(encoder.weights, encoder.spec, patchify(pixels.to(device), encoder.spec))
      .to(at::kCPU);
}

at::Tensor encode_samples(const Encoder& encoder, const ClipSource& source,
                          const std::vector<std::int64_t>& samples, const EncodeOptions& options,
                          std::vector<std::string>& failures) {
  const auto n = static_cast<std::int64_t>(samples.size());
  const int tokens = source.has_boxes() ? encoder.spec.grid_t() : encoder.spec.tokens();
  at::Tensor out = at::empty({n, options.clips * tokens, encoder.spec.width}, at::kFloat);
  in_batches(samples, options, failures, out, [&](auto some, auto failed) {
    return encode_batch(encoder, source, options.clips, some, failed);
  });
  return out;
}

at::Tensor encode_raw(const Encoder& encoder, const ClipSource& source,
                      const std::vector<std::int64_t>& samples, const EncodeOptions& options,
                      std::vector<std::string>& failures) {
  const auto n = static_cast<std::int64_t>(samples.size());
  at::Tensor out = at::empty({n, encoder.spec.tokens(), encoder.spec.width}, at::kFloat);
  in_batches(samples, options, failures, out, [&](auto some, auto failed) {
    return encode_clips(encoder, source, 1, some, failed);
  });
  return out;
}

LabelledFeatures encode_source(const Encoder& encoder, const ClipSource& source,
                               const EncodeOptions& options) {
  LabelledFeatures out;
  std::vector<std::int64_t> samples(static_cast<std::size_t>(source.size()));
  std::iota(samples.begin(), samples.end(), 0);
  for (const auto i : samples) out.labels.push_back(source.label(i));
  out.tokens = encode_samples(encoder, source, samples, options, out.failures);
  require_frozen(encoder);
  return out;
}

}  // namespace permafrost
