// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/trainer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/record_function.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "models/testing/shadow_device.h"
#include "models/testing/test_support.h"
#include "models/testing/thread_ranks.h"
#include "models/testing/toy_objective.h"
#include "models/testing/toy_pretraining.h"

namespace permafrost {
namespace trainer_test {

TEST(Shadow, IsADeviceOfItsOwn) {
  const at::Tensor host = at::arange(12, at::kFloat).view({3, 4});
  const at::Tensor there = host.to(shadow_device());
  EXPECT_TRUE(there.is_privateuseone());
  EXPECT_TRUE(at::matmul(there, there.t()).to(at::kCPU).equal(at::matmul(host, host.t())));
  EXPECT_THROW(there + host, c10::Error);
  EXPECT_EQ(there.select(0, 1).sum().item<float>(), 22);
  at::Tensor weight = there.clone().set_requires_grad(true);
  (weight * weight).sum().backward();
  EXPECT_TRUE(weight.grad().to(at::kCPU).equal(2 * host));
}

Json toy_experts() {
  Json encoder = toy_pretraining(Json::object())["encoder"];
  encoder.update({{"experts", 4}, {"experts_chosen", 2}, {"expert_blocks", {0}}});
  return encoder;
}

// Two steps of the toy, as its losses and weights tell.
struct Ran {
  std::vector<StepReport> reports;
  NamedTensors weights;
};

Ran two_steps(const Json& changes, const at::Device& device, ProcessGroup* group = nullptr,
              Reduce reduce = Reduce::exact) {
  Json json = toy_pretraining(changes);
  if (json["objective"] == "toy_noise" || json["objective"] == "denoise") json.erase("predictor");
  const PretrainConfig config = read_pretrain_config(json, "toy");
  Trainer trainer(config, {.threads = 2, .device = device, .group = group, .reduce = reduce});
  const at::Tensor clips = at::randint(0, 256, {config.batch, 4, 24, 24, 3},
                                       at::make_generator<at::CPUGeneratorImpl>(1), at::kByte);
  if (is_first(group)) trainer.measure(clips);
  trainer.share_state();
  Ran ran;
  const ShardRange mine = trainer.clips();
  for (int step = 0; step < 2; ++step)
    ran.reports.push_back(
        trainer.step(clips.slice(0, mine.first, mine.first + mine.count)).value());
  trainer.require_same_weights();
  for (const auto& [name, tensor] : tensors_of(*trainer.state().learner)) {
    EXPECT_EQ(tensor.device(), device) << name;
    ran.weights.emplace_back(name, tensor.to(at::kCPU));
  }
  return ran;
}

// A first step of Adam moves every weight by its learning rate, whatever the gradient.
TEST(Trainer, ThePredictorMovesByALearningRateOfItsOwn) {
  const auto moved = [](double scale) {
    Json json = toy_pretraining({{"weight_decay", {{"start", 0}, {"final", 0}}}});
    json["predictor"]["learning_rate_scale"] = scale;
    const PretrainConfig config = read_pretrain_config(json, "toy");
    Trainer trainer(config, {.threads = 1, .device = at::kCPU});
    const auto weights = [&](const std::string& name) {
      for (const auto& [found, tensor] : tensors_of(*trainer.state().learner))
        if (found == name) return tensor.detach().clone();
      throw Error(name);
    };
    const char* names[] = {"encoder.patch_embed.proj.weight", "predictor.predictor_proj.weight"};
    const at::Tensor before[] = {weights(names[0]), weights(names[1])};
    trainer.step(at::randint(0, 256, {config.batch, 4, 24, 24, 3},
                             at::make_generator<at::CPUGeneratorImpl>(1), at::kByte));
    return std::pair((weights(names[0]) - before[0]).abs().max().item<double>(),
                     (weights(names[1]) - before[1]).abs().max().item<double>());
  };
  const auto usual = moved(1), scaled = moved(4);
  EXPECT_NEAR(usual.second, usual.first, 1e-5);
  EXPECT_NEAR(scaled.first, usual.first, 1e-6);
  EXPECT_NEAR(scaled.second, 4 * usual.second, 1e-5);
}

TEST(Trainer, DoesTheSameOnAnotherDevice) {
  for (const Json& changes :
       {Json::object(), Json{{"objective", "pixel_mae"}}, Json{{"objective", "toy_noise"}},
        Json{{"clip_grad", 0.01}}, Json{{"objective", "denoise"}},
        Json{{"objective", "denoise"}, {"denoise", {{"space", "pixel"}}}},
        Json{{"objective", "diff_mae"}}, Json{{"objective", "diff_mae"}, {"clip_grad", 0.01}},
        Json{{"encoder", toy_experts()}},
        Json{{"objective", "denoise"}, {"encoder", toy_experts()}}}) {
    const Ran host = two_steps(changes, at::kCPU), there = two_steps(changes, shadow_device());
    for (int step = 0; step < 2; ++step) {
      EXPECT_NEAR(there.reports[step].loss, host.reports[step].loss, 1e-6) << changes;
      const auto &here = host.reports[step].gradient_norms,
                 &elsewhere = there.reports[step].gradient_norms;
      ASSERT_FALSE(here.empty());
      for (std::size_t k = 0; k < here.size(); ++k)
        EXPECT_NEAR(elsewhere[k].second, here[k].second, 1e-5) << here[k].first;
    }
    for (std::size_t i = 0; i < host.weights.size(); ++i) {
      const std::string& name = host.weights[i].first;
      // The bias of keys has no gradient but rounding, which AdamW takes for one.
      if (name.find("qkv.bias") != std::string::npos) continue;
      EXPECT_LT(largest_difference(there.weights[i].second, host.weights[i].second), 1e-4) << name;
    }
  }
}

TEST(Trainer, RanksGiveTheBitsOfOneProcess) {
  for (const Json& changes : {Json::object(), Json{{"precision", "bfloat16"}},
                              Json{{"objective", "pixel_mae"}}, Json{{"objective", "denoise"}},
                              Json{{"objective", "diff_mae"}}, Json{{"encoder", toy_experts()}}}) {
    Json all = changes;
    all["gradient_shards"] = 4;
    const Ran one = two_steps(all, at::kCPU);
    for (const int ranks : {2, 4})
      run_as_ranks(ranks, [&](ProcessGroup& group) {
        const Ran ran = two_steps(all, at::kCPU, &group);
        for (std::size_t i = 0; i < one.weights.size(); ++i)
          EXPECT_TRUE(at::equal(ran.weights[i].second, one.weights[i].second))
              << all << " " << one.weights[i].first;
        for (int step = 0; step < 2; ++step) {
          const StepReport &here = ran.reports[step], &there = one.reports[step];
          EXPECT_EQ(here.loss, there.loss);
          EXPECT_EQ(here.gradient_norms, there.gradient_norms);
          ASSERT_EQ(here.figures.size(), there.figures.size());
          for (std::size_t k = 0; k < here.figures.size(); ++k) {
            EXPECT_EQ(here.figures[k].first, there.figures[k].first);
            const double a = here.figures[k].second, b = there.figures[k].second;
            EXPECT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << here.figures[k].first;
          }
        }
      });
  }
}

TEST(Trainer, RanksOnAnotherDeviceAndFastSumsAreTheSameButForRounding) {
  const Json changes{{"gradient_shards", 4}};
  const Ran one = two_steps(changes, at::kCPU);
  for (const auto& [device, reduce, tolerance] : {std::tuple(shadow_device(), Reduce::exact, 1e-5),
                                                  {at::kCPU, Reduce::fast, 1e-5},
                                                  {shadow_device(), Reduce::fast_bfloat16, 1e-2}})
    run_as_ranks(2,
                 [&, device = device, reduce = reduce, tolerance = tolerance](ProcessGroup& group) {
                   const Ran ran = two_steps(changes, device, &group, reduce);
                   for (int step = 0; step < 2; ++step)
                     EXPECT_NEAR(ran.reports[step].loss, one.reports[step].loss, tolerance);
                 });
}

// Weights of steps on a device whose ranks exchange there are those of ranks that exchange over the
// host, to the bit.
TEST(Trainer, RanksThatExchangeOnTheirDeviceTakeTheSameSteps) {
  const Json changes{{"gradient_shards", 4}};
  std::mutex mutex;
  const auto weights_of = [&](const char* library) {
    std::set<std::string> hashes;
    ::setenv("PERMAFROST_NCCL", library, 1);
    run_as_ranks(2, [&](ProcessGroup& group) {
      const Ran ran = two_steps(changes, shadow_device(), &group, Reduce::exact);
      NamedTensors host = ran.weights;
      for (auto& [name, tensor] : host) tensor = tensor.to(at::kCPU);
      const std::lock_guard lock(mutex);
      hashes.insert(hash_of(host));
      EXPECT_EQ(group.exchange().starts_with("NCCL"), std::string(library) != "off");
    });
    ::unsetenv("PERMAFROST_NCCL");
    EXPECT_EQ(hashes.size(), 1U);
    return *hashes.begin();
  };
  EXPECT_EQ(weights_of(PERMAFROST_FAKE_NCCL), weights_of("off"));
}

std::atomic<int> reads{0};

std::unique_ptr<at::ObserverContext> count_reads(const at::RecordFunction& function) {
  const std::string name = function.name();
  if (name == "aten::item" || name == "aten::_local_scalar_dense" || name == "aten::nonzero")
    ++reads;
  return nullptr;
}

// How often forward and backward pass of a step that nobody logs ask the device for numbers.
int reads_of_a_step(const Json& changes) {
  const PretrainConfig config = read_pretrain_config(toy_pretraining(changes), "toy");
  const auto learner = config.objective->start();
  move_to(*learner, shadow_device());
  std::vector<at::Tensor> leaves;
  const auto alias = with_leaves(*learner, leaves);
  Shard shard{.patches =
                  at::ones({config.batch, config.encoder.tokens(), config.encoder.patch_values()})
                      .to(shadow_device())};
  shard.seen = shard.patches;
  for (const auto& drawn : config.objective->draw(1))
    shard.drawn.push_back(drawn.to(shadow_device()));
  reads = 0;
  const auto handle = at::addGlobalCallback(at::RecordFunctionCallback(count_reads));
  backward(alias->loss(shard, nullptr));
  at::removeCallback(handle);
  return reads;
}

// The counts of experts least of all.
TEST(Trainer, AsksTheDeviceForNothingBetweenLogs) {
  EXPECT_EQ(reads_of_a_step(Json::object()), 0);
  EXPECT_EQ(reads_of_a_step({{"encoder", toy_experts()}}), 0);
  EXPECT_EQ(reads_of_a_step({{"objective", "diff_mae"}}), 0);
}

}  // namespace trainer_test
}  // namespace permafrost
