// SPDX-License-Identifier: Apache-2.0
#include "models/processes/gradient_exchange.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <chrono>
#include <thread>

#include "common/error.h"
#include "models/testing/drawn_tensor.h"
#include "models/testing/thread_ranks.h"

namespace permafrost {
namespace {

// Values of very different sizes: another order of additions gives other bits.
std::vector<at::Tensor> gradients_of(int shard, at::ScalarType type) {
  std::vector<at::Tensor> tensors;
  const std::vector<std::vector<std::int64_t>> shapes{{3, 5}, {1}, {40}, {2, 2, 2}};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const at::Tensor values =
        permafrost::drawn(shapes[i], static_cast<std::uint64_t>(shard) * 10 + i);
    tensors.push_back((values * at::pow(10.0, values)).to(type));
  }
  return tensors;
}

std::vector<at::Tensor> sum_of_one_process(int shards, at::ScalarType type) {
  auto sum = gradients_of(0, type);
  for (int shard = 1; shard < shards; ++shard) {
    const auto more = gradients_of(shard, type);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i].add_(more[i]);
  }
  return sum;
}

std::vector<std::vector<at::Tensor>> shards_of(const ShardRange& range, at::ScalarType type) {
  std::vector<std::vector<at::Tensor>> shards;
  for (int shard = range.first; shard < range.first + range.count; ++shard)
    shards.push_back(gradients_of(shard, type));
  return shards;
}

// Of one rank: the shards give in turn, from the last tensor to the first, as backward passes do.
std::vector<at::Tensor> summed_over_ranks(ProcessGroup& group,
                                          const std::vector<std::vector<at::Tensor>>& of_shards,
                                          Reduce reduce, std::int64_t bucket,
                                          bool beside_computing = false) {
  const auto shards = static_cast<int>(of_shards.size());
  GradientSum sum(
      group,
      {.shards = shards, .reduce = reduce, .beside_computing = beside_computing, .bucket = bucket},
      of_shards[0]);
  for (int shard = 0; shard < shards; ++shard) {
    const auto& gradients = of_shards[static_cast<std::size_t>(shard)];
    for (std::size_t i = gradients.size(); i-- > 0;) sum.give(shard, i, gradients[i]);
  }
  return sum.finish();
}

TEST(GradientExchange, ExactGivesTheBitsOfOneProcess) {
  for (const auto type : {at::kFloat, at::kBFloat16})
    for (const int ranks : {2, 3, 4}) {
      const int shards = 12;
      const auto expected = sum_of_one_process(shards, type);
      // Buckets that end within a tensor, of less than a value a rank, and larger than all.
      for (const std::int64_t bucket : {2, 7, 16, 1000})
        run_as_ranks(ranks, [&](ProcessGroup& group) {
          const auto range = shards_of_rank(shards, group.rank(), group.ranks());
          const auto sum =
              summed_over_ranks(group, shards_of(range, type), Reduce::exact, bucket, bucket == 7);
          for (std::size_t i = 0; i < sum.size(); ++i)
            EXPECT_TRUE(at::equal(sum[i], expected[i])) << ranks << " ranks, bucket " << bucket;
        });
    }
}

TEST(GradientExchange, FastIsTheSameButForRounding) {
  const auto expected = sum_of_one_process(6, at::kFloat);
  for (const Reduce reduce : {Reduce::fast, Reduce::fast_bfloat16})
    run_as_ranks(3, [&](ProcessGroup& group) {
      const auto range = shards_of_rank(6, group.rank(), 3);
      const auto sum = summed_over_ranks(group, shards_of(range, at::kFloat), reduce, 16);
      for (std::size_t i = 0; i < sum.size(); ++i) {
        EXPECT_EQ(sum[i].scalar_type(), at::kFloat);
        EXPECT_TRUE(at::allclose(sum[i], expected[i], reduce == Reduce::fast ? 1e-5 : 0.05,
                                 reduce == Reduce::fast ? 1e-5 : 0.5));
      }
    });
}

