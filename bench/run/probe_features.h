// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where the probes of one encoder on one task get their tokens: from memory, or encoded every time.
// For the runner. Both give the same numbers.
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
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
  std::optional<LabelledFeatures> found = {};  // kept by an earlier run, without targets
  int threads = 1;                             // that call encode() at a time
  std::int64_t batch = 0;                      // see EncodeOptions
  Precision precision = Precision::float32;    // see EncodeOptions
  ProcessGroup* group = nullptr;               // see EncodeOptions
  std::function<void(const std::string&)> notice = {};
  Progress* progress = nullptr;  // of samples that are encoded to be kept
  EncodingClock* clock = nullptr;
};

// What is kept is encoded batch by batch: encode() of all batches(), then finish(). After that it
// is thread-safe.
class ProbeFeatures {
 public:
  explicit ProbeFeatures(const ProbeFeaturesInput& input);

  std::int64_t batches() const;                  // 0 where nothing is kept
  void encode(std::int64_t batch, int threads);  // any order, several at a time
  void encode_mine(int threads);  // instead: those of this rank, from so many threads
  void finish();

  // For one probe: labels and failures of its own, tokens where they are kept.
  const LabelledFeatures& features() const { return features_; }
  // `mine` is the probe's copy of features(), and must live as long as the result. `threads` are
  // for what the probe encodes on its way.
  ProbeViews views(const ProbeProtocol& protocol, std::uint64_t seed, int threads,
                   LabelledFeatures& mine) const;

 private:
  EncodeOptions options(int threads) const;
  at::Tensor augmented(const ProbeProtocol& protocol, std::uint64_t seed, int view,
                       const Samples& samples, int threads) const;
  at::Tensor kept_view(const ProbeProtocol& protocol, std::uint64_t seed, int view,
                       int threads) const;
  std::vector<at::Tensor> kept_in_all_views(const Samples& samples) const;

  ProbeFeaturesInput input_;
  std::optional<SourceEncoding> encoding_;  // until finish()
  LabelledFeatures features_;
  Samples tested_;  // ascending: the rows of features_.more_views
  mutable std::mutex mutex_;
  mutable std::map<std::string, at::Tensor> training_views_;
};

}  // namespace permafrost
