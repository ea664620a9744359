// SPDX-License-Identifier: Apache-2.0
#include "probes/train/finetune.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <numeric>
#include <set>

#include "models/testing/shadow_device.h"
#include "models/testing/test_support.h"
#include "models/testing/thread_ranks.h"
#include "probes/testing/test_clips.h"

namespace permafrost {
namespace finetune_test {

struct Toy {
  Encoder encoder = random_encoder(tiny_spec(), 1);
  Fold fold;
  FinetuneProtocol protocol;
  Toy() {
    fold.train.resize(48);
    std::iota(fold.train.begin(), fold.train.end(), 0);
    fold.test.resize(24);
    std::iota(fold.test.begin(), fold.test.end(), 48);
    protocol.heads = 2;
    protocol.batch = 16;
    protocol.epochs = 6;
    protocol.learning_rate = 3e-3;
    protocol.gradient_shards = 3;
  }
  FinetuneOutcome train(int threads = 2, std::set<std::int64_t> broken = {}) const {
    const ColouredClips source(72, encoder.spec.clip_shape(), std::move(broken));
    return finetune(encoder, {source, fold, 3}, protocol, {.threads = threads});
  }
};

NamedTensors tensors_of(const FinetuneOutcome& outcome) {
  VitWeights weights = outcome.encoder;
  return named_tensors(weights);
}

double accuracy(const Toy& toy, const FinetuneOutcome& outcome) {
  double right = 0;
  for (std::size_t i = 0; i < toy.fold.test.size(); ++i)
    right += outcome.predictions[i] == static_cast<int>(toy.fold.test[i] % 3);
  return right / static_cast<double>(toy.fold.test.size());
}

TEST(Finetune, LearnsAndLeavesTheEncoderAlone) {
  const Toy toy;
  const FinetuneOutcome outcome = toy.train();
  EXPECT_GE(accuracy(toy, outcome), 0.9);
  ASSERT_EQ(outcome.epoch_losses.size(), 6U);
  EXPECT_LT(outcome.epoch_losses.back(), 0.7 * outcome.epoch_losses.front());
  EXPECT_EQ(hash_of(toy.encoder), toy.encoder.sha256);
  EXPECT_NE(hash_of(tensors_of(outcome)), toy.encoder.sha256);
}

// Says which samples are read.
class WatchedClips : public ColouredClips {
 public:
  using ColouredClips::ColouredClips;
  Sample read(std::int64_t index, int clip, int clips) const override {
    {
      const std::lock_guard lock(mutex_);
      ++reads_[index];
    }
    return ColouredClips::read(index, clip, clips);
  }
  std::map<std::int64_t, int> reads() const { return reads_; }

