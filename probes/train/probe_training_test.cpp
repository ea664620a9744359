// SPDX-License-Identifier: Apache-2.0
#include "probes/train/probe_training.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "common/random.h"
#include "models/testing/shadow_device.h"
#include "models/testing/test_support.h"
#include "models/training/adamw.h"
#include "models/training/gradient_shards.h"
#include "models/training/schedule.h"
#include "probes/train/held_out.h"

namespace permafrost {
namespace probe_training_test {

constexpr int kClasses = 3;

// Class k raises feature k of three tokens in four; the rest is noise.
LabelledFeatures toy_features(int count) {
  LabelledFeatures features;
  RandomStream stream({.seed = 3, .purpose = "test"});
  at::Tensor tokens = normal_tensor({count, 4, 12}, 1, stream);
  for (int i = 0; i < count; ++i) {
    features.targets.emplace_back(i % kClasses);
    const auto quiet = static_cast<std::int64_t>(stream.integer(4));
    for (std::int64_t n = 0; n < 4; ++n)
      if (n != quiet) tokens[i][n][i % kClasses] += 6;
  }
  features.tokens = standardised(tokens);
  features.failures.resize(static_cast<std::size_t>(count));
  return features;
}

std::vector<std::int64_t> range(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(to - from));
  std::iota(values.begin(), values.end(), from);
  return values;
}

struct Toy {
  LabelledFeatures features = toy_features(150);
  std::vector<std::int64_t> groups = range(0, 150);
  Fold fold{range(0, 120), range(120, 150)};
  ProbeProtocol protocol;
  Toy() {
    protocol.epochs = 20;
    protocol.batch = 32;
    protocol.learning_rates = {1e-5, 1e-2};
  }
  ProbeOutcome train(std::uint64_t seed = 1) const {
    return train_probe({features, groups, fold, kClasses}, protocol, {.seed = seed});
  }
  double accuracy(const ProbeOutcome& outcome) const {
    double right = 0;
    for (std::size_t i = 0; i < fold.test.size(); ++i)
      right += outcome.predictions[i] ==
               features.targets[static_cast<std::size_t>(fold.test[i])].label();
    return right / static_cast<double>(fold.test.size());
  }
};

at::Tensor all_logits(const Toy& toy, const ProbeOutcome& outcome) {
  const auto tokens = [&](const Samples& samples) {
    return toy.features.tokens.index_select(0, at::tensor(samples, at::kLong));
  };
  return logits_of(outcome.head, outcome.spec, tokens, range(0, 150));
}

TEST(ProbeTraining, LearnsWhatTheFeaturesTell) {
  const Toy toy;
  const ProbeOutcome outcome = toy.train();
  EXPECT_GE(toy.accuracy(outcome), 0.9);
  EXPECT_EQ(outcome.chosen, 1);
  ASSERT_EQ(outcome.held_out_accuracy.size(), 2U);
  EXPECT_GT(outcome.held_out_accuracy[1], 0.8);
  EXPECT_EQ(outcome.head.linear_weight.size(0), 1);
}

TEST(ProbeTraining, MeanPoolLearnsToo) {
  Toy toy;
  toy.protocol.head = HeadKind::mean_pool;
  toy.protocol.learning_rates = {1e-1};
  EXPECT_GE(toy.accuracy(toy.train()), 0.8);
}

TEST(ProbeTraining, LinearLearnsToo) {
  Toy toy;
  toy.protocol.head = HeadKind::linear;
  toy.protocol.learning_rates = {1e-4, 1e-1};
  const ProbeOutcome outcome = toy.train();
  EXPECT_GE(toy.accuracy(outcome), 0.85);
  EXPECT_FALSE(outcome.head.running_mean.equal(at::zeros({12})));
  EXPECT_EQ(toy.train().predictions, outcome.predictions);
}

TEST(ProbeTraining, NearestNeighboursNeedNoTraining) {
  Toy toy;
  toy.protocol.head = HeadKind::knn;
  toy.protocol.neighbours = {1, 10, 1000};
  const ProbeOutcome outcome = toy.train();
  EXPECT_GE(toy.accuracy(outcome), 0.75);
  ASSERT_EQ(outcome.held_out_accuracy.size(), 3U);
  EXPECT_FALSE(outcome.head.linear_weight.defined());
  for (std::size_t c = 0; c < 3; ++c)
    EXPECT_LE(outcome.held_out_accuracy[c],
              outcome.held_out_accuracy[static_cast<std::size_t>(outcome.chosen)]);
}

// The held-out part is no part of the bank, or each of its samples would find itself.
TEST(ProbeTraining, NeighboursAreChosenOnSamplesOutsideTheBank) {
  Toy toy;
  RandomStream stream({.seed = 1, .purpose = "test"});
  toy.features.tokens = standardised(normal_tensor({150, 4, 12}, 1, stream));  // no signal
  toy.protocol.head = HeadKind::knn;
  toy.protocol.neighbours = {1};
  toy.protocol.held_out = 0.5;
  EXPECT_LT(toy.train().held_out_accuracy[0], 0.6);
}

TEST(ProbeTraining, SweepsWeightDecaysInTheSamePass) {
  for (const auto kind : {HeadKind::attentive, HeadKind::linear}) {
    Toy toy;
    toy.protocol.head = kind;
    toy.protocol.learning_rates = {1e-3, 1e-2};
    toy.protocol.weight_decays = {0.0, 5.0};
    const ProbeOutcome all = toy.train();
    ASSERT_EQ(all.held_out_accuracy.size(), 4U);
    for (std::size_t c = 0; c < 4; ++c) {
      Toy one = toy;
      const ProbeCandidate candidate = candidates_of(toy.protocol)[c];
      one.protocol.learning_rates = {candidate.learning_rate};
      one.protocol.weight_decays.clear();
      one.protocol.weight_decay = candidate.weight_decay;
      const ProbeOutcome alone = one.train();
      EXPECT_EQ(alone.held_out_accuracy[0], all.held_out_accuracy[c]) << c;
      if (static_cast<int>(c) == all.chosen) {
        EXPECT_LT(largest_difference(all_logits(toy, alone), all_logits(toy, all)), 1e-3);
      }
    }
  }
}

TEST(ProbeTraining, IsAFunctionOfItsSeed) {
  const Toy toy;
  const ProbeOutcome one = toy.train(4), two = toy.train(4), other = toy.train(5);
  EXPECT_TRUE(all_logits(toy, one).equal(all_logits(toy, two)));
  EXPECT_EQ(one.predictions, two.predictions);
  EXPECT_FALSE(all_logits(toy, one).equal(all_logits(toy, other)));
}

TEST(ProbeTraining, CandidatesDoNotTouchEachOther) {
  for (const auto kind : {HeadKind::attentive, HeadKind::mean_pool, HeadKind::linear}) {
    Toy toy;
    toy.protocol.head = kind;
    toy.protocol.clip_grad = 0.5;
    toy.protocol.learning_rates = {1e-3, 4e-3};
    const ProbeOutcome both = toy.train();
    for (std::size_t c = 0; c < 2; ++c) {
      Toy one = toy;
      one.protocol.learning_rates = {toy.protocol.learning_rates[c]};
      const ProbeOutcome alone = one.train();
      EXPECT_EQ(alone.held_out_accuracy[0], both.held_out_accuracy[c]);
      if (static_cast<int>(c) != both.chosen) continue;
      EXPECT_LT(largest_difference(all_logits(toy, alone), all_logits(toy, both)), 1e-3);
      EXPECT_EQ(alone.predictions, both.predictions);
    }
  }
}

// The same training with the tested optimiser and one candidate, all samples in one batch.
HeadWeights plainly_trained(const Toy& toy, const HeadSpec& spec, double rate) {
  const Fold cut = hold_out(toy.features, toy.groups, toy.fold.train, toy.protocol.held_out, 1);
  HeadWeights head = make_head(spec, 1, 1);
  NamedTensors values;
  visit(head, spec.kind,
        [&](const std::string& name, at::Tensor& t) { values.emplace_back(name, t[0]); });
  AdamW optimiser;
  optimiser.add(values);
  std::vector<std::int64_t> labels;
  for (const auto i : cut.train)
    labels.push_back(toy.features.targets[static_cast<std::size_t>(i)].label());
  const at::Tensor tokens = toy.features.tokens.index_select(
      0, at::tensor(at::ArrayRef<std::int64_t>(cut.train), at::kLong));
  const LearningRate shape{.start = 0, .peak = rate, .final = 0, .length = toy.protocol.epochs};
  const WeightDecay decay{
      .start = toy.protocol.weight_decay, .final = 1e-6, .length = toy.protocol.epochs};
  for (int step = 1; step <= toy.protocol.epochs; ++step) {
    std::vector<at::Tensor> leaves, gradients;
    HeadWeights mine = head;
    visit(mine, spec.kind, [&](const std::string&, at::Tensor& t) {
      t = t.detach().requires_grad_(true);
      leaves.push_back(t);
    });
    at::cross_entropy_loss(head_logits(mine, spec, tokens)[0],
                           at::tensor(at::ArrayRef<std::int64_t>(labels), at::kLong))
        .backward();
    for (const auto& leaf : leaves) gradients.push_back(leaf.grad()[0]);
    clip_gradients(gradients, toy.protocol.clip_grad);
    optimiser.step(gradients, shape.at(step), decay.at(step));
  }
  return head;
}

TEST(ProbeTraining, IsAdamWUnderTheProbeSchedules) {
  Toy toy;
  toy.protocol.batch = 200;
  toy.protocol.weight_decay = 0.5;
  toy.protocol.clip_grad = 0.2;
  toy.protocol.learning_rates = {1e-2};
  ProbeOutcome outcome = toy.train();
  HeadWeights expected = plainly_trained(toy, outcome.spec, 1e-2);
  NamedTensors theirs;
  visit(expected, outcome.spec.kind,
        [&](const std::string& name, at::Tensor& t) { theirs.emplace_back(name, t); });
  std::size_t i = 0;
  visit(outcome.head, outcome.spec.kind, [&](const std::string& name, at::Tensor& t) {
    EXPECT_LT(largest_difference(t, theirs[i++].second), 2e-4) << name;
  });
}

TEST(ProbeTraining, ChoosesTheFirstOfTheBest) {
  Toy toy;
  toy.protocol.learning_rates = {1e-2, 1e-2, 1e-6};
  EXPECT_EQ(toy.train().chosen, 0);
}

TEST(ProbeTraining, NeverSeesTheTestSplit) {
  Toy toy;
  const ProbeOutcome before = toy.train();
  for (const auto i : toy.fold.test) {
    Target& target = toy.features.targets[static_cast<std::size_t>(i)];
    target = (target.label() + 1) % kClasses;
  }
  const ProbeOutcome relabelled = toy.train();
  EXPECT_EQ(relabelled.predictions, before.predictions);
  EXPECT_EQ(relabelled.held_out_accuracy, before.held_out_accuracy);
  // Nor do its features have a part in the training.
  toy.features.tokens.slice(0, 120, 150).fill_(std::nan(""));
  const ProbeOutcome blind = toy.train();
  EXPECT_TRUE(blind.head.linear_weight.equal(before.head.linear_weight));
}

TEST(ProbeTraining, LeavesOutSamplesThatCouldNotBeRead) {
  Toy toy;
  for (const std::size_t i :
       {std::size_t{3}, std::size_t{50}, std::size_t{119}, std::size_t{130}}) {
    toy.features.failures[i] = "broken";
    toy.features.tokens[static_cast<std::int64_t>(i)].fill_(std::nan(""));
    toy.features.targets[i] = {};
  }
  const ProbeOutcome outcome = toy.train();
  EXPECT_EQ(outcome.predictions[10], -1);
  EXPECT_EQ(std::count(outcome.predictions.begin(), outcome.predictions.end(), -1), 1);
  EXPECT_TRUE(outcome.head.linear_weight.isfinite().all().item<bool>());
  EXPECT_GE(toy.accuracy(outcome), 0.85);
}

TEST(ProbeTraining, CountsEpochsAndTakesAnEmptyTestSplit) {
  Toy toy;
  toy.fold.test.clear();
  int ticks = 0;
  const ProbeOutcome outcome =
      train_probe({toy.features, toy.groups, toy.fold, kClasses}, toy.protocol,
                  {.tick = [&](std::int64_t passes) { ticks += static_cast<int>(passes); }});
  EXPECT_EQ(ticks, toy.protocol.epochs);
  EXPECT_TRUE(outcome.predictions.empty());
}

TEST(HoldOut, KeepsGroupsTogetherAndNeverOverlaps) {
  Toy toy;
  toy.features.failures[7] = "broken";
  for (std::size_t i = 0; i < toy.groups.size(); ++i)
    toy.groups[i] = static_cast<std::int64_t>(i * i % 23);
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    for (const double share : {0.01, 0.1, 0.5, 0.9}) {
      const Fold cut = hold_out(toy.features, toy.groups, toy.fold.train, share, seed);
      std::set<std::int64_t> kept, held;
      for (const auto i : cut.train) kept.insert(toy.groups[static_cast<std::size_t>(i)]);
      for (const auto i : cut.test) held.insert(toy.groups[static_cast<std::size_t>(i)]);
      for (const auto group : held) EXPECT_EQ(kept.count(group), 0U);
      EXPECT_FALSE(cut.train.empty() || cut.test.empty());
      std::vector<std::int64_t> all = cut.train;
      all.insert(all.end(), cut.test.begin(), cut.test.end());
      std::sort(all.begin(), all.end());
      std::vector<std::int64_t> expected = toy.fold.train;
      expected.erase(expected.begin() + 7);
      EXPECT_EQ(all, expected);
    }
}

TEST(HoldOut, TakesTheAskedShareOfSingleSamples) {
  const Toy toy;
  EXPECT_EQ(hold_out(toy.features, toy.groups, toy.fold.train, 0.1, 1).test.size(), 12U);
  EXPECT_EQ(hold_out(toy.features, toy.groups, toy.fold.train, 0.001, 1).test.size(), 1U);
  EXPECT_NE(hold_out(toy.features, toy.groups, toy.fold.train, 0.1, 1).test,
            hold_out(toy.features, toy.groups, toy.fold.train, 0.1, 2).test);
}

TEST(HoldOut, NeedsTwoGroups) {
  Toy toy;
  std::fill(toy.groups.begin(), toy.groups.end(), 4);
  EXPECT_TRUE(
      contains(input_error_of([&] { hold_out(toy.features, toy.groups, toy.fold.train, 0.1, 1); }),
               "at least two groups of readable samples, found 1"));
  toy.groups[5] = 9;
  const Fold cut = hold_out(toy.features, toy.groups, toy.fold.train, 0.9, 1);
  EXPECT_FALSE(cut.train.empty() || cut.test.empty());
  toy.features.failures[5] = "broken";
  EXPECT_THROW(hold_out(toy.features, toy.groups, toy.fold.train, 0.1, 1), InputError);
}

// Tokens that are made when they are asked for give what kept ones give.
TEST(TrainProbe, StreamedTokensGiveTheSameHeads) {
  const Toy toy;
  LabelledFeatures streamed = toy.features;
  streamed.tokens = at::Tensor();
  std::size_t most = 0;
  ProbeViews views;
  views.evaluation = [&](const Samples& samples) {
    most = std::max(most, samples.size());
    return toy.features.tokens.index_select(0, at::tensor(samples, at::kLong));
  };
  for (const auto kind :
       {HeadKind::attentive, HeadKind::linear, HeadKind::mean_pool, HeadKind::knn}) {
    ProbeProtocol protocol = toy.protocol;
    protocol.head = kind;
    const ProbeOutcome kept =
        train_probe({toy.features, toy.groups, toy.fold, kClasses}, protocol, {});
    const ProbeOutcome again =
        train_probe({streamed, toy.groups, toy.fold, kClasses}, protocol, {}, views);
    EXPECT_EQ(again.predictions, kept.predictions) << name_of(kind);
    EXPECT_EQ(again.chosen, kept.chosen) << name_of(kind);
  }
  EXPECT_LE(most, 128U);
}

TEST(TrainProbe, ASampleFoundUnreadableOnTheWayCountsAsWrong) {
  const Toy toy;
  LabelledFeatures streamed = toy.features;
  streamed.tokens = at::Tensor();
  const std::int64_t broken = toy.fold.test[2], also = toy.fold.train[5];
  ProbeViews views;
  views.evaluation = [&](const Samples& samples) {
    for (const auto sample : samples)
      if (sample == broken || sample == also)
        streamed.failures[static_cast<std::size_t>(sample)] = "cannot be read";
    return toy.features.tokens.index_select(0, at::tensor(samples, at::kLong));
  };
  const ProbeOutcome outcome =
      train_probe({streamed, toy.groups, toy.fold, kClasses}, toy.protocol, {}, views);
  EXPECT_EQ(outcome.predictions[2], -1);
  EXPECT_TRUE(outcome.scores[2].empty());
  EXPECT_GE(outcome.predictions[3], 0);
}

TEST(TrainProbe, DoesTheSameOnAnotherDevice) {
  Toy toy;
  for (const auto kind :
       {HeadKind::attentive, HeadKind::linear, HeadKind::mean_pool, HeadKind::knn}) {
    toy.protocol.head = kind;
    for (const int depth : {1, 2}) {
      if (kind != HeadKind::attentive && depth > 1) continue;
      toy.protocol.depth = depth;
      const ProbeOutcome host =
          train_probe({toy.features, toy.groups, toy.fold, kClasses}, toy.protocol, {});
      const ProbeOutcome there = train_probe({toy.features, toy.groups, toy.fold, kClasses},
                                             toy.protocol, {.device = shadow_device()});
      EXPECT_EQ(there.chosen, host.chosen) << name_of(kind);
      EXPECT_EQ(there.predictions, host.predictions) << name_of(kind);
      for (std::size_t c = 0; c < host.scores[0].size(); ++c)
        EXPECT_NEAR(there.scores[0][c], host.scores[0][c], 1e-4) << name_of(kind);
      if (kind == HeadKind::knn) continue;
      EXPECT_TRUE(there.head.linear_weight.is_cpu());
      EXPECT_LT(largest_difference(there.head.linear_weight, host.head.linear_weight), 1e-3);
    }
  }
}

TEST(TrainProbe, TestViewsAreAveraged) {
  const Toy toy;
  ProbeViews views;
  const auto itself = [&](const Samples& samples) {
    return toy.features.tokens.index_select(0, at::tensor(samples, at::kLong));
  };
  views.test = [&](const Samples& samples) {
    return std::vector<at::Tensor>{itself(samples), itself(samples), itself(samples)};
  };
  const ProbeOutcome one =
      train_probe({toy.features, toy.groups, toy.fold, kClasses}, toy.protocol, {});
  const ProbeOutcome three =
      train_probe({toy.features, toy.groups, toy.fold, kClasses}, toy.protocol, {}, views);
  EXPECT_EQ(one.predictions, three.predictions);
  for (std::size_t c = 0; c < one.scores[0].size(); ++c)
    EXPECT_NEAR(one.scores[0][c], three.scores[0][c], 1e-6);
  views.test = [&](const Samples& samples) {
    return std::vector<at::Tensor>{itself(samples), itself(samples).flip(2)};
  };
  const ProbeOutcome other =
      train_probe({toy.features, toy.groups, toy.fold, kClasses}, toy.protocol, {}, views);
  EXPECT_NE(one.scores[0], other.scores[0]);
}

// Feature k of three tokens in four is raised for each class that is true: none, one or both.
LabelledFeatures toy_sets(int count) {
  LabelledFeatures features;
  RandomStream stream({.seed = 5, .purpose = "test"});
  at::Tensor tokens = normal_tensor({count, 4, 12}, 1, stream);
  for (int i = 0; i < count; ++i) {
    std::vector<int> labels;
    for (int k = 0; k < 2; ++k)
      if (i >> k & 1) labels.push_back(k);
    for (std::int64_t n = 0; n < 3; ++n)
      for (const int k : labels) tokens[i][n][k] += 6;
    features.targets.push_back(Target::of_set(std::move(labels)));
  }
  features.tokens = standardised(tokens);
  features.failures.resize(static_cast<std::size_t>(count));
  return features;
}

TEST(ProbeTraining, LearnsSetsOfClasses) {
  const Toy toy;
  LabelledFeatures sets = toy_sets(150);
  sets.failures[7] = sets.failures[130] = "broken";
  const ProbeData data{sets, toy.groups, toy.fold, 2, HeadLoss::sigmoid};
  for (const HeadKind head :
       {HeadKind::attentive, HeadKind::linear, HeadKind::mean_pool, HeadKind::knn}) {
    ProbeProtocol protocol = toy.protocol;
    protocol.head = head;
    if (head != HeadKind::attentive) protocol.learning_rates = {1e-1};
    const ProbeOutcome outcome = train_probe(data, protocol, {});
    EXPECT_GT(outcome.held_out_accuracy[static_cast<std::size_t>(outcome.chosen)], 0.9)
        << name_of(head);
    int right = 0, asked = 0;
    for (std::size_t i = 0; i < toy.fold.test.size(); ++i) {
      const auto& scores = outcome.scores[i];
      const auto sample = static_cast<std::size_t>(toy.fold.test[i]);
      if (sample == 130) {
        EXPECT_EQ(outcome.predictions[i], -1);
        EXPECT_TRUE(scores.empty());
        continue;
      }
      ASSERT_EQ(scores.size(), 2U);
      for (int k = 0; k < 2; ++k) {
        ++asked;
        right += (scores[static_cast<std::size_t>(k)] > 0.5F) == sets.targets[sample].has(k);
      }
    }
    EXPECT_GT(right, asked * 0.85) << name_of(head);
  }
}

TEST(ProbeTraining, DropsCandidatesThatDiverge) {
  for (const HeadKind head : {HeadKind::attentive, HeadKind::linear, HeadKind::mean_pool}) {
    Toy toy;
    toy.protocol.head = head;
    toy.protocol.learning_rates = {1e-3, 1e30, 1e-2};
    toy.protocol.clip_grad = 0;
    const ProbeOutcome outcome = toy.train();
    EXPECT_EQ(outcome.diverged, std::vector<int>{1}) << name_of(head);
    EXPECT_NE(outcome.chosen, 1) << name_of(head);
    EXPECT_EQ(outcome.held_out_accuracy[1], 0) << name_of(head);
    EXPECT_TRUE(outcome.head.linear_weight.isfinite().all().item<bool>());
    toy.protocol.learning_rates = {1e-3, 1e-2};
    EXPECT_TRUE(toy.train().diverged.empty());
  }
}

TEST(ProbeTraining, WithoutAFiniteCandidateFails) {
  Toy toy;
  toy.protocol.learning_rates = {1e30};
  EXPECT_THROW(toy.train(), TrainingDiverged);
  toy.protocol.learning_rates = {1e30, 1e32};
  EXPECT_THROW(toy.train(), TrainingDiverged);
}

}  // namespace probe_training_test
}  // namespace permafrost
