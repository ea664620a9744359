// SPDX-License-Identifier: Apache-2.0
#include "models/processes/gradient_exchange.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <bit>
#include <chrono>
#include <functional>
#include <thread>

#include "common/error.h"
#include "models/testing/drawn_tensor.h"
#include "models/testing/thread_ranks.h"

namespace permafrost {
namespace gradient_exchange_test {

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

// One number after the other, or halves of halves.
std::vector<at::Tensor> sum_of_one_process(int shards, at::ScalarType type,
                                           Addition addition = Addition::pairwise) {
  std::vector<std::vector<at::Tensor>> all;
  for (int shard = 0; shard < shards; ++shard) all.push_back(gradients_of(shard, type));
  const std::function<void(std::size_t, std::size_t)> add_halves = [&](std::size_t first,
                                                                       std::size_t size) {
    if (size == 1 || first + size / 2 >= all.size()) {
      if (size > 1) add_halves(first, size / 2);
      return;
    }
    add_halves(first, size / 2);
    add_halves(first + size / 2, size / 2);
    for (std::size_t i = 0; i < all[0].size(); ++i) all[first][i].add_(all[first + size / 2][i]);
  };
  if (addition == Addition::pairwise) {
    add_halves(0, std::bit_ceil(all.size()));
    return all[0];
  }
  for (std::size_t shard = 1; shard < all.size(); ++shard)
    for (std::size_t i = 0; i < all[0].size(); ++i) all[0][i].add_(all[shard][i]);
  return all[0];
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
                                          GradientSumOptions options) {
  options.shards = static_cast<int>(of_shards.size());
  GradientSum sum(group, options, of_shards[0]);
  for (int shard = 0; shard < options.shards; ++shard) {
    const auto& gradients = of_shards[static_cast<std::size_t>(shard)];
    for (std::size_t i = gradients.size(); i-- > 0;) sum.give(shard, i, gradients[i]);
  }
  return sum.finish();
}

// Shards that ranks have a power of two of, and not; of which the tree has all levels, and not.
TEST(GradientExchange, ExactGivesTheBitsOfOneProcess) {
  const std::vector<std::pair<int, int>> shards_and_ranks{{2, 2},  {4, 2},  {6, 2}, {10, 2}, {6, 3},
                                                          {12, 3}, {12, 4}, {4, 4}, {20, 4}};
  for (const auto type : {at::kFloat, at::kBFloat16})
    for (const Addition addition : {Addition::pairwise, Addition::in_order})
      for (const auto& [shards, ranks] : shards_and_ranks) {
        if (addition == Addition::in_order && shards != 12) continue;
        const auto expected = sum_of_one_process(shards, type, addition);
        // Buckets that end within a tensor, of less than a value a rank, and larger than all.
        for (const std::int64_t bucket : {2, 7, 1000})
          run_as_ranks(ranks, [&, shards = shards, ranks = ranks](ProcessGroup& group) {
            const auto range = shards_of_rank(shards, group.rank(), group.ranks());
            const auto sum = summed_over_ranks(
                group, shards_of(range, type),
                {.addition = addition, .beside_computing = bucket == 7, .bucket = bucket});
            for (std::size_t i = 0; i < sum.size(); ++i)
              EXPECT_TRUE(at::equal(sum[i], expected[i]))
                  << shards << " shards, " << ranks << " ranks, bucket " << bucket;
          });
      }
}

TEST(GradientExchange, FastIsTheSameButForRounding) {
  const auto expected = sum_of_one_process(6, at::kFloat);
  for (const Reduce reduce : {Reduce::fast, Reduce::fast_bfloat16})
    run_as_ranks(3, [&](ProcessGroup& group) {
      const auto range = shards_of_rank(6, group.rank(), 3);
      const auto sum =
          summed_over_ranks(group, shards_of(range, at::kFloat), {.reduce = reduce, .bucket = 16});
      for (std::size_t i = 0; i < sum.size(); ++i) {
        EXPECT_EQ(sum[i].scalar_type(), at::kFloat);
        EXPECT_TRUE(at::allclose(sum[i], expected[i], reduce == Reduce::fast ? 1e-5 : 0.05,
                                 reduce == Reduce::fast ? 1e-5 : 0.5));
      }
    });
}

// n = 64 values: 4 n (b+1) (W-1)/W of b blocks a rank.
TEST(GradientExchange, SendsWhatTheFormulaSays) {
  const auto sent = [](int shards, int ranks, Addition addition) {
    std::int64_t bytes = 0;
    run_as_ranks(ranks, [&](ProcessGroup& group) {
      const auto range = shards_of_rank(shards, group.rank(), ranks);
      summed_over_ranks(group, shards_of(range, at::kFloat), {.addition = addition, .bucket = 16});
      if (group.is_first()) bytes = group.sent_bytes();
    });
    return bytes;
  };
  EXPECT_EQ(sent(4, 2, Addition::in_order), 4 * 64 * 3 / 2);
  EXPECT_EQ(sent(4, 2, Addition::pairwise), 4 * 64 * 2 / 2) << "shards of a rank are one block";
  EXPECT_EQ(sent(6, 2, Addition::pairwise), 4 * 64 * 3 / 2) << "three shards are two blocks";
  EXPECT_EQ(sent(8, 4, Addition::pairwise), 4 * 64 * 2 * 3 / 4);
  EXPECT_EQ(most_blocks(Addition::pairwise, 20, 4), 3) << "5; 6 and 7; 8 and 9";
  EXPECT_EQ(most_blocks(Addition::in_order, 20, 4), 5);
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

}  // namespace gradient_exchange_test
}  // namespace permafrost