 private:
  mutable std::mutex mutex_;
  mutable std::map<std::int64_t, int> reads_;
};

TEST(Finetune, RanksGiveWhatOneProcessGivesAndReadEveryClipOnce) {
  Toy toy;
  toy.fold.train.resize(45);  // the last batch of 13 does not divide evenly
  toy.protocol.gradient_shards = 4;
  toy.protocol.epochs = 2;
  const std::set<std::int64_t> broken{7, 50};
  const FinetuneOutcome one = toy.train(2, broken);
  for (const int ranks : {2, 4}) {
    std::mutex mutex;
    std::map<std::int64_t, int> reads;
    run_as_ranks(ranks, [&](ProcessGroup& group) {
      const WatchedClips source(72, toy.encoder.spec.clip_shape(), broken);
      const FinetuneOutcome outcome = finetune(toy.encoder, {source, toy.fold, 3}, toy.protocol,
                                               {.threads = 1, .group = &group});
      EXPECT_EQ(hash_of(tensors_of(outcome)), hash_of(tensors_of(one)));
      EXPECT_EQ(outcome.predictions, one.predictions);
      EXPECT_EQ(outcome.scores, one.scores);
      EXPECT_EQ(outcome.failures, one.failures);
      EXPECT_EQ(outcome.training_failures, one.training_failures);
      EXPECT_EQ(outcome.epoch_losses, one.epoch_losses);
      const std::lock_guard lock(mutex);
      for (const auto& [index, times] : source.reads()) reads[index] += times;
    });
    for (const auto sample : toy.fold.train) EXPECT_EQ(reads[sample], 2) << "two epochs";
    for (const auto sample : toy.fold.test) EXPECT_EQ(reads[sample], 1);
  }
}

TEST(Finetune, RanksMixClipsAsOneProcessDoes) {
  Toy toy;
  toy.protocol.gradient_shards = 4;
  toy.protocol.epochs = 1;
  toy.protocol.mixing.mixup = 0.8;
  const FinetuneOutcome one = toy.train(2, {7});
  run_as_ranks(2, [&](ProcessGroup& group) {
    const ColouredClips source(72, toy.encoder.spec.clip_shape(), {7});
    const FinetuneOutcome outcome =
        finetune(toy.encoder, {source, toy.fold, 3}, toy.protocol, {.threads = 1, .group = &group});
    EXPECT_EQ(hash_of(tensors_of(outcome)), hash_of(tensors_of(one)));
    EXPECT_EQ(outcome.training_failures, one.training_failures);
  });
}

TEST(Finetune, NamesWhatItCouldNotTrainOn) {
  Toy toy;
  toy.protocol.epochs = 2;
  const FinetuneOutcome outcome = toy.train(2, {7, 50});
  ASSERT_EQ(outcome.training_failures.size(), 1U);
  EXPECT_EQ(outcome.training_failures.at(7), "clip/7: broken");
  EXPECT_EQ(outcome.failures[2], "clip/50: broken");
}

TEST(Finetune, ThreadsDoNotChangeTheResult) {
  Toy toy;
  toy.protocol.epochs = 2;
  const FinetuneOutcome one = toy.train(1), many = toy.train(5);
  EXPECT_EQ(hash_of(tensors_of(one)), hash_of(tensors_of(many)));
  EXPECT_TRUE(one.head.linear_weight.equal(many.head.linear_weight));
  EXPECT_EQ(one.predictions, many.predictions);
  EXPECT_EQ(one.epoch_losses, many.epoch_losses);
}

TEST(Finetune, StrongLayerDecayTrainsTheLastLayersOnly) {
  Toy toy;
  toy.protocol.epochs = 1;
  toy.protocol.layer_decay = 1e-9;
  const FinetuneOutcome outcome = toy.train();
  VitWeights before = toy.encoder.weights;
  const NamedTensors start = named_tensors(before), end = tensors_of(outcome);
  for (std::size_t i = 0; i < start.size(); ++i) {
    const double moved = largest_difference(start[i].second, end[i].second);
    if (start[i].first.rfind("norm.", 0) == 0) {
      EXPECT_GT(moved, 1e-4) << start[i].first;
    } else {
      EXPECT_LT(moved, 1e-7) << start[i].first;
    }
  }
}

TEST(Finetune, LayerDecayGrowsTowardsTheInput) {
  Toy toy;
  toy.protocol.batch = 48;  // one step: Adam moves every weight by the layer's rate
  toy.protocol.warmup_share = 0;
  toy.protocol.weight_decay = 0;
  toy.protocol.clip_grad = 0;
  toy.protocol.layer_decay = 0.5;
  toy.protocol.epochs = 2;  // the second step's rate is 0, the first's half of the peak
  const FinetuneOutcome outcome = toy.train();
  VitWeights before = toy.encoder.weights;
  const NamedTensors start = named_tensors(before), end = tensors_of(outcome);
  const std::map<std::string, double> scales{{"patch_embed.proj.bias", 0.125},
                                             {"blocks.0.mlp.fc2.bias", 0.25},
                                             {"blocks.1.mlp.fc2.bias", 0.5},
                                             {"norm.bias", 1.0}};
  for (std::size_t i = 0; i < start.size(); ++i) {
    const auto it = scales.find(start[i].first);
    if (it == scales.end()) continue;
    EXPECT_NEAR(largest_difference(start[i].second, end[i].second), it->second * 1.5e-3, 3e-5)
        << start[i].first;
  }
}

TEST(Finetune, FailedSamplesAreNeitherLearntNorPredicted) {
  Toy toy;
  toy.protocol.epochs = 2;
  const FinetuneOutcome outcome = toy.train(2, {0, 1, 50});
  EXPECT_EQ(outcome.predictions[2], -1);
  EXPECT_EQ(std::count(outcome.predictions.begin(), outcome.predictions.end(), -1), 1);
  for (const double loss : outcome.epoch_losses) EXPECT_TRUE(std::isfinite(loss));
}

TEST(Finetune, TakesALastBatchSmallerThanItsShards) {
  Toy toy;
  toy.protocol.epochs = 1;
  toy.fold.train.resize(33);  // 16 + 16 + 1 samples in 3 shards
  EXPECT_TRUE(std::isfinite(toy.train().epoch_losses[0]));
}

TEST(Finetune, RefusesClipsOfAnotherShape) {
  Toy toy;
  const ColouredClips source(72, {4, 16, 24});
  EXPECT_THROW(finetune(toy.encoder, {source, toy.fold, 3}, toy.protocol, {}), Error);
  toy.protocol.epochs = 0;  // what is tested is checked as well
  EXPECT_THROW(finetune(toy.encoder, {source, toy.fold, 3}, toy.protocol, {}), Error);
}

// Everything at once: mixed clips and labels, smoothing, stochastic depth.
TEST(Finetune, RegularisedRunsLearnToo) {
  Toy toy;
  toy.protocol.epochs = 12;
  toy.protocol.mixing = {.mixup = 0.8, .cutmix = 1};
  toy.protocol.label_smoothing = 0.1;
  toy.protocol.drop_path = 0.1;
  const FinetuneOutcome one = toy.train(1), many = toy.train(4);
  EXPECT_EQ(hash_of(tensors_of(one)), hash_of(tensors_of(many)));
  EXPECT_GE(accuracy(toy, one), 0.8);
  ASSERT_EQ(one.scores.size(), toy.fold.test.size());
  double sum = 0;
  for (const float share : one.scores[0]) sum += share;
  EXPECT_NEAR(sum, 1, 1e-5);
}

TEST(Finetune, EachOptionChangesTheRun) {
  Toy toy;
  toy.protocol.epochs = 1;
  std::set<std::string> hashes{hash_of(tensors_of(toy.train()))};
  const auto add = [&](const auto& change) {
    Toy other = toy;
    change(other.protocol);
    EXPECT_TRUE(hashes.insert(hash_of(tensors_of(other.train()))).second);
  };
  add([](FinetuneProtocol& p) { p.mixing.mixup = 0.8; });
  add([](FinetuneProtocol& p) { p.mixing.cutmix = 1; });
  add([](FinetuneProtocol& p) { p.label_smoothing = 0.1; });
  add([](FinetuneProtocol& p) { p.drop_path = 0.5; });
  add([](FinetuneProtocol& p) { p.precision = Precision::bfloat16; });
}

TEST(Finetune, InBfloat16IsTheSameButForRounding) {
  Toy toy;
  toy.protocol.drop_path = 0.1;
  const FinetuneOutcome whole = toy.train();
  toy.protocol.precision = Precision::bfloat16;
  const FinetuneOutcome half = toy.train(1);
  EXPECT_GE(accuracy(toy, half), 0.9);
  for (std::size_t epoch = 0; epoch < whole.epoch_losses.size(); ++epoch)
    EXPECT_NEAR(half.epoch_losses[epoch], whole.epoch_losses[epoch], 0.05);
  for (const auto& [name, tensor] : tensors_of(half)) {
    EXPECT_EQ(tensor.scalar_type(), at::kFloat) << name;
    EXPECT_FALSE(at::equal(tensor, tensor.to(at::kBFloat16).to(at::kFloat)))
        << name << ": small steps are not lost to rounding";
  }
  EXPECT_EQ(hash_of(tensors_of(toy.train(3))), hash_of(tensors_of(half)));
}

TEST(Finetune, AnUnreadClipIsNobodysPartner) {
  Toy toy;
  toy.protocol.epochs = 1;
  toy.protocol.mixing.mixup = 0.8;
  const FinetuneOutcome outcome = toy.train(2, {3, 17, 50});
  EXPECT_TRUE(std::isfinite(outcome.epoch_losses[0]));
  EXPECT_EQ(outcome.predictions[2], -1);
  EXPECT_TRUE(outcome.scores[2].empty());
}

// A source whose clips show two things, and a box around the one that is asked about.
class BoxedClips : public ColouredClips {
 public:
  using ColouredClips::ColouredClips;
  Target target(std::int64_t index) const override {
    return {ColouredClips::target(index).label(),
            index % 2 == 0 ? Box{0, 0, 0.5F, 1} : Box{0.5F, 0, 1, 1}};
  }
  Sample read(std::int64_t index, int place, int places) const override {
    Sample own = ColouredClips::read(index, place, places);
    const Sample other = ColouredClips::read(index + 1, place, places);
    const ClipShape& shape = own.clip.shape;
    for (std::size_t k = 0; k < own.clip.pixels.size(); ++k) {
      const auto x = static_cast<int>(k / 3) % shape.width;
      if ((x < shape.width / 2) != (index % 2 == 0)) own.clip.pixels[k] = other.clip.pixels[k];
    }
    return own;
  }
};

TEST(Finetune, DoesTheSameOnAnotherDevice) {
  Toy toy;
  toy.protocol.epochs = 2;
  for (const auto& [regularised, precision] : {std::pair(false, Precision::float32),
                                               {true, Precision::float32},
                                               {true, Precision::bfloat16}}) {
    toy.protocol.precision = precision;
    if (regularised) {
      toy.protocol.label_smoothing = 0.1;
      toy.protocol.drop_path = 0.2;
      toy.protocol.mixing = {.mixup = 0.8, .cutmix = 1.0};
    }
    const ColouredClips source(72, toy.encoder.spec.clip_shape(), {3, 50});
    const FinetuneOutcome host =
        finetune(toy.encoder, {source, toy.fold, 3}, toy.protocol, {.threads = 2});
    const FinetuneOutcome there = finetune(toy.encoder, {source, toy.fold, 3}, toy.protocol,
                                           {.threads = 2, .device = shadow_device()});
    const double near = precision == Precision::bfloat16 ? 1e-3 : 1e-4;
    ASSERT_EQ(there.epoch_losses.size(), host.epoch_losses.size());
    for (std::size_t epoch = 0; epoch < host.epoch_losses.size(); ++epoch)
      EXPECT_NEAR(there.epoch_losses[epoch], host.epoch_losses[epoch], near);
    EXPECT_EQ(there.failures, host.failures);
    EXPECT_EQ(there.scores[2].empty(), host.scores[2].empty());
    for (std::size_t c = 0; c < 3; ++c)
      EXPECT_NEAR(there.scores[0][c], host.scores[0][c], 20 * near);
    EXPECT_TRUE(there.encoder.patch_embed.weight.is_cpu());
    EXPECT_TRUE(there.head.linear_weight.is_cpu());
  }
}

TEST(Finetune, TrainsOnOneViewAndIsTestedInAll) {
  Toy toy;
  toy.protocol.epochs = 2;
  const ThreeViews views(72, toy.encoder.spec.clip_shape());
  const FinetuneOutcome three =
      finetune(toy.encoder, {views, toy.fold, 3}, toy.protocol, {.threads = 2});
  const FinetuneOutcome one = toy.train();
  EXPECT_EQ(views.reads(), 2 * 48 + 24);
  EXPECT_EQ(hash_of(tensors_of(three)), hash_of(tensors_of(one)));
  EXPECT_NE(three.scores[0], one.scores[0]);
  double sum = 0;
  for (const float p : three.scores[0]) sum += static_cast<double>(p);
  EXPECT_NEAR(sum, 1, 1e-5);
}

TEST(Finetune, LooksIntoTheBox) {
  const Toy toy;
  const BoxedClips source(72, toy.encoder.spec.clip_shape());
  const FinetuneOutcome outcome =
      finetune(toy.encoder, {source, toy.fold, 3}, toy.protocol, {.threads = 2});
  EXPECT_GE(accuracy(toy, outcome), 0.85);  // the other half of the clip says another class
}

// Red is class 0, green is class 0 and 1, blue is none.
class SetsOfColours : public ColouredClips {
 public:
  using ColouredClips::ColouredClips;
  Target target(std::int64_t index) const override {
    switch (index % 3) {
      case 0:
        return Target::of_set({0});
      case 1:
        return Target::of_set({0, 1});
      default:
        return Target::of_set({});
    }
  }
};

TEST(Finetune, LearnsSetsOfClasses) {
  Toy toy;
  toy.protocol.epochs = 10;
  const SetsOfColours source(72, toy.encoder.spec.clip_shape(), {50});
  const auto train = [&](const FinetuneProtocol& protocol) {
    return finetune(toy.encoder, {source, toy.fold, 2, HeadLoss::sigmoid}, protocol,
                    {.threads = 2});
  };
  const FinetuneOutcome outcome = train(toy.protocol);
  EXPECT_LT(outcome.epoch_losses.back(), 0.6 * outcome.epoch_losses.front());
  int right = 0, asked = 0;
  for (std::size_t i = 0; i < toy.fold.test.size(); ++i) {
    if (outcome.predictions[i] < 0) continue;
    for (int k = 0; k < 2; ++k, ++asked)
      right += (outcome.scores[i][static_cast<std::size_t>(k)] > 0.5F) ==
               source.target(toy.fold.test[i]).has(k);
  }
  EXPECT_GT(right, asked * 0.85);
  EXPECT_TRUE(outcome.scores[2].empty());
  FinetuneProtocol mixed = toy.protocol;
  mixed.mixing.mixup = 0.8;
  mixed.label_smoothing = 0.1;
  EXPECT_TRUE(std::isfinite(train(mixed).epoch_losses.back()));
}

TEST(Finetune, FailsWhereTheLossIsNotFinite) {
  Toy toy;
  toy.protocol.learning_rate = 1e30;
  try {
    toy.train();
    FAIL();
  } catch (const TrainingDiverged& error) {
    EXPECT_NE(std::string(error.what()).find("fine-tuning diverged"), std::string::npos);
  }
}

}  // namespace finetune_test
}  // namespace permafrost
