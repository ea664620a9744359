// SPDX-License-Identifier: Apache-2.0
#include "bench/run/probe_features.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "common/error.h"
#include "datasets/clips/augmented_source.h"
#include "models/processes/shared_work.h"

namespace permafrost {
namespace {

at::Tensor rows(const at::Tensor& tokens, const Samples& samples) {
  return tokens.index_select(0, at::tensor(at::ArrayRef<std::int64_t>(samples), at::kLong));
}

}  // namespace

FeatureStore feature_store_named(const std::string& name, const std::string& flag) {
  if (name == "auto") return FeatureStore::automatic;
  if (name == "kept") return FeatureStore::kept;
  if (name == "streamed") return FeatureStore::streamed;
  throw InputError(flag, "", "auto, kept or streamed", quoted(name));
}

std::int64_t samples_in_views(const Task& task) {
  std::int64_t tested = 0;  // by one fold each
  for (const auto& fold : task.folds) tested += static_cast<std::int64_t>(fold.test.size());
  return task.source->size() + tested * (task.source->views() - 1);
}

double feature_bytes(const EncoderSpec& spec, const Task& task, int clips, int training_views) {
  const double tokens = task.source->has_boxes() ? spec.grid_t() : spec.tokens();
  const auto samples =
      static_cast<double>(samples_in_views(task) + training_views * task.source->size());
  return samples * clips * tokens * spec.width * sizeof(float);
}

ProbeFeatures::ProbeFeatures(const ProbeFeaturesInput& input) : input_(input) {
  const ClipSource& source = *input.task.source;
  if (input.kept && source.views() > 1) tested_ = tested_samples(input.task);
  if (input.found) {
    features_ = std::move(*input_.found);
    input_.found.reset();
    for (std::int64_t i = 0; i < source.size(); ++i) features_.targets.push_back(source.target(i));
    return;
  }
  if (input.kept) {
    encoding_.emplace(input.encoder, source,
                      EncodeOptions{.clips = input.clips,
                                    .threads = input.threads,
                                    .batch = input.batch,
                                    .precision = input.precision,
                                    .progress = input.progress,
                                    .clock = input.clock,
                                    .group = input.group},
                      tested_);
    return;
  }
  for (std::int64_t i = 0; i < source.size(); ++i) features_.targets.push_back(source.target(i));
  features_.failures.resize(features_.targets.size());
}

std::int64_t ProbeFeatures::batches() const { return encoding_ ? encoding_->batches() : 0; }

void ProbeFeatures::encode(std::int64_t batch, int threads) { encoding_->encode(batch, threads); }

void ProbeFeatures::encode_mine(int threads) {
  for_my_pieces(input_.group, batches(), threads,
                [&](std::int64_t batch) { encoding_->encode(batch); });
}

void ProbeFeatures::finish() {
  if (!encoding_) return;
  features_ = encoding_->finish();
  encoding_.reset();
}

std::vector<at::Tensor> ProbeFeatures::kept_in_all_views(const Samples& samples) const {
  Samples places;
  for (const auto sample : samples)
    places.push_back(std::lower_bound(tested_.begin(), tested_.end(), sample) - tested_.begin());
  std::vector<at::Tensor> views;
  for (const auto& tokens : features_.more_views) views.push_back(rows(tokens, places));
  views.insert(views.begin() + input_.task.source->view(), rows(features_.tokens, samples));
  return views;
}

EncodeOptions ProbeFeatures::options(int threads) const {
  return {.clips = input_.clips,
          .threads = threads,
          .batch = input_.batch,
          .precision = input_.precision,
          .clock = input_.clock,
          .group = input_.group};
}

// A clip of which only the augmented view cannot be read stands in for it, and that is said.
at::Tensor ProbeFeatures::augmented(const ProbeProtocol& protocol, std::uint64_t seed, int view,
                                    const Samples& samples, int threads) const {
  const ClipSource& source = *input_.task.source;
  const AugmentedSource shown(source,
                              {protocol.augmentation, seed, static_cast<std::uint64_t>(view)});
  std::vector<std::string> failures, none;
  at::Tensor tokens = encode_samples(input_.encoder, shown, samples, options(threads), failures);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (failures[i].empty()) continue;
    tokens[static_cast<std::int64_t>(i)].copy_(
        encode_samples(input_.encoder, source, {samples[i]}, options(1), none)[0]);
    if (none[0].empty() && input_.notice)
      input_.notice(failures[i] + "; trained on the clip without augmentation");
  }
  return tokens;
}

at::Tensor ProbeFeatures::kept_view(const ProbeProtocol& protocol, std::uint64_t seed, int view,
                                    int threads) const {
  const std::string name = to_json(protocol.augmentation).dump() + " " + std::to_string(seed) +
                           " " + std::to_string(view);
  const std::lock_guard lock(mutex_);
  at::Tensor& tokens = training_views_[name];
  if (!tokens.defined()) {
    // Of all samples, so that every fold may share it.
    Samples all(features_.targets.size());
    std::iota(all.begin(), all.end(), 0);
    tokens = augmented(protocol, seed, view, all, threads);
  }
  return tokens;
}

ProbeViews ProbeFeatures::views(const ProbeProtocol& protocol, std::uint64_t seed, int threads,
                                LabelledFeatures& mine) const {
  ProbeViews views;
  const ClipSource& source = *input_.task.source;
  const auto tell = [&mine](const Samples& samples, const std::vector<std::string>& failures) {
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (!failures[i].empty()) mine.failures[static_cast<std::size_t>(samples[i])] = failures[i];
  };
  if (!input_.kept)
    views.evaluation = [this, &source, tell, threads](const Samples& samples) {
      std::vector<std::string> failures;
      const at::Tensor tokens =
          encode_samples(input_.encoder, source, samples, options(threads), failures);
      tell(samples, failures);
      return tokens;
    };
  if (source.views() > 1)
    views.test = [this, &source, tell, threads](const Samples& samples) {
      if (input_.kept) return kept_in_all_views(samples);
      std::vector<std::string> failures;
      auto tokens = encode_views(input_.encoder, source, samples, options(threads), failures);
      tell(samples, failures);
      return tokens;
    };
  if (!protocol.augmentation.active()) return views;
  views.training = [this, protocol, seed, threads](int epoch, const Samples& samples) {
    const int count = protocol.training_views;  // 0: online
    const int view = count == 0 ? epoch : epoch % count;
    if (count == 0 || !input_.kept) return augmented(protocol, seed, view, samples, threads);
    return rows(kept_view(protocol, seed, view, threads), samples);
  };
  return views;
}

}  // namespace permafrost
