// SPDX-License-Identifier: Apache-2.0
#include "probes/probe_training.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "common/error.h"
#include "common/random.h"
#include "common/stopwatch.h"
#include "models/schedule.h"

namespace permafrost {
namespace {

at::Tensor index_tensor(const std::vector<std::int64_t>& values) {
  return at::tensor(at::ArrayRef<std::int64_t>(values), at::kLong);
}

// AdamW with one learning rate a candidate: the leading dimension of every tensor.
class StackedAdamW {
 public:
  StackedAdamW(HeadWeights& weights, HeadKind kind) {
    visit(weights, kind, [&](const std::string& name, at::Tensor& tensor) {
      tensor.set_requires_grad(true);
      const bool plain = name.find("bias") != std::string::npos || tensor.dim() == 2;
      entries_.push_back({tensor, at::zeros_like(tensor), at::zeros_like(tensor), !plain});
    });
  }

  void step(const at::Tensor& learning_rates, double weight_decay, double clip) {
    const at::NoGradGuard no_grad;
    ++steps_;
    const at::Tensor shrink = clip_factor(clip);
    const double bias1 = 1 - std::pow(0.9, steps_), bias2 = 1 - std::pow(0.999, steps_);
    for (auto& e : entries_) {
      const auto along = [&](const at::Tensor& per_candidate) {
        std::vector<std::int64_t> shape(static_cast<std::size_t>(e.value.dim()), 1);
        shape[0] = -1;
        return per_candidate.view(shape);
      };
      at::Tensor gradient = e.value.grad() * along(shrink);
      if (e.decayed) e.value.mul_(along(1 - learning_rates * weight_decay));
      e.first.mul_(0.9).add_(gradient, 0.1);
      e.second.mul_(0.999).addcmul_(gradient, gradient, 0.001);
      const at::Tensor denominator = (e.second / bias2).sqrt_().add_(1e-8);
      e.value.sub_(along(learning_rates) * (e.first / bias1) / denominator);
      e.value.mutable_grad().zero_();
    }
  }

 private:
  struct Entry {
    at::Tensor value, first, second;
    bool decayed;
  };

  // [L]: what scales each candidate's gradient to norm `clip` where it is larger.
  at::Tensor clip_factor(double clip) const {
    at::Tensor squares = at::zeros({entries_[0].value.size(0)}, at::kFloat);
    for (const auto& e : entries_) squares.add_(e.value.grad().square().flatten(1).sum(1));
    if (clip <= 0) return at::ones_like(squares);
    return at::clamp_max(clip / (squares.sqrt() + 1e-6), 1.0);
  }

