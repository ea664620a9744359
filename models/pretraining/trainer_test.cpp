// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/trainer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/record_function.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "models/testing/shadow_device.h"
#include "models/testing/test_support.h"
#include "models/testing/toy_objective.h"
#include "models/testing/toy_pretraining.h"

namespace permafrost {
namespace {

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

const bool kRegistered = (register_objective(toy::noise_prediction()), true);

// Two steps of the toy, as its losses and weights tell.
struct Ran {
  std::vector<StepReport> reports;
  NamedTensors weights;
};

Ran two_steps(const Json& changes, const at::Device& device) {
  Json json = toy_pretraining(changes);
  if (json["objective"] == "toy_noise" || json["objective"] == "denoise") json.erase("predictor");
  const PretrainConfig config = read_pretrain_config(json, "toy");
  Trainer trainer(config, {.threads = 2, .device = device});
  const at::Tensor clips = at::randint(0, 256, {config.batch, 4, 24, 24, 3},
                                       at::make_generator<at::CPUGeneratorImpl>(1), at::kByte);
  trainer.measure(clips);
  Ran ran;
  for (int step = 0; step < 2; ++step) ran.reports.push_back(trainer.step(clips).value());
  for (const auto& [name, tensor] : tensors_of(*trainer.state().learner)) {
    EXPECT_EQ(tensor.device(), device) << name;
    ran.weights.emplace_back(name, tensor.to(at::kCPU));
  }
  return ran;
}

TEST(Trainer, DoesTheSameOnAnotherDevice) {
  ASSERT_TRUE(kRegistered);
  for (const Json& changes :
       {Json::object(), Json{{"objective", "pixel_mae"}}, Json{{"objective", "toy_noise"}},
        Json{{"clip_grad", 0.01}}, Json{{"objective", "denoise"}},
        Json{{"objective", "denoise"}, {"denoise", {{"space", "pixel"}}}},
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
}

}  // namespace
}  // namespace permafrost
