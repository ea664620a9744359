// SPDX-License-Identifier: Apache-2.0
#include "probes/evaluate/head_evaluation.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "common/error.h"
#include "models/processes/shared_work.h"
#include "probes/encode/clip_chunk.h"
#include "probes/encode/features.h"
#include "probes/heads/box_pooling.h"

namespace permafrost {
namespace {

std::int64_t chunk_size(const EncoderSpec& spec, const EvaluationInput& input) {
  if (input.chunk > 0) return input.chunk;
  constexpr std::int64_t kValues = std::int64_t{1} << 27;  // of the widest activation
  const std::int64_t sample = std::int64_t{input.clips} * spec.tokens() * spec.hidden();
  return std::clamp<std::int64_t>(kValues / std::max<std::int64_t>(1, sample), 1, 16);
}

// Tokens [B,N,D] of raw clips [B,T,H,W,3]; with several layers [B,layers*N,D].
at::Tensor tokens_of(const Encoder& encoder, const at::Tensor& pixels,
                     const std::vector<int>& layers, const std::string& task,
                     const std::vector<ClipOrigin>& origins) {
  const at::Device device = encoder.weights.patch_embed.weight.device();
  const at::Tensor patches = with_input_noise(
      encoder.weights, encoder.spec, patchify(pixels.to(device), encoder.spec), task, origins);
  if (layers.empty()) return encode(encoder.weights, encoder.spec, patches);
  return at::cat(encode_layers(encoder.weights, encoder.spec, patches, layers), 1);
}

// One chunk of samples, by position in input.samples.
struct Chunk {
  const Encoder& encoder;
  const Classifier& head;
  const EvaluationInput& input;
  std::int64_t begin, end;
  HeadOutput& out;

  std::string& failure(std::int64_t i) const { return out.failures[static_cast<std::size_t>(i)]; }

  // Softmax [b,C], mean over the views of one source.
  at::Tensor probabilities(const ClipSource& source) const {
    const auto first = static_cast<std::size_t>(begin),
               count = static_cast<std::size_t>(end - begin);
    const auto samples = std::span(input.samples).subspan(first, count);
    auto pixels = read_chunk(source, encoder.spec.clip_shape(), samples, input.clips, Views::all,
                             std::span(out.failures).subspan(first, count));
    const std::int64_t n = end - begin, views = source.views();
    const at::Tensor clips =
        pixel_tensor(pixels.data(), n * views * input.clips, encoder.spec.clip_shape());
    const auto boxes = boxes_of(source, samples, input.clips);
    const std::string task = noise_task_of(encoder, source);
    const auto origins = [&](std::int64_t view) {
      return origins_of(source, samples, input.clips, Views::all, view);
    };
    if (views == 1) return probabilities(clips, boxes, task, origins(0));
    const at::Tensor by_view = clips.unflatten(0, {n, views, input.clips});
    at::Tensor sum = at::zeros({n, head.spec.classes}, at::kFloat);
    for (std::int64_t view = 0; view < views; ++view)
      sum.add_(probabilities(by_view.select(1, view).flatten(0, 1), boxes, task, origins(view)),
               1.0 / static_cast<double>(views));
    return sum;
  }

  // Softmax [b,C] of one view, whose clips are [b*clips,T,H,W,3]; a box a clip, or none at all.
  at::Tensor probabilities(const at::Tensor& clips, const std::vector<Box>& boxes,
                           const std::string& task, const std::vector<ClipOrigin>& origins) const {
    const std::int64_t n = end - begin;
    at::Tensor tokens = tokens_of(encoder, clips, input.layers, task, origins);
    if (!boxes.empty()) {
      if (!input.layers.empty())
        throw InputError("evaluation", "layers", "none for a task with boxes", "several");
      tokens = pooled_in_boxes(tokens, encoder.spec, boxes);
    }
    const at::Tensor seen = input.attend_across_clips
                                ? tokens.reshape({n, input.clips * tokens.size(1), tokens.size(2)})
                                : tokens;
    const at::Tensor all = at::softmax(classify(head.weights, head.spec, seen), 1).to(at::kCPU);
    return input.attend_across_clips ? all : all.view({n, input.clips, head.spec.classes}).mean(1);
  }

  void run() const {
    const at::NoGradGuard no_grad;
    at::Tensor sum = out.probabilities.slice(0, begin, end);
    for (const ClipSource* view : input.views)
      sum.add_(probabilities(*view), 1.0 / static_cast<double>(input.views.size()));
    for (std::int64_t i = begin; i < end; ++i) {
      at::Tensor row = out.probabilities[i];
      if (failure(i).empty() && !row.isfinite().all().item<bool>())
        failure(i) = "the head's probabilities are not finite";
      if (!failure(i).empty()) {
        row.zero_();
        continue;
      }
      const float* values = row.data_ptr<float>();
      out.predictions[static_cast<std::size_t>(i)] =
          static_cast<int>(std::max_element(values, values + row.numel()) - values);
    }
  }
};

}  // namespace

HeadOutput evaluate_head(const Encoder& encoder, const Classifier& head,
                         const EvaluationInput& input, int threads, Progress* progress) {
  if (head.spec.width != encoder.spec.width)
    throw InputError(head.source.empty() ? head.name : head.source, "width",
                     std::to_string(encoder.spec.width) + ", that of encoder " + encoder.name,
                     std::to_string(head.spec.width), "is it a head of another encoder?");
  Classifier moved = head;
  moved.weights = to_device(head.weights, head.spec, encoder.weights.patch_embed.weight.device());
  const auto n = static_cast<std::int64_t>(input.samples.size());
  HeadOutput out;
  out.probabilities = at::zeros({n, head.spec.classes}, at::kFloat);
  out.predictions.assign(static_cast<std::size_t>(n), -1);
  out.failures.resize(static_cast<std::size_t>(n));
  const std::int64_t size = chunk_size(encoder.spec, input);
  for_my_pieces(input.group, (n + size - 1) / size, threads, [&](std::int64_t k) {
    const Chunk chunk{encoder, moved, input, k * size, std::min(n, (k + 1) * size), out};
    chunk.run();
    if (progress != nullptr) progress->advance(chunk.end - chunk.begin);
  });
  const at::Tensor predictions =
      at::tensor(at::ArrayRef(out.predictions), at::kInt);  // a copy that can be sent
  share_rows(input.group, {out.probabilities, predictions}, size);
  out.predictions = {predictions.data_ptr<int>(), predictions.data_ptr<int>() + n};
  share_texts(input.group, out.failures);
  require_frozen(encoder);
  return out;
}

}  // namespace permafrost
