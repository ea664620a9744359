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

void encode_chunk(const Encoder& encoder, const ClipSource& source, int clips, std::int64_t begin,
                  std::int64_t end, LabelledFeatures& out) {
  const at::NoGradGuard no_grad;
  const ClipShape shape = encoder.spec.clip_shape();
  std::vector<std::int64_t> indices(static_cast<std::size_t>(end - begin));
  std::iota(indices.begin(), indices.end(), begin);
  const auto pixels =
      read_chunk(source, shape, indices, clips,
                 std::span(out.failures).subspan(static_cast<std::size_t>(begin), indices.size()));
  at::Tensor features =
      encode_pixels(encoder, pixel_tensor(pixels.data(), (end - begin) * clips, shape));
  if (const auto boxes = boxes_of(source, indices, clips); !boxes.empty())
    features = pooled_in_boxes(features, encoder.spec, boxes);
  out.tokens.slice(0, begin, end)
      .copy_(
          standardised(features).view({end - begin, clips * features.size(1), features.size(2)}));
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

LabelledFeatures encode_source(const Encoder& encoder, const ClipSource& source,
                               const EncodeOptions& options) {
  const int clips = options.clips;
  const std::int64_t batch = options.batch;
  LabelledFeatures out;
  const std::int64_t n = source.size();
  const bool boxed = n > 0 && source.box(0).has_value();
  const int tokens = boxed ? encoder.spec.grid_t() : encoder.spec.tokens();
  out.tokens = at::zeros({n, clips * tokens, encoder.spec.width}, at::kFloat);
  out.failures.resize(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) out.labels.push_back(source.label(i));
  parallel_for((n + batch - 1) / batch, options.threads, [&](std::int64_t chunk) {
    const std::int64_t begin = chunk * batch, end = std::min(n, begin + batch);
    encode_chunk(encoder, source, clips, begin, end, out);
    if (options.progress != nullptr) options.progress->advance(end - begin);
  });
  if (hash_of(encoder) != encoder.sha256)
    throw Error(encoder.name + ": the frozen encoder's weights changed while it was measured");
  return out;
}

}  // namespace permafrost
