// SPDX-License-Identifier: Apache-2.0
#include "bench/machines/measured_cpu.h"

#include <functional>
#include <numeric>

#include "bench/records/build_info.h"
#include "bench/run/work_estimate.h"
#include "common/machine/core_seconds.h"
#include "common/machine/memory.h"
#include "common/machine/parallel.h"
#include "datasets/clips/kept_source.h"
#include "datasets/clips/source.h"
#include "datasets/synthetic/source.h"
#include "models/encoders/encoder.h"
#include "probes/train/finetune.h"
#include "probes/train/probe_training.h"

namespace permafrost {
namespace {

constexpr int kClips = 512, kTuned = 128;

// The encoder and protocols of the suite pico.
EncoderSpec measured_spec() {
  EncoderSpec spec;
  spec.width = 64;
  spec.depth = 4;
  spec.heads = 2;
  spec.frames = 8;
  spec.patch = 8;
  spec.height = spec.image_width = 48;
  return spec;
}
ProbeProtocol measured_probe() {
  return {.heads = 2, .epochs = 5, .learning_rates = {3e-4, 1e-3, 3e-3, 1e-2}};
}
FinetuneProtocol measured_finetuning() { return {.heads = 2, .epochs = 1}; }

std::unique_ptr<ClipSource> drawn_clips() {
  return std::make_unique<synthetic::TaskSource>(synthetic::SyntheticTask::motion,
                                                 synthetic::Split::train, kClips,
                                                 measured_spec().clip_shape());
}

Samples range(std::int64_t from, std::int64_t to) {
  Samples samples(static_cast<std::size_t>(to - from));
  std::iota(samples.begin(), samples.end(), from);
  return samples;
}

// How much of `work` a second of processor time does: once to warm up, then for some seconds.
double rate_of(double work, double seconds_wanted, const std::function<void()>& body) {
  body();
  const double start = core_seconds();
  double seconds = 0;
  int times = 0;
  for (; seconds < seconds_wanted; ++times) {
    body();
    seconds = core_seconds() - start;
  }
  return times * work / seconds;
}

double tuned_rate(const Encoder& encoder, const ClipSource& source, double seconds) {
  const Fold fold{range(0, kTuned), range(kTuned, kTuned + 1)};
  return rate_of(finetune_work(encoder.spec, kTuned).tuned_flops, seconds, [&] {
    finetune(encoder, {source, fold, 8}, measured_finetuning(), {});
  });
}

double head_rate(const EncoderSpec& spec, const LabelledFeatures& features, double seconds) {
  const ProbeProtocol protocol = measured_probe();
  const std::vector<std::int64_t> groups = range(0, kClips);
  const Fold fold{range(0, kClips - 32), range(kClips - 32, kClips)};
  const Work work = probe_work(spec, protocol, spec.tokens(),
                               static_cast<double>(passes_of(protocol) * fold.train.size()));
  return rate_of(work.head_flops, seconds, [&] {
    train_probe({features, groups, fold, 8}, protocol, {});
  });
}

double drawing_rate(double seconds) {
  const auto source = drawn_clips();
  const double pixels = static_cast<double>(measured_spec().clip_shape().bytes()) / 3;
  std::int64_t next = 0;
  return rate_of(64 * pixels, seconds, [&] {
    for (int k = 0; k < 64; ++k) source->read(next++ % kClips, 0, 1);
  });
}

double decoding_rate(const std::filesystem::path& video, double seconds) {
  const VideoOptions options{.shape = {16, 224, 224}, .short_side = 256};
  int next = 0;
  return rate_of(1, seconds, [&] { read_clip(video.string(), options, next++ % 8, 8); });
}

}  // namespace

Machine measured_cpu(const std::filesystem::path& video, double seconds) {
  const Encoder encoder = random_encoder(measured_spec(), 1);
  const KeptSource source(drawn_clips(), 1);
  LabelledFeatures features;
  const BuildInfo build = build_info();
  Machine machine{.name = "this", .title = build.processor};
  machine.source = "permafrost doctor --measure, version " + build.version;
  // First, as a file that cannot be decoded is told at once.
  machine.decoded_clips =
      video.empty() ? reference_core().decoded_clips : decoding_rate(video, seconds);
  machine.cores = machine.devices = available_threads();
  machine.frozen = rate_of(encoding_work(encoder.spec, kClips).frozen_flops, seconds,
                           [&] { features = encode_source(encoder, source, {}); });
  machine.tuned = tuned_rate(encoder, source, seconds);
  machine.heads = head_rate(encoder.spec, features, seconds);
  machine.host_bytes = machine.device_bytes = free_memory_bytes().value_or(1e9);
  machine.drawn_pixels = drawing_rate(seconds);
  return machine;
}

}  // namespace permafrost
