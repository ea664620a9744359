// SPDX-License-Identifier: Apache-2.0
#include "probes/train/backpropagation.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "models/testing/test_support.h"
#include "probes/train/head_objective.h"
#include "probes/train/stacked_adamw.h"

namespace permafrost {
namespace backpropagation_test {

const HeadObjective& kSoftmax = objective_of(HeadLoss::softmax);

constexpr std::int64_t kClips = 12, kTokens = 9, kWidth = 24;

HeadSpec spec_of(HeadKind kind, int blocks = 0) {
  return {.kind = kind, .width = kWidth, .heads = 3, .classes = 5, .blocks = blocks};
}

HeadWeights random_head(const HeadSpec& spec, int candidates) {
  HeadWeights w = make_head(spec, candidates, 1);
  RandomStream stream({.seed = 5, .purpose = "test"});
  visit(w, spec.kind,
        [&](const std::string&, at::Tensor& t) { t = t + normal_tensor(t.sizes(), 0.1, stream); });
  return w;
}

at::Tensor random_tokens(std::uint64_t seed) {
  RandomStream stream({.seed = seed, .purpose = "test"});
  return standardised(normal_tensor({kClips, kTokens, kWidth}, 1, stream));
}

at::Tensor labels_with_gaps() {
  at::Tensor labels = at::arange(kClips, at::kLong).remainder(5);
  labels[3] = kNoLabel;
  labels[7] = kNoLabel;
  return labels;
}

std::vector<at::Tensor> leaves_of(HeadWeights& w, HeadKind kind) {
  std::vector<at::Tensor> leaves;
  visit(w, kind, [&](const std::string&, at::Tensor& t) {
    t = t.detach().clone().requires_grad_(true);
    leaves.push_back(t);
  });
  return leaves;
}

// What autograd makes of training_logits and summed_loss.
at::Tensor autograd_step(HeadWeights& w, const HeadSpec& spec, const at::Tensor& tokens,
                         const at::Tensor& labels) {
  const at::Tensor logits = training_logits(w, spec, tokens).flatten(0, 1);
  const at::Tensor loss = kSoftmax.summed(logits, labels.repeat({w.linear_weight.size(0)})) /
                          static_cast<double>(labels.size(0));
  loss.backward();
  return loss.detach();
}

double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / (b.norm() + 1e-10)).item<double>();
}

TEST(Backpropagation, GivesAutogradsLossAndGradients) {
  const std::pair<HeadKind, int> kinds[] = {{HeadKind::attentive, 0},
                                            {HeadKind::attentive, 1},
                                            {HeadKind::mean_pool, 0},
                                            {HeadKind::linear, 0}};
  for (const auto& [kind, blocks] : kinds)
    for (const int candidates : {1, 4}) {
      SCOPED_TRACE(std::string(name_of(kind)) + " " + std::to_string(blocks));
      const HeadSpec spec = spec_of(kind, blocks);
      HeadWeights ours = random_head(spec, candidates), theirs = ours;
      leaves_of(ours, kind);
      const auto expected = leaves_of(theirs, kind);
      const at::Tensor tokens = random_tokens(2), labels = labels_with_gaps();
      const at::Tensor loss = autograd_step(theirs, spec, tokens, labels);
      const at::Tensor mine = Backpropagation(ours, spec, kSoftmax)(tokens, labels);
      EXPECT_FALSE(mine.requires_grad());
      EXPECT_NEAR(mine.item<double>(), loss.item<double>(), 1e-5);
      std::size_t i = 0;
      visit(ours, kind, [&](const std::string& name, at::Tensor& t) {
        EXPECT_LT(relative_difference(t.grad(), expected[i++].grad()), 1e-5) << name;
      });
      if (kind == HeadKind::linear) {
        EXPECT_TRUE(ours.running_mean.equal(theirs.running_mean));
        EXPECT_TRUE(ours.running_variance.equal(theirs.running_variance));
      }
    }
}

TEST(Backpropagation, SamplesWithoutLabelMayBeNotANumber) {
  for (const auto kind : {HeadKind::attentive, HeadKind::mean_pool}) {
    const HeadSpec spec = spec_of(kind);
    HeadWeights w = random_head(spec, 2);
    leaves_of(w, kind);
    at::Tensor tokens = random_tokens(2);
    tokens[3].fill_(std::nan(""));
    tokens[7].fill_(std::nan(""));
    Backpropagation backpropagate(w, spec, kSoftmax);
    EXPECT_TRUE(backpropagate(tokens, labels_with_gaps()).isfinite().item<bool>());
    visit(w, kind, [&](const std::string& name, at::Tensor& t) {
      EXPECT_TRUE(t.grad().isfinite().all().item<bool>()) << name;
    });
  }
}

