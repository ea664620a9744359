// SPDX-License-Identifier: Apache-2.0
#include "bench/given/given_probe.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <numeric>

#include "bench/records/record_folder.h"
#include "bench/run/fold_training.h"
#include "bench/run/plan.h"
#include "common/error.h"
#include "common/machine/parallel.h"
#include "common/machine/stopwatch.h"
#include "probes/encode/encoding_batch.h"
#include "probes/encode/features.h"
#include "probes/heads/head.h"

namespace permafrost {
namespace {

// Tokens float32 [B,clips*N,D], standardised, of features of B*clips clips.
at::Tensor tokens_of(const at::Tensor& features, const std::string& encoder, std::int64_t samples,
                     std::int64_t clips) {
  at::Tensor tokens = features.dim() == 2 ? features.unsqueeze(1) : features;
  if (tokens.dim() != 3 || tokens.size(0) != samples * clips || tokens.numel() == 0 ||
      !tokens.is_floating_point())
    throw InputError(encoder, "features",
                     "floating-point [" + std::to_string(samples * clips) + ",N,D] or [" +
                         std::to_string(samples * clips) + ",D]",
                     std::string(features.dtype().name()) + " " + c10::str(features.sizes()));
  tokens = standardised(tokens.to(at::kCPU, at::kFloat));
  return tokens.reshape({samples, clips * tokens.size(1), tokens.size(2)});
}

void require_plain(const ProbeProtocol& protocol, const Task& task) {
  if (protocol.test.views > 1 || protocol.augmentation.active())
    throw InputError("protocol", protocol.test.views > 1 ? "views" : "augmentation",
                     "one view a clip and no augmentation: clips are shown once", "another");
  if (task.source->has_boxes())
    throw InputError("task", task.name, "a task whose tokens are not pooled in boxes",
                     "boxes: the encoder's grid of tokens is not known");
}

// All samples of the task, batch after batch.
LabelledFeatures encoded(const GivenEncoder& encoder, const Task& task, int clips,
                         const GivenProbeOptions& options) {
  const at::NoGradGuard no_grad;
  const ClipSource& source = *task.source;
  LabelledFeatures found;
  for (std::int64_t i = 0; i < source.size(); ++i) found.targets.push_back(source.target(i));
  found.failures.resize(found.targets.size());
  std::vector<std::int64_t> samples(found.targets.size());
  std::iota(samples.begin(), samples.end(), 0);
  for (std::int64_t begin = 0; begin < source.size(); begin += encoder.batch) {
    const std::int64_t count = std::min(encoder.batch, source.size() - begin);
    const auto first = static_cast<std::size_t>(begin), length = static_cast<std::size_t>(count);
    auto pixels = read_chunk(source, encoder.shape, std::span(samples).subspan(first, length),
                             clips, Views::shown, std::span(found.failures).subspan(first, length),
                             options.execution.threads);
    const at::Tensor tokens =
        tokens_of(encoder.features(pixel_tensor(pixels.data(), count * clips, encoder.shape)),
                  encoder.identity.name, count, clips);
    if (!found.tokens.defined())
      found.tokens = at::empty({source.size(), tokens.size(1), tokens.size(2)}, at::kFloat);
    if (tokens.sizes().slice(1) != found.tokens.sizes().slice(1))
      throw InputError(encoder.identity.name, "features",
                       c10::str(found.tokens.sizes().slice(1)) + " a sample, as before",
                       c10::str(tokens.sizes().slice(1)));
    found.tokens.slice(0, begin, begin + count).copy_(tokens);
    if (options.progress) options.progress(begin + count, source.size());
  }
  return found;
}

}  // namespace

GivenEncoder given_encoder(const Encoder& encoder) {
  if (encoder.spec.input_noise > 0)
    throw InputError(encoder.name, "input_noise", "an encoder that sees its clips as they are",
                     std::to_string(encoder.spec.input_noise));
  return {
      .identity = {encoder.name, encoder.source, encoder.sha256, to_json(encoder.spec)},
      .shape = encoder.spec.clip_shape(),
      .batch = fitting_batch(encoder, BatchWish()),
      .features = [&encoder](const at::Tensor& pixels) { return encode_pixels(encoder, pixels); }};
}

Record probe_given(const GivenEncoder& encoder, const TaskSpec& spec,
                   const GivenProbeOptions& options) {
  const ProbeProtocol& protocol = options.protocol.probe;
  const Task task = open_task(spec, encoder.shape, data_folder(options.data),
                              {.short_side = protocol.test.short_side});
  if (!task.available())
    throw InputError("task", spec.name, "data that can be read", task.unavailable);
  require_plain(protocol, task);
  for (const auto& warning : task.warnings) options.execution.tell(warning);
  const std::uint64_t seed = options.execution.seed;
  Record record = planned_record(encoder.identity, task, options.protocol, spec, seed);
  add_use(record.used_by,
          {.table = 0, .row = encoder.identity.name, .column = options.protocol.name});

  const Stopwatch watch;
  LabelledFeatures features = encoded(encoder, task, clips_of(options.protocol, spec), options);
  record.encode_seconds = watch.seconds();
  if (options.encoded) options.encoded();
  if (const auto doubt = doubt_about(features); !doubt.empty()) {
    record.warnings.push_back(doubt);
    options.execution.tell(doubt);
  }
  std::vector<FoldResult> results(task.folds.size());
  parallel_for(static_cast<std::int64_t>(results.size()), options.execution.threads,
               [&](std::int64_t fold) {
                 LabelledFeatures mine = features;  // shares the tokens
                 const auto f = static_cast<std::size_t>(fold);
                 results[f] = train_fold(task, f, protocol, mine, {.seed = seed}, {}).result;
               });
  for (const auto& result : results)
    for (const auto& warning : result.warnings) options.execution.tell(warning);
  finish_record(results, task, options.execution, record);
  if (!options.out.empty()) write_record(options.out, record);
  return record;
}

}  // namespace permafrost
