// SPDX-License-Identifier: Apache-2.0
#include "probes/train/pool_training.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "common/error.h"
#include "probes/train/backpropagation.h"
#include "probes/train/stacked_adamw.h"

namespace permafrost {
namespace {

std::vector<ProbeCandidate> candidates_in(const PoolTraining& training) {
  std::vector<ProbeCandidate> candidates;
  for (const double rate : training.learning_rates)
    candidates.push_back({.learning_rate = rate, .weight_decay = training.weight_decay});
  return candidates;
}

void leave_gradients(HeadWeights& head, HeadKind kind, HeadWeights& gradients) {
  std::vector<at::Tensor> found;
  visit(gradients, kind, [&](const std::string&, at::Tensor& t) { found.push_back(t); });
  std::size_t i = 0;
  visit(head, kind, [&](const std::string&, at::Tensor& t) { t.mutable_grad() = found[i++]; });
}

// Mean loss over the videos, summed over the candidates, and its gradient at logits [L,V,C].
at::Tensor logits_gradient(const at::Tensor& logits, const at::Tensor& truth) {
  const LossGradient sum =
      objective_of(HeadLoss::softmax)
          .with_gradient(logits.flatten(0, 1), repeated(truth, logits.size(0)));
  return sum.gradient.view_as(logits) / static_cast<double>(truth.size(0));
}

}  // namespace

PoolBatch each_once(const at::Tensor& tokens, const at::Tensor& truth) {
  PoolBatch batch{.tokens = tokens, .truth = truth};
  batch.videos.counts = at::eye(tokens.size(0), at::kDouble).unsqueeze(1);
  return batch;
}

at::Tensor mean_tokens(const at::Tensor& clip_means, const PoolVideos& videos) {
  const at::Tensor counts = videos.counts.sum(1);  // [V,P]
  return (at::mm(counts, clip_means.to(at::kDouble)) / counts.sum(1, true)).to(at::kFloat);
}

HeadWeights train_pool_head(const HeadSpec& spec, const PoolTraining& training,
                            const std::function<PoolBatch(std::int64_t)>& batch,
                            const std::function<void()>& done) {
  if ((spec.kind != HeadKind::attentive || spec.blocks > 0) && spec.kind != HeadKind::mean_pool)
    throw InputError("head", "", "attentive without blocks, or mean_pool", name_of(spec.kind));
  const at::NoGradGuard no_grad;
  const auto candidates = candidates_in(training);
  const auto count = static_cast<std::int64_t>(candidates.size());
  HeadWeights head = make_head(spec, static_cast<int>(count), training.seed);
  StackedAdamW optimiser(head, spec.kind);
  const StackedSchedule schedule(candidates, training.steps);
  PoolHead pool_head(spec, count, training.threads);
  Backpropagation of_means(head, spec, objective_of(HeadLoss::softmax));
  for (std::int64_t step = 1; step <= training.steps; ++step) {
    const PoolBatch shown = batch(step - 1);
    if (spec.kind == HeadKind::mean_pool) {
      of_means(mean_tokens(shown.tokens.mean(1), shown.videos).unsqueeze(1), shown.truth);
    } else {
      const at::Tensor logits = pool_head.logits(head, shown.tokens, shown.videos);
      leave_gradients(head, spec.kind,
                      pool_head.gradients(head, shown.tokens, shown.videos,
                                          logits_gradient(logits, shown.truth)));
    }
    optimiser.step(schedule.learning_rates(step), schedule.weight_decays(step), training.clip_grad);
    if (done) done();
  }
  return head;
}

at::Tensor pool_logits(const HeadWeights& head, const HeadSpec& spec, const PoolBatch& batch,
                       int threads) {
  const at::NoGradGuard no_grad;
  if (spec.kind == HeadKind::mean_pool)
    return head_logits(head, spec, mean_tokens(batch.tokens.mean(1), batch.videos).unsqueeze(1));
  return PoolHead(spec, head.linear_weight.size(0), threads)
      .logits(head, batch.tokens, batch.videos);
}

}  // namespace permafrost