  std::vector<Entry> entries_;
  int steps_ = 0;
};

at::Tensor labels_of(const LabelledFeatures& features, const std::vector<std::int64_t>& samples) {
  std::vector<std::int64_t> labels;
  for (const auto i : samples) labels.push_back(features.labels[static_cast<std::size_t>(i)]);
  return index_tensor(labels);
}

// One optimisation step on a batch, all candidates at once.
void train_step(HeadWeights& head, const HeadSpec& spec, StackedAdamW& optimiser,
                const at::Tensor& tokens, const at::Tensor& labels, const at::Tensor& rates,
                double weight_decay, double clip) {
  const at::Tensor logits = head_logits(head, spec, tokens);  // [L,B,C]
  const auto l = logits.size(0);
  const at::Tensor loss =
      at::cross_entropy_loss(logits.flatten(0, 1), labels.repeat({l}), {}, at::Reduction::Sum) /
      static_cast<double>(labels.size(0));
  loss.backward();
  optimiser.step(rates, weight_decay, clip);
}

}  // namespace

Fold hold_out(const LabelledFeatures& features, const std::vector<std::int64_t>& groups,
              const std::vector<std::int64_t>& train, double share, std::uint64_t seed) {
  std::map<std::int64_t, std::vector<std::int64_t>> members;
  std::int64_t readable = 0;
  for (const auto i : train) {
    if (!features.failures[static_cast<std::size_t>(i)].empty()) continue;
    members[groups[static_cast<std::size_t>(i)]].push_back(i);
    ++readable;
  }
  if (members.size() < 2)
    throw InputError("training split", "", "at least two groups of readable samples",
                     std::to_string(members.size()));
  std::vector<std::vector<std::int64_t>> lists;
  for (auto& [group, list] : members) lists.push_back(std::move(list));
  const auto order = RandomStream({.seed = seed, .purpose = "probe.held_out"})
                         .permutation(static_cast<std::int64_t>(lists.size()));
  const auto wanted =
      std::max<std::int64_t>(1, std::llround(share * static_cast<double>(readable)));
  Fold cut;
  for (std::size_t k = 0; k < order.size(); ++k) {
    const auto& list = lists[static_cast<std::size_t>(order[k])];
    const bool last = k + 1 == order.size() && cut.train.empty();
    const bool hold = !last && static_cast<std::int64_t>(cut.test.size()) < wanted;
    auto& side = hold ? cut.test : cut.train;
    side.insert(side.end(), list.begin(), list.end());
  }
  std::sort(cut.train.begin(), cut.train.end());
  std::sort(cut.test.begin(), cut.test.end());
  return cut;
}

at::Tensor logits_of(const HeadWeights& head, const HeadSpec& spec, const at::Tensor& tokens,
                     const std::vector<std::int64_t>& samples) {
  const at::NoGradGuard no_grad;
  constexpr std::size_t kChunk = 128;
  std::vector<at::Tensor> parts;
  for (std::size_t begin = 0; begin < samples.size(); begin += kChunk) {
    const std::vector<std::int64_t> part(
        samples.begin() + static_cast<std::ptrdiff_t>(begin),
        samples.begin() + static_cast<std::ptrdiff_t>(std::min(samples.size(), begin + kChunk)));
    parts.push_back(head_logits(head, spec, tokens.index_select(0, index_tensor(part))));
  }
  if (parts.empty()) return at::zeros({head.linear_weight.size(0), 0, spec.classes});
  return at::cat(parts, 1);
}

ProbeOutcome train_probe(const LabelledFeatures& features, const std::vector<std::int64_t>& groups,
                         const Fold& fold, int classes, const ProbeProtocol& protocol,
                         std::uint64_t seed, const std::function<void()>& tick) {
  const Stopwatch watch;
  const Fold cut = hold_out(features, groups, fold.train, protocol.held_out, seed);
  ProbeOutcome outcome;
  outcome.spec = {.kind = protocol.head,
                  .width = static_cast<int>(features.tokens.size(2)),
                  .heads = protocol.heads,
                  .classes = classes};
  const auto candidates = static_cast<int>(protocol.learning_rates.size());
  HeadWeights head = make_head(outcome.spec, candidates, seed);
  StackedAdamW optimiser(head, protocol.head);
  const auto n = static_cast<std::int64_t>(cut.train.size());
  const std::int64_t batches = (n + protocol.batch - 1) / protocol.batch;
  const std::int64_t total = batches * protocol.epochs;
  const LearningRate shape{.start = 0, .peak = 1, .final = 0, .warmup = 0, .length = total};
  const WeightDecay decay{.start = protocol.weight_decay, .final = 1e-6, .length = total};
  const at::Tensor rates =
      at::tensor(at::ArrayRef<double>(protocol.learning_rates), at::kDouble).to(at::kFloat);
  std::int64_t step = 0;
  for (int epoch = 0; epoch < protocol.epochs; ++epoch) {
    const auto order =
        RandomStream(
            {.seed = seed, .purpose = "probe.order", .epoch = static_cast<std::uint64_t>(epoch)})
            .permutation(n);
    for (std::int64_t begin = 0; begin < n; begin += protocol.batch) {
      std::vector<std::int64_t> samples;
      for (std::int64_t k = begin; k < std::min<std::int64_t>(n, begin + protocol.batch); ++k)
        samples.push_back(cut.train[static_cast<std::size_t>(order[static_cast<std::size_t>(k)])]);
      ++step;
      train_step(
          head, outcome.spec, optimiser, features.tokens.index_select(0, index_tensor(samples)),
          labels_of(features, samples), rates * shape.at(step), decay.at(step), protocol.clip_grad);
    }
    if (tick) tick();
  }
  const at::Tensor right = logits_of(head, outcome.spec, features.tokens, cut.test).argmax(2) ==
                           labels_of(features, cut.test).unsqueeze(0);
  const at::Tensor accuracy = right.to(at::kDouble).mean(1);
  for (int c = 0; c < candidates; ++c)
    outcome.held_out_accuracy.push_back(accuracy[c].item<double>());
  outcome.chosen = static_cast<int>(
      std::max_element(outcome.held_out_accuracy.begin(), outcome.held_out_accuracy.end()) -
      outcome.held_out_accuracy.begin());
  outcome.head = candidate(head, protocol.head, outcome.chosen);
  outcome.train_seconds = watch.seconds();

  const Stopwatch test_watch;
  const at::Tensor best =
      logits_of(outcome.head, outcome.spec, features.tokens, fold.test)[0].argmax(1);
  for (std::size_t i = 0; i < fold.test.size(); ++i) {
    const bool failed = !features.failures[static_cast<std::size_t>(fold.test[i])].empty();
    outcome.predictions.push_back(failed ? -1 : best[static_cast<std::int64_t>(i)].item<int>());
  }
  outcome.evaluate_seconds = test_watch.seconds();
  return outcome;
}

}  // namespace permafrost
