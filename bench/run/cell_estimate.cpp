// SPDX-License-Identifier: Apache-2.0
#include "bench/run/cell_estimate.h"

#include <algorithm>
#include <limits>

#include "bench/run/work_estimate.h"
#include "common/machine/memory.h"
#include "datasets/lists/dataset_spec.h"
#include "probes/encode/encoding_batch.h"

namespace permafrost {
namespace {

// Clips of a task that are read once and kept for all who ask (open_task): at most half of the
// memory, and not in several views.
bool keeps_clips(const EncoderSpec& spec, const TaskSizes& sizes, int clips, int views,
                 const EstimateSetting& setting) {
  const double bytes =
      static_cast<double>(sizes.samples) * clips * static_cast<double>(spec.clip_shape().bytes());
  return views == 1 && bytes <= setting.memory_bytes / 2;
}

CellEstimate finetuning(const EncoderSpec& spec, const TaskSizes& sizes, const TaskSpec& task,
                        const FinetuneProtocol& p, const EstimateSetting& setting) {
  CellEstimate estimate{.device_bytes = finetune_bytes(spec, p, setting.shards_at_once)};
  const double trained = static_cast<double>(sizes.train) * p.epochs;
  const double tested = static_cast<double>(sizes.test) * p.clips;
  estimate.cell =
      (finetune_work(spec, trained) + encoding_work(spec, tested * p.test.views)).in(p.precision);
  const bool kept = keeps_clips(spec, sizes, task.clips, p.test.views, setting) &&
                    !p.augmentation.active() && p.clips == task.clips;
  if (kept)
    estimate.task = reading_work(spec, sizes.kind, static_cast<double>(sizes.samples) * task.clips);
  else
    estimate.cell += reading_work(spec, sizes.kind, trained + tested);
  return estimate;
}

// Clips that a probe has encoded for itself, and reads for that: all views of one in one pass.
Work seen(const EncoderSpec& spec, const TaskSizes& sizes, double clips, int views = 1) {
  return encoding_work(spec, views * clips) + reading_work(spec, sizes.kind, clips);
}

CellEstimate probing(const EncoderSpec& spec, const TaskSizes& sizes, const TaskSpec& task,
                     const ProtocolChoice& protocol, const EstimateSetting& setting) {
  const ProbeProtocol& p = protocol.probe;
  const int clips = clips_of(protocol, task);
  const double tokens = sizes.has_boxes ? spec.grid_t() : spec.tokens();
  const double labelled = p.label_fraction * static_cast<double>(sizes.train);
  const double all =
      static_cast<double>(sizes.samples) + static_cast<double>(sizes.test) * (p.test.views - 1);
  const int cached_views = p.augmentation.active() ? p.training_views : 0;
  CellEstimate estimate;
  estimate.feature_bytes = (all + cached_views * static_cast<double>(sizes.samples)) * clips *
                           tokens * spec.width * sizeof(float);
  estimate.streamed = setting.features == FeatureStore::streamed ||
                      (setting.features == FeatureStore::automatic &&
                       estimate.feature_bytes >= setting.memory_bytes);
  const std::int64_t batch = fitting_samples(
      spec, sizeof(float), {.samples = setting.batch, .clips = clips, .at_once = setting.threads},
      setting.device_memory);
  estimate.device_bytes = weight_bytes(spec) + static_cast<double>(setting.threads) *
                                                   static_cast<double>(batch) * clips *
                                                   activation_bytes(spec, sizeof(float));
  estimate.cell = probe_work(spec, p, clips * tokens, passes_of(p) * labelled);
  if (estimate.streamed) {
    const Work trained = seen(spec, sizes, clips * passes_of(p) * labelled);
    const Work tested = seen(spec, sizes, clips * static_cast<double>(sizes.test), p.test.views);
    estimate.cell += (trained + tested).in(p.precision);
    return estimate;
  }
  if (p.augmentation.active()) {
    const double views = p.training_views > 0 ? p.training_views : p.epochs;
    estimate.cell += seen(spec, sizes, views * labelled * clips).in(p.precision);
  }
  estimate.group = encoding_work(spec, all * clips).in(p.precision);
  const bool kept =
      keeps_clips(spec, sizes, task.clips, p.test.views, setting) && clips == task.clips;
  (kept ? estimate.task : estimate.group) +=
      reading_work(spec, sizes.kind, static_cast<double>(sizes.samples) * clips);
  return estimate;
}

}  // namespace

TaskSizes sizes_of(const Task& task, const TaskSpec& spec, const std::filesystem::path& data) {
  TaskSizes sizes{.kind = spec.kind};
  if (task.available()) {
    sizes.samples = task.source->size();
    sizes.has_boxes = task.source->has_boxes();
    for (const auto& fold : task.folds) {
      sizes.train += static_cast<std::int64_t>(fold.train.size());
      sizes.test += static_cast<std::int64_t>(fold.test.size());
    }
    return sizes;
  }
  const auto known = known_datasets();
  if (std::find(known.begin(), known.end(), spec.dataset) == known.end()) return sizes;
  const DatasetSpec dataset = dataset_named(spec.dataset, data);
  sizes.train = dataset.train.samples;
  sizes.test = dataset.test.samples;
  sizes.samples = sizes.train + sizes.test;
  return sizes;
}

double memory_of_process(const std::optional<Machine>& machine, double asked) {
  if (asked > 0) return asked;
  if (machine) return machine->host_bytes / 2 / (machine->gpu ? machine->devices : 1);
  return free_memory_bytes().value_or(std::numeric_limits<double>::infinity()) / 2;
}

CellEstimate estimate_of(const EncoderSpec& spec, const TaskSizes& sizes, const TaskSpec& task,
                         const ProtocolChoice& protocol, const EstimateSetting& setting) {
  if (sizes.samples == 0) return {};
  return protocol.is_finetune ? finetuning(spec, sizes, task, protocol.finetune, setting)
                              : probing(spec, sizes, task, protocol, setting);
}

}  // namespace permafrost
