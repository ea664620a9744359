// SPDX-License-Identifier: Apache-2.0
#include "probes/train/head_objective.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace permafrost {
namespace head_objective_test {

const HeadObjective& kSoftmax = objective_of(HeadLoss::softmax);
const HeadObjective& kSigmoid = objective_of(HeadLoss::sigmoid);

at::Tensor logits() { return at::tensor({1.0F, -2.0F, 0.5F, 0.0F, 3.0F, -1.0F}).view({2, 3}); }

double softplus(double x) { return std::log1p(std::exp(x)); }

TEST(HeadObjective, SoftmaxIsCrossEntropy) {
  const Target a = 2, b = 0;
  const double rows[] = {0.5 - std::log(std::exp(1.0) + std::exp(-2.0) + std::exp(0.5)),
                         0.0 - std::log(1 + std::exp(3.0) + std::exp(-1.0))};
  EXPECT_NEAR(kSoftmax.summed(logits(), kSoftmax.truth({&a, &b}, 3)).item<double>(),
              -rows[0] - rows[1], 1e-5);
  EXPECT_NEAR(kSoftmax.summed(logits(), kSoftmax.truth({nullptr, &b}, 3)).item<double>(), -rows[1],
              1e-5)
      << "what could not be read has no weight";
  EXPECT_NEAR(kSoftmax.probabilities(logits()).sum(1)[0].item<double>(), 1, 1e-6);
}

TEST(HeadObjective, SigmoidIsBinaryCrossEntropyOfEveryClass) {
  const Target a = Target::of_set({0, 2}), none = Target::of_set({});
  const double first = (softplus(-1) + softplus(-2) + softplus(-0.5)) / 3;
  const double second = (softplus(0) + softplus(3) + softplus(-1)) / 3;
  EXPECT_NEAR(kSigmoid.summed(logits(), kSigmoid.truth({&a, &none}, 3)).item<double>(),
              first + second, 1e-5);
  EXPECT_NEAR(kSigmoid.summed(logits(), kSigmoid.truth({&a, nullptr}, 3)).item<double>(), first,
              1e-5);
  EXPECT_NEAR(kSigmoid.probabilities(logits())[0][1].item<double>(), 1 / (1 + std::exp(2.0)), 1e-6);
}

TEST(HeadObjective, MixedSamplesHaveSharesOfTheirParts) {
  const Target a = 0, b = 2, set = Target::of_set({0, 1});
  const auto expect = [](const at::Tensor& row, const std::vector<double>& values) {
    for (std::size_t c = 0; c < values.size(); ++c)
      EXPECT_NEAR(row[static_cast<std::int64_t>(c)].item<double>(), values[c], 1e-6) << c;
  };
  expect(kSoftmax.shares({{&a, .75}, {&b, .25}}, 3, 0), {.75, 0, .25});
  expect(kSoftmax.shares({{&a}}, 3, .3), {.8, .1, .1});
  expect(kSigmoid.shares({{&set, .75}, {&a, .25}}, 3, 0), {1, .75, 0});
  expect(kSigmoid.shares({{&set}}, 3, .2), {.9, .9, .1});
}

TEST(HeadObjective, SharesOfOnePartAreItsTruth) {
  const Target label = 1, set = Target::of_set({0, 2});
  for (const auto& [objective, target] :
       {std::pair{&kSoftmax, &label}, std::pair{&kSigmoid, &set}}) {
    const at::Tensor rows =
        at::stack({objective->shares({{target}}, 3, 0), objective->shares({}, 3, 0)});
    EXPECT_NEAR(objective->summed_soft(logits(), rows).item<double>(),
                objective->summed(logits(), objective->truth({target, nullptr}, 3)).item<double>(),
                1e-5);
  }
}

TEST(HeadObjective, QualityIsTheShareOfRightAnswersOrMeanAveragePrecision) {
  const at::Tensor scores = at::stack({logits(), -logits()});
  const Target a = 0, b = 2;
  EXPECT_EQ(kSoftmax.quality(scores, kSoftmax.truth({&a, &b}, 3)), (std::vector<double>{0.5, 0.5}));
  const Target one = Target::of_set({0}), two = Target::of_set({1});
  EXPECT_EQ(kSigmoid.quality(scores, kSigmoid.truth({&one, &two}, 3)),
            (std::vector<double>{1, 0.5}));
  const Target none = Target::of_set({});
  EXPECT_EQ(kSigmoid.quality(scores, kSigmoid.truth({&none, &none}, 3)),
            (std::vector<double>{0, 0}));
}

TEST(HeadObjective, TruthIsRepeatedForCandidates) {
  const Target a = 2, b = 1, set = Target::of_set({0});
  EXPECT_TRUE(repeated(kSoftmax.truth({&a, &b}, 3), 2).equal(at::tensor({2, 1, 2, 1}, at::kLong)));
  EXPECT_EQ(repeated(kSigmoid.truth({&set, &set}, 3), 4).sizes(), (at::IntArrayRef{8, 3}));
}

TEST(HeadObjective, GradientsAreThoseOfAutograd) {
  const Target label = 1, set = Target::of_set({0, 2}), none = Target::of_set({});
  for (const auto& [objective, targets] : {std::pair{&kSoftmax, TargetPointers{&label, nullptr}},
                                           std::pair{&kSigmoid, TargetPointers{&set, nullptr}},
                                           std::pair{&kSigmoid, TargetPointers{&none, &set}}}) {
    const at::Tensor truth = objective->truth(targets, 3);
    const at::Tensor leaf = logits().requires_grad_();
    const at::Tensor loss = objective->summed(leaf, truth);
    loss.backward();
    const LossGradient found = objective->with_gradient(logits(), truth);
    EXPECT_NEAR(found.loss.item<double>(), loss.item<double>(), 1e-5);
    EXPECT_LT((found.gradient - leaf.grad()).abs().max().item<double>(), 1e-6);
    at::Tensor broken = logits();
    if (targets[1] == nullptr) broken[1].fill_(std::nan(""));
    const LossGradient whole = objective->with_gradient(broken, truth);
    EXPECT_TRUE(whole.gradient.isfinite().all().item<bool>());
    EXPECT_TRUE(whole.loss.isfinite().item<bool>());
  }
}

}  // namespace head_objective_test
}  // namespace permafrost
