// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where the probes of one encoder on one task get their tokens: from memory, or encoded every time.
// For the runner. Both give the same numbers.
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "datasets/tasks/task.h"
#include "models/encoders/encoder.h"
#include "probes/train/probe_training.h"

namespace permafrost {

enum class FeatureStore {
  automatic,  // kept where they take less than half of the memory that is free
  kept,       // every sample is encoded once; takes n * clips * tokens * width * 4 bytes
  streamed    // encoded when they are asked for, in every epoch of every cell; takes a batch
};
FeatureStore feature_store_named(const std::string& name, const std::string& flag);

// Samples of the task, those that are tested once for every view.
std::int64_t samples_in_views(const Task& task);
// Bytes that kept features of a task take, beside so many augmented views to train on.
double feature_bytes(const EncoderSpec& spec, const Task& task, int clips, int training_views);

struct ProbeFeaturesInput {
  const Encoder& encoder;  // where it is to run
  const Task& task;        // test samples are looked at in every view of its source
  int clips = 1;
  bool kept = true;
  int threads = 1;    // for what is encoded to be kept
  int streaming = 1;  // threads of each probe, for what it encodes on its way
  std::int64_t batch = 16;
  std::function<void(const std::string&)> notice = {};
  Progress* progress = nullptr;  // of samples that are encoded to be kept
};

// Thread-safe once it stands.
class ProbeFeatures {
 public:
  // Encodes what is to be kept.
  explicit ProbeFeatures(const ProbeFeaturesInput& input);

  // For one probe: labels and failures of its own, tokens where they are kept.
  const LabelledFeatures& features() const { return features_; }
  // `mine` is the probe's copy of features(), and must live as long as the result.
  ProbeViews views(const ProbeProtocol& protocol, std::uint64_t seed, LabelledFeatures& mine) const;

 private:
  EncodeOptions options(int threads) const;
  at::Tensor augmented(const ProbeProtocol& protocol, std::uint64_t seed, int view,
                       const Samples& samples, int threads) const;
  at::Tensor kept_view(const ProbeProtocol& protocol, std::uint64_t seed, int view) const;
  std::vector<at::Tensor> kept_in_all_views(const Samples& samples) const;

  ProbeFeaturesInput input_;
  LabelledFeatures features_;
  Samples tested_;  // ascending: the rows of features_.more_views
  mutable std::mutex mutex_;
  mutable std::map<std::string, at::Tensor> training_views_;
};

}  // namespace permafrost
