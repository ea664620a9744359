// SPDX-License-Identifier: Apache-2.0
#include "bench/given/given_features.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <numeric>

#include "bench/run/fold_training.h"
#include "bench/run/plan.h"
#include "common/error.h"
#include "common/files/hash.h"
#include "models/network/layers/named_tensors.h"

namespace permafrost {
namespace {

void require_length(const char* what, std::size_t found, std::int64_t n) {
  if (static_cast<std::int64_t>(found) != n)
    throw InputError(what, "", std::to_string(n) + " values, one a sample", std::to_string(found));
}

void require_fits(const GivenFeatureSet& set, const at::Tensor& tokens) {
  require_length("labels", set.labels.size(), tokens.size(0));
  if (!set.groups.empty()) require_length("groups", set.groups.size(), tokens.size(0));
  if (!set.names.empty()) require_length("names", set.names.size(), tokens.size(0));
  for (const int label : set.labels)
    if (label < 0) throw InputError("labels", "", "classes from 0", std::to_string(label));
}

LabelledFeatures labelled(const GivenFeatureSet& set, const std::string& where) {
  LabelledFeatures features;
  features.tokens = given_tokens(set.features, where);
  require_fits(set, features.tokens);
  features.targets.assign(set.labels.begin(), set.labels.end());
  features.failures.resize(set.labels.size());
  return features;
}

std::vector<std::int64_t> all_of(const LabelledFeatures& features) {
  std::vector<std::int64_t> samples(features.targets.size());
  std::iota(samples.begin(), samples.end(), 0);
  return samples;
}

std::string hash_of_set(const GivenFeatureSet& set) {
  std::string text = hash_of({{"features", set.features.to(at::kCPU).contiguous()}}) + "\n";
  for (const int label : set.labels) text += std::to_string(label) + " ";
  text += "\n";
  for (const auto group : set.groups) text += std::to_string(group) + " ";
  return sha256_of(text);
}

std::vector<std::int64_t> groups_or_samples(const GivenFeatureSet& set,
                                            const LabelledFeatures& features) {
  return set.groups.empty() ? all_of(features) : set.groups;
}

}  // namespace

at::Tensor given_tokens(const at::Tensor& features, const std::string& where) {
  const at::Tensor tokens = features.dim() == 2 ? features.unsqueeze(1) : features;
  if (tokens.dim() != 3 || tokens.numel() == 0 || !tokens.is_floating_point())
    throw InputError(where, "", "floating-point features [n,N,D] or [n,D]",
                     std::string(features.dtype().name()) + " " + c10::str(features.sizes()));
  const at::NoGradGuard no_grad;
  return standardised(tokens.to(at::kCPU, at::kFloat));
}

GivenProbe train_given(const std::string& name, const GivenFeatureSet& set, int classes,
                       const ProtocolChoice& protocol, const TrainingRun& run) {
  if (protocol.probe.head == HeadKind::knn)
    throw InputError("head", "", "attentive, linear or mean_pool: what can be kept", "knn");
  const LabelledFeatures features = labelled(set, "features");
  const int found = *std::max_element(set.labels.begin(), set.labels.end()) + 1;
  if (classes > 0 && found > classes)
    throw InputError("labels", "", "classes below " + std::to_string(classes),
                     std::to_string(found - 1));
  GivenProbe probe{.name = name,
                   .protocol = protocol,
                   .classes = classes > 0 ? classes : found,
                   .seed = run.seed,
                   .training_data = hash_of_set(set)};
  const std::vector<std::int64_t> groups = groups_or_samples(set, features);
  const Fold fold{all_of(features), {}};
  probe.outcome =
      train_probe({features, groups, fold, probe.classes, HeadLoss::softmax}, protocol.probe, run);
  return probe;
}

Record evaluate_given(const GivenProbe& probe, const GivenFeatureSet& set,
                      const Execution& execution) {
  const LabelledFeatures features = labelled(set, "features");
  const HeadSpec& spec = probe.outcome.spec;
  if (features.tokens.size(2) != spec.width)
    throw InputError("features", "D", std::to_string(spec.width),
                     std::to_string(features.tokens.size(2)));
  for (const int label : set.labels)
    if (label >= probe.classes)
      throw InputError("labels", "", "classes below " + std::to_string(probe.classes),
                       std::to_string(label));
  const std::vector<std::int64_t> groups = groups_or_samples(set, features);
  const Fold fold{{}, all_of(features)};
  Answers answers = answers_of(probe.outcome.head, spec,
                               {features, groups, fold, probe.classes, HeadLoss::softmax});
  Record record;
  record.encoder = {probe.name, "features given to the Python module", probe.training_data,
                    Json{{"tokens", features.tokens.size(1)}, {"width", spec.width}}};
  record.task = {.name = "given features",
                 .manifest_sha256 = hash_of_set(set),
                 .identity = sha256_of(probe.training_data + hash_of_set(set)),
                 .classes = probe.classes};
  record.protocol = to_json(probe.protocol, TaskSpec{});
  record.seed = probe.seed;
  record.warnings = dropped_candidates(probe.outcome, probe.protocol.probe);
  record.selections = {selection_of(probe.outcome, probe.protocol.probe)};
  add_use(record.used_by, {.table = 0, .row = probe.name, .column = probe.protocol.name});
  for (std::size_t i = 0; i < set.labels.size(); ++i)
    record.predictions.push_back({set.names.empty() ? std::to_string(i) : set.names[i],
                                  set.labels[i], answers.predictions[i], groups[i]});
  finish_record(execution, record);
  record.train_seconds = probe.outcome.train_seconds;
  return record;
}

}  // namespace permafrost