TEST(GradientExchange, SendsWhatTheFormulaSays) {
  run_as_ranks(2, [&](ProcessGroup& group) {
    // n = 64 values, two shards a rank: 4 n (m+1) (W-1)/W.
    const auto range = shards_of_rank(4, group.rank(), 2);
    summed_over_ranks(group, shards_of(range, at::kFloat), Reduce::exact, 16);
    EXPECT_EQ(group.sent_bytes(), 4 * 64 * 3 / 2);
  });
}

// Whatever comes first, and from which thread.
TEST(GradientExchange, TheOrderOfGivingChangesNoBit) {
  const auto expected = sum_of_one_process(6, at::kFloat);
  run_as_ranks(2, [&](ProcessGroup& group) {
    const auto range = shards_of_rank(6, group.rank(), 2);
    const auto of_shards = shards_of(range, at::kFloat);
    GradientSum sum(group, {.shards = range.count, .beside_computing = true, .bucket = 7},
                    of_shards[0]);
    {
      std::vector<std::jthread> threads;
      for (int shard = 0; shard < range.count; ++shard)
        threads.emplace_back([&, shard] {
          const auto& gradients = of_shards[static_cast<std::size_t>(shard)];
          for (std::size_t i = 0; i < gradients.size(); ++i) {
            const std::size_t place = (i + static_cast<std::size_t>(shard)) % gradients.size();
            sum.give(shard, place, gradients[place]);
          }
        });
    }
    const auto result = sum.finish();
    for (std::size_t i = 0; i < result.size(); ++i) EXPECT_TRUE(at::equal(result[i], expected[i]));
  });
}

TEST(GradientExchange, BucketsAreSentBeforeTheLastGradientIsThere) {
  run_as_ranks(2, [&](ProcessGroup& group) {
    const auto gradients = gradients_of(group.rank(), at::kFloat);  // of 15, 1, 40 and 8 values
    GradientSum sum(group, {.reduce = Reduce::fast, .beside_computing = true, .bucket = 16},
                    gradients);
    for (const std::size_t i : {3, 2}) sum.give(0, i, gradients[i]);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (group.sent_bytes() < 3 * 16 * 4 && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(group.sent_bytes(), 3 * 16 * 4) << "values 16 to 63, in three buckets of four";
    for (const std::size_t i : {1, 0}) sum.give(0, i, gradients[i]);
    sum.finish();
  });
}

TEST(GradientExchange, WhatNobodyGaveIsZero) {
  run_as_ranks(2, [&](ProcessGroup& group) {
    const auto gradients = gradients_of(0, at::kFloat);
    GradientSum sum(group, {}, gradients);
    if (group.is_first()) sum.give(0, 2, gradients[2]);
    const auto result = sum.finish();
    EXPECT_TRUE(at::equal(result[0], at::zeros({3, 5})));
    EXPECT_TRUE(at::equal(result[2], gradients_of(0, at::kFloat)[2]));
  });
}

// A step that fails, here before anything was given, leaves no thread that waits.
TEST(GradientExchange, AStepThatFailsSendsNothingMore) {
  run_as_ranks(2, [&](ProcessGroup& group) {
    { const GradientSum sum(group, {.beside_computing = true}, gradients_of(0, at::kFloat)); }
    EXPECT_EQ(group.sent_bytes(), 0);
  });
}

TEST(GradientExchange, RanksMustDivideTheShards) {
  const ShardRange range = shards_of_rank(8, 1, 4);
  EXPECT_EQ(range.first, 2);
  EXPECT_EQ(range.count, 2);
  try {
    shards_of_rank(8, 0, 3);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "gradient_shards: expected a multiple of the number of ranks, 3, found 8");
  }
}

TEST(GradientExchange, NumbersOfAllShardsInOrder) {
  run_as_ranks(2, [](ProcessGroup& group) {
    const double base = 10.0 * group.rank();
    EXPECT_EQ(of_all_shards(group, {base, base + 1}), (std::vector<double>{0, 1, 10, 11}));
  });
}

}  // namespace
}  // namespace permafrost