TEST(Backpropagation, ABatchWithoutAnyLabelChangesNothing) {
  for (const auto kind : {HeadKind::attentive, HeadKind::linear}) {
    const HeadSpec spec = spec_of(kind);
    HeadWeights w = random_head(spec, 2);
    leaves_of(w, kind);
    Backpropagation backpropagate(w, spec, kSoftmax);
    backpropagate(random_tokens(2), at::full({kClips}, kNoLabel, at::kLong));
    visit(w, kind, [&](const std::string& name, at::Tensor& t) {
      EXPECT_EQ(t.grad().abs().max().item<float>(), 0) << name;
    });
  }
}

// AdamW as it is written, a tensor at a time, with the gradients of autograd.
struct PlainAdamW {
  std::vector<at::Tensor> first, second;
  int steps = 0;

  void step(const std::vector<at::Tensor>& leaves, const std::vector<bool>& decayed,
            const at::Tensor& rates, const at::Tensor& decays, double clip) {
    const at::NoGradGuard no_grad;
    ++steps;
    const auto candidates = rates.size(0);
    for (std::size_t i = first.size(); i < leaves.size(); ++i) {
      first.push_back(at::zeros_like(leaves[i]));
      second.push_back(at::zeros_like(leaves[i]));
    }
    for (std::int64_t l = 0; l < candidates; ++l) {
      double squares = 0;
      for (const auto& leaf : leaves) squares += leaf.grad()[l].square().sum().item<double>();
      const double shrink = clip > 0 ? std::min(1.0, clip / (std::sqrt(squares) + 1e-6)) : 1;
      const double rate = rates[l].item<double>(), decay = decays[l].item<double>();
      for (std::size_t i = 0; i < leaves.size(); ++i) {
        const at::Tensor g = leaves[i].grad()[l] * shrink, value = leaves[i].detach()[l];
        const at::Tensor m = first[i][l], v = second[i][l];
        if (decayed[i]) value.mul_(1 - rate * decay);
        m.mul_(0.9).add_(g, 0.1);
        v.mul_(0.999).addcmul_(g, g, 0.001);
        value.sub_(rate * (m / (1 - std::pow(0.9, steps))) /
                   ((v / (1 - std::pow(0.999, steps))).sqrt() + 1e-8));
      }
    }
    for (const auto& leaf : leaves) leaf.mutable_grad().reset();
  }
};

TEST(Backpropagation, TrainsTheHeadThatAutogradTrains) {
  for (const auto kind : {HeadKind::attentive, HeadKind::linear})
    for (const double clip : {0.0, 0.5}) {
      SCOPED_TRACE(name_of(kind));
      const HeadSpec spec = spec_of(kind);
      const std::vector<ProbeCandidate> candidates{{.learning_rate = 1e-3, .weight_decay = 0.01},
                                                   {.learning_rate = 3e-3, .weight_decay = 0.5},
                                                   {.learning_rate = 1e-4, .weight_decay = 0}};
      HeadWeights ours = make_head(spec, 3, 1), theirs = make_head(spec, 3, 1);
      const auto leaves = leaves_of(theirs, kind);
      std::vector<bool> decayed;
      visit(theirs, kind, [&](const std::string& name, at::Tensor& t) {
        decayed.push_back(name.find("bias") == std::string::npos && t.dim() > 2);
      });
      StackedAdamW optimiser(ours, kind);
      PlainAdamW plain;
      const StackedSchedule schedule(candidates, 40);
      Backpropagation backpropagate(ours, spec, kSoftmax);
      at::Tensor mine, other;
      for (int step = 1; step <= 40; ++step) {
        const at::Tensor tokens = random_tokens(static_cast<std::uint64_t>(10 + step % 4));
        mine = backpropagate(tokens, labels_with_gaps());
        other = autograd_step(theirs, spec, tokens, labels_with_gaps());
        const at::Tensor rates = schedule.learning_rates(step),
                         decays = schedule.weight_decays(step);
        optimiser.step(rates, decays, clip);
        plain.step(leaves, decayed, rates, decays, clip);
      }
      EXPECT_NEAR(mine.item<double>(), other.item<double>(), 1e-3 * other.item<double>());
      std::size_t i = 0;
      visit(ours, kind, [&](const std::string& name, at::Tensor& t) {
        EXPECT_FALSE(t.grad().defined()) << name;
        EXPECT_LT(relative_difference(t.detach(), leaves[i++].detach()), 2e-3) << name;
      });
    }
}

}  // namespace backpropagation_test
}  // namespace permafrost
