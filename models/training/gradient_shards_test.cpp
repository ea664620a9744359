// SPDX-License-Identifier: Apache-2.0
#include "models/training/gradient_shards.h"

#include <c10/core/AutogradState.h>

#include <thread>

#include "models/testing/shadow_device.h"
#include "models/testing/toy_network.h"

namespace permafrost {
namespace gradient_shards_test {

constexpr std::int64_t kClips = 16;

// The mean square of the toy encoder's features over the clips of a shard, divided by the shards.
ShardResult toy_loss(const VitWeights& weights, const at::Tensor& patches, int shard, int shards) {
  const std::int64_t size = kClips / shards;
  VitWeights mine = alias_of(weights, true);
  ShardResult result;
  const at::Tensor weight = fill({24}, 3, 1);
  result.loss =
      (encode(mine, toy::encoder_spec(), patches.slice(0, shard * size, (shard + 1) * size)) *
       weight)
          .square()
          .mean() /
      static_cast<double>(shards);
  for (const auto& [name, tensor] : named_tensors(mine)) result.leaves.push_back(tensor);
  return result;
}

ShardedGradients gradients_of(int shards, int threads) {
  const VitWeights weights = toy::encoder();
  const at::Tensor patches =
      patchify_normalised(fill({kClips, 3, 4, 8, 8}, 0, 1), toy::encoder_spec());
  return sharded_gradients(shards, threads,
                           [&](int shard) { return toy_loss(weights, patches, shard, shards); });
}

TEST(GradientShards, AddUpToTheGradientOfTheWholeBatch) {
  const ShardedGradients whole = gradients_of(1, 1);
  for (const int shards : {2, 8}) {
    const ShardedGradients sharded = gradients_of(shards, 2);
    const auto expected = whole.loss.item<double>();
    EXPECT_NEAR(sharded.loss.item<double>(), expected, 1e-6 * expected);
    ASSERT_EQ(sharded.gradients.size(), whole.gradients.size());
    for (std::size_t i = 0; i < whole.gradients.size(); ++i) {
      const double size = whole.gradients[i].abs().max().item<double>();
      EXPECT_LT(largest_difference(sharded.gradients[i], whole.gradients[i]), 1e-5 * size + 1e-7);
    }
  }
}

TEST(GradientShards, HaveTheSameBitsForAnyNumberOfThreads) {
  const ShardedGradients one = gradients_of(8, 1);
  for (const int threads : {2, 7}) {
    const ShardedGradients many = gradients_of(8, threads);
    EXPECT_TRUE(many.loss.equal(one.loss));
    for (std::size_t i = 0; i < one.gradients.size(); ++i)
      EXPECT_TRUE(many.gradients[i].equal(one.gradients[i])) << i;
  }
}

TEST(GradientShards, LeaveTheWeightsAlone) {
  VitWeights weights = toy::encoder();
  const std::string before = hash_of(named_tensors(weights));
  const at::Tensor patches =
      patchify_normalised(fill({kClips, 3, 4, 8, 8}, 0, 1), toy::encoder_spec());
  sharded_gradients(4, 2, [&](int shard) { return toy_loss(weights, patches, shard, 4); });
  EXPECT_EQ(hash_of(named_tensors(weights)), before);
  EXPECT_FALSE(weights.norm.bias.grad().defined());
}

TEST(GradientShards, LeafThatIsNotReachedHasAZeroGradient) {
  const auto result = sharded_gradients(2, 2, [](int shard) {
    const at::Tensor used = at::ones({2}).requires_grad_(true);
    const at::Tensor idle = at::ones({3}).requires_grad_(true);
    at::Tensor loss = used.sum();
    if (shard == 1) loss = loss + 5 * idle.sum();
    return ShardResult{loss, {used, idle}};
  });
  EXPECT_TRUE(result.gradients[0].equal(at::full({2}, 2.0)));
  EXPECT_TRUE(result.gradients[1].equal(at::full({3}, 5.0)));
  EXPECT_EQ(result.loss.item<double>(), 4.0 + 15.0);
}

TEST(Backward, OfAnotherDeviceIsDoneByTheThreadThatAsks) {
  at::Tensor weight = at::ones({3}).to(shadow_device()).requires_grad_(true);
  std::thread::id by;
  const at::Tensor doubled = weight * 2;
  doubled.register_hook([&](const at::Tensor&) { by = std::this_thread::get_id(); });
  backward(doubled.sum());
  EXPECT_EQ(by, std::this_thread::get_id());
  EXPECT_TRUE(weight.grad().to(at::kCPU).equal(at::full({3}, 2.0)));
  EXPECT_TRUE(c10::AutogradState::get_tls_state().get_multithreading_enabled());
}

TEST(GradientShards, PassOnWhatAShardThrows) {
  const auto failing = [](int shard) -> ShardResult {
    if (shard == 1) throw Error("shard 1 failed");
    const at::Tensor leaf = at::ones({1}).requires_grad_(true);
    return {leaf.sum(), {leaf}};
  };
  EXPECT_THROW(sharded_gradients(4, 2, failing), Error);
}

TEST(GradientShards, ClippingScalesOnlyWhatIsTooLong) {
  const auto fresh = [] {
    return std::vector<at::Tensor>{at::tensor({3.0F, 0.0F}), at::tensor({0.0F, 4.0F})};
  };
  auto gradients = fresh();
  EXPECT_DOUBLE_EQ(clip_gradients(gradients, 0).item<double>(), 5);
  EXPECT_DOUBLE_EQ(clip_gradients(gradients, 5.5).item<double>(), 5);
  EXPECT_TRUE(gradients[0].equal(fresh()[0]));
  EXPECT_DOUBLE_EQ(clip_gradients(gradients, 1).item<double>(), 5);
  EXPECT_NEAR(gradients[0][0].item<double>(), 0.6, 1e-6);
  EXPECT_NEAR(gradients[1][1].item<double>(), 0.8, 1e-6);
}

}  // namespace gradient_shards_test
}  // namespace permafrost
