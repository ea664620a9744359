// SPDX-License-Identifier: Apache-2.0
#pragma once

// One pretraining run as data: `permafrost pretrain CONFIG.json`.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "datasets/lists/dataset_spec.h"
#include "models/network/encoder_spec.h"
#include "models/network/precision.h"
#include "models/pretraining/objectives/objective.h"
#include "models/training/schedule.h"

namespace permafrost {

// One of several lists that are drawn from in turn; see weighted_source.h.
struct WeightedList {
  ListSpec list;
  double weight = 1;
};

struct PretrainConfig {
  std::string name;
  std::uint64_t seed = 1;
  EncoderSpec encoder;
  std::shared_ptr<const Objective> objective;  // with the keys that are its own
  int batch = 64;
  std::int64_t steps = 1000;
  double schedule_scale = 1.25;  // ipe_scale: the schedules' length over the run's
  LearningRate learning_rate;
  WeightDecay weight_decay;
  // Of the networks. Weights, their gradients' sum, optimiser, EMA, targets and losses are float32
  // in both; bfloat16 works on a copy of the weights that is renewed at every step.
  Precision precision = Precision::float32;
  double clip_grad = 0;  // 0: off; every network by itself, after the warm-up
  Init init = Init::xavier;
  int gradient_shards = 4;  // a batch is cut in so many parts, whatever the number of threads
  std::int64_t log_every = 20;
  std::int64_t checkpoint_every = 200;
  // Synthetic clips that the stream repeats, in an order of its own every time; 0: all are new.
  std::int64_t distinct_clips = 0;
  int world_version = 1;  // of the synthetic clips
  // Unlabelled videos mixed into the stream: one list, or several joined by weights; none if both
  // are empty. Any list that read_manifest() takes.
  std::string real_manifest;
  std::vector<WeightedList> real_lists;
  // Files that the lists name and that are not there are left out, counted and told; else they are
  // an error.
  bool real_missing_counted = false;
  double real_share = 0;
  std::int64_t real_frame_step = 4;
};

// Whether step `step`, counted from 1, is written to the log, and whether all of the run is kept
// after it. The last one is both.
bool is_logged(const PretrainConfig& config, std::int64_t step);
bool is_kept(const PretrainConfig& config, std::int64_t step);

// Throws InputError naming file and key; unknown keys come with the nearest valid one. Relative
// manifests are relative to `data`, or to the configuration's folder where that is empty.
PretrainConfig read_pretrain_config(const Json& json, const std::string& where,
                                    const std::filesystem::path& data = {});

}  // namespace permafrost
