// SPDX-License-Identifier: Apache-2.0
#include "probes/train/probe_training.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "common/machine/stopwatch.h"
#include "datasets/clips/loader.h"
#include "models/network/device_copy.h"
#include "probes/heads/nearest_neighbours.h"
#include "probes/train/backpropagation.h"
#include "probes/train/head_objective.h"
#include "probes/train/held_out.h"
#include "probes/train/stacked_adamw.h"

namespace permafrost {
namespace {

// Logits [L,n,C] of samples; knn: votes.
using Scores = std::function<at::Tensor(const std::vector<std::int64_t>&)>;

// Which head is trained, and where.
struct HeadSite {
  HeadKind kind;
  at::Device device;

  // What the head looks at: all tokens [B,N,D] or their mean [B,1,D].
  at::Tensor seen(const at::Tensor& tokens) const {
    return (sees_the_mean_alone(kind) ? tokens.mean(1, true) : tokens).to(device);
  }
};

// Of the clips as they are. Means of kept tokens are taken once.
TokensOf evaluation_tokens(const HeadSite& site, const LabelledFeatures& features,
                           const ProbeViews& views) {
  if (views.evaluation)
    return [=](const Samples& samples) { return site.seen(views.evaluation(samples)); };
  // On the host, whatever the device: they may be more than it holds.
  const at::Tensor kept = HeadSite{site.kind, at::kCPU}.seen(features.tokens);
  return [=](const Samples& samples) {
    return kept.index_select(0, at::tensor(at::ArrayRef<std::int64_t>(samples), at::kLong))
        .to(site.device);
  };
}

// All candidates in one pass over the samples; `tokens` gives those of an epoch.
HeadWeights trained_head(const HeadSpec& spec,
                         const std::function<at::Tensor(int, const Samples&)>& tokens,
                         const ProbeData& data, const ProbeProtocol& protocol,
                         const TrainingRun& run) {
  const Samples& train = data.fold.train;
  const auto candidates = candidates_of(protocol);
  const HeadObjective& objective = objective_of(data.loss);
  HeadWeights head = to_device(make_head(spec, static_cast<int>(candidates.size()), run.seed),
                               spec.kind, run.device);
  StackedAdamW optimiser(head, spec.kind);
  Backpropagation backpropagate(head, spec, objective);
  const auto n = static_cast<std::int64_t>(train.size());
  const std::int64_t batches = (n + protocol.batch - 1) / protocol.batch;
  const StackedSchedule schedule(candidates, batches * protocol.epochs);
  std::int64_t step = 0;
  for (int epoch = 0; epoch < protocol.epochs; ++epoch) {
    const auto order = epoch_order("probe.order", n, run.seed, epoch);
    at::Tensor losses;  // summed over the samples of the epoch
    for (std::int64_t begin = 0; begin < n; begin += protocol.batch) {
      Samples samples;
      for (std::int64_t k = begin; k < std::min<std::int64_t>(n, begin + protocol.batch); ++k)
        samples.push_back(train[static_cast<std::size_t>(order[static_cast<std::size_t>(k)])]);
      const at::Tensor shown = tokens(epoch, samples);
      const at::Tensor truth = objective.truth(pointers_to(data.features, samples), data.classes);
      const at::Tensor loss = backpropagate(shown, queued_copy(truth, run.device));
      if (run.epoch_ended) {
        const at::Tensor sum = loss * static_cast<double>(samples.size());
        losses = losses.defined() ? losses + sum : sum;
      }
      ++step;
      optimiser.step(queued_copy(schedule.learning_rates(step), run.device),
                     queued_copy(schedule.weight_decays(step), run.device), protocol.clip_grad);
    }
    if (run.tick) run.tick(1);
    if (run.epoch_ended)
      run.epoch_ended(
          {.epoch = epoch,
           .loss = losses.item<double>() /
                   static_cast<double>(n * static_cast<std::int64_t>(candidates.size())),
           .learning_rate = schedule.learning_rates(step)[0].item<double>()});
  }
  return head;
}

// Of the test samples, in every view.
ViewsOf test_views(const HeadSite& site, const TokensOf& tokens, const ProbeViews& views) {
  if (!views.test)
    return [tokens](const Samples& samples) { return std::vector<at::Tensor>{tokens(samples)}; };
  return [site, test = views.test](const Samples& samples) {
    std::vector<at::Tensor> seen = test(samples);
    for (auto& x : seen) x = site.seen(x);
    return seen;
  };
}

// Which candidates have weights that are all finite: bool [L] on the host.
at::Tensor finite_candidates(HeadWeights& head, HeadKind kind) {
  at::Tensor finite = at::ones({head.linear_weight.size(0)}, at::kBool);
  visit(head, kind, [&](const std::string&, at::Tensor& weights) {
    finite = finite.logical_and(weights.isfinite().flatten(1).all(1).to(at::kCPU));
  });
  return finite;
}

// Quality on the held-out part of the training split, and with it the choice among the candidates
// whose weights are `finite` [L].
void choose(ProbeOutcome& outcome, const ProbeData& data, const std::vector<std::int64_t>& held_out,
            const Scores& scores, at::Tensor finite) {
  const HeadObjective& objective = objective_of(data.loss);
  const at::Tensor said = scores(held_out);
  finite = finite.logical_and(said.isfinite().flatten(1).all(1));
  std::vector<double>& quality = outcome.held_out_accuracy;
  quality =
      objective.quality(said, objective.truth(pointers_to(data.features, held_out), data.classes));
  outcome.chosen = -1;
  for (std::size_t c = 0; c < quality.size(); ++c) {
    const auto candidate = static_cast<int>(c);
    if (!finite[candidate].item<bool>()) {
      quality[c] = 0;
      outcome.diverged.push_back(candidate);
    } else if (outcome.chosen < 0 ||
               quality[c] > quality[static_cast<std::size_t>(outcome.chosen)]) {
      outcome.chosen = candidate;
    }
  }
  if (outcome.chosen < 0)
    throw TrainingDiverged(
        "training diverged: the head's weights or outputs are not finite for " +
        std::string(quality.size() == 1 ? "the only candidate" : "any of the candidates"));
}

// `best` [n,C] of the test side: predictions, and `best` itself as scores.
template <typename Said>
void predict(Said& outcome, const LabelledFeatures& features, const std::vector<std::int64_t>& test,
             const at::Tensor& best) {
  const at::Tensor classes = best.argmax(1);
  for (std::size_t i = 0; i < test.size(); ++i) {
    const bool failed = !features.failures[static_cast<std::size_t>(test[i])].empty();
    const auto k = static_cast<std::int64_t>(i);
    outcome.predictions.push_back(failed ? -1 : classes[k].item<int>());
    outcome.scores.push_back(failed ? std::vector<float>() : values_of(best[k]));
  }
}

}  // namespace

ProbeOutcome train_probe(const ProbeData& data, const ProbeProtocol& protocol,
                         const TrainingRun& run, const ProbeViews& views) {
  const Stopwatch watch;
  const LabelledFeatures& features = data.features;
  const HeadObjective& objective = objective_of(data.loss);
  const Samples& tests = data.fold.test;
  const HeadSite site{protocol.head, run.device};
  const Fold cut = hold_out(features, data.groups, data.fold.train, protocol.held_out, run.seed);
  const TokensOf tokens = evaluation_tokens(site, features, views);
  const ViewsOf tested = test_views(site, tokens, views);
  const std::int64_t width = cut.train.empty() ? 0 : tokens(Samples{cut.train[0]}).size(2);
  ProbeOutcome outcome;
  outcome.spec = {.kind = protocol.head,
                  .width = static_cast<int>(width),
                  .heads = protocol.heads,
                  .classes = data.classes,
                  .blocks = protocol.depth - 1};
  if (protocol.head == HeadKind::knn) {
    const at::Tensor bank = means_of(tokens, cut.train);
    const at::Tensor truth =
        objective.truth(pointers_to(features, cut.train), data.classes).to(run.device);
    const auto votes = [&](const at::Tensor& means) {
      return neighbour_votes(bank, truth, means, protocol.neighbours, data.classes).to(at::kCPU);
    };
    choose(
        outcome, data, cut.test,
        [&](const Samples& samples) { return votes(means_of(tokens, samples)); },
        at::ones({static_cast<std::int64_t>(protocol.neighbours.size())}, at::kBool));
    if (run.tick) run.tick(1);
    outcome.train_seconds = watch.seconds();
    const Stopwatch test_watch;
    predict(outcome, features, tests,
            averaged(means_of_views(tested, tests),
                     [&](const at::Tensor& means) { return votes(means)[outcome.chosen]; }));
    outcome.evaluate_seconds = test_watch.seconds();
    return outcome;
  }
  const auto of_epoch = [&](int epoch, const Samples& samples) {
    return views.training ? site.seen(views.training(epoch, samples)) : tokens(samples);
  };
  HeadWeights head = trained_head(
      outcome.spec, of_epoch, {features, data.groups, cut, data.classes, data.loss}, protocol, run);
  choose(
      outcome, data, cut.test,
      [&](const Samples& samples) { return logits_of(head, outcome.spec, tokens, samples); },
      finite_candidates(head, protocol.head));
  const HeadWeights best = candidate(head, protocol.head, outcome.chosen);
  outcome.head = to_device(best, protocol.head, at::kCPU);
  outcome.train_seconds = watch.seconds();
  const Stopwatch test_watch;
  predict(outcome, features, tests,
          averaged(logits_of_views(best, outcome.spec, tested, tests),
                   [&](const at::Tensor& logits) { return objective.probabilities(logits[0]); }));
  outcome.evaluate_seconds = test_watch.seconds();
  return outcome;
}

Answers answers_of(const HeadWeights& head, const HeadSpec& spec, const ProbeData& data) {
  const HeadSite site{spec.kind, at::kCPU};
  const ViewsOf tested = test_views(site, evaluation_tokens(site, data.features, {}), {});
  Answers answers;
  predict(
      answers, data.features, data.fold.test,
      averaged(logits_of_views(head, spec, tested, data.fold.test), [&](const at::Tensor& logits) {
        return objective_of(data.loss).probabilities(logits[0]);
      }));
  return answers;
}

}  // namespace permafrost
