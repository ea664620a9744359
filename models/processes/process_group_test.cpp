// SPDX-License-Identifier: Apache-2.0
#include "models/processes/process_group.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <mutex>

#include "common/error.h"
#include "models/testing/thread_ranks.h"

namespace permafrost {
namespace process_group_test {

TEST(ProcessGroup, TextsOfAllRanksComeInOrder) {
  run_as_ranks(3, [](ProcessGroup& group) {
    const std::string mine(static_cast<std::size_t>(group.rank()) * 1000, 'x');
    const auto texts = group.gather(mine);
    ASSERT_EQ(texts.size(), 3u);
    for (std::size_t rank = 0; rank < 3; ++rank)
      EXPECT_EQ(texts[rank], std::string(rank * 1000, 'x'));
    EXPECT_EQ(group.gather(""), std::vector<std::string>(3));
    EXPECT_EQ(group.from_first(group.is_first() ? std::string("a\0b", 3) : "other"),
              std::string("a\0b", 3));
    EXPECT_EQ(group.from_first(""), "");
  });
}

TEST(ProcessGroup, OperationsOnTensors) {
  run_as_ranks(3, [](ProcessGroup& group) {
    const at::Tensor first = at::full({4}, group.rank(), at::kFloat);
    group.broadcast(first);
    EXPECT_TRUE(at::equal(first, at::zeros({4})));
    const at::Tensor sum = at::full({2}, group.rank() + 1, at::kLong);
    group.sum(sum);
    EXPECT_TRUE(at::equal(sum, at::full({2}, 6, at::kLong)));
    const at::Tensor out = at::empty({3}, at::kFloat);
    group.all_to_all(out, at::arange(3, at::kFloat) + 10 * group.rank());
    EXPECT_TRUE(at::equal(out, at::arange(3, at::kFloat) * 10 + group.rank()));
    EXPECT_TRUE(group.any(group.rank() == 2));
    EXPECT_FALSE(group.any(false));
  });
}

TEST(ProcessGroup, BytesSentFollowTheFormulas) {
  run_as_ranks(2, [](ProcessGroup& group) {
    group.sum(at::zeros({100}));
    EXPECT_EQ(group.sent_bytes(), 400);  // 2 n (W-1)/W
    group.all_gather(at::zeros({20}), at::zeros({10}));
    EXPECT_EQ(group.sent_bytes(), 440);
    group.all_to_all(at::zeros({20}), at::zeros({20}));
    EXPECT_EQ(group.sent_bytes(), 480);
  });
}

TEST(ProcessGroup, WhatDiffersIsNamedOnEveryRank) {
  std::mutex mutex;
  std::vector<std::string> errors;
  run_as_ranks(3, [&](ProcessGroup& group) {
    group.require_same("version", "1");
    try {
      group.require_same("configuration", group.rank() == 2 ? "b" : "a", "use one file");
    } catch (const InputError& error) {
      const std::lock_guard lock(mutex);
      errors.push_back(error.what());
    }
  });
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_EQ(errors[0], errors[2]);
  EXPECT_TRUE(errors[0].starts_with("rank 2 (")) << errors[0];
  EXPECT_NE(errors[0].find("configuration: expected \"a\", as rank 0 has, found \"b\""),
            std::string::npos)
      << errors[0];
}

TEST(ProcessGroup, AnAddressTowardsThisMachine) {
  EXPECT_EQ(address_towards("127.0.0.1", 29500), "127.0.0.1");
  EXPECT_THROW(address_towards("no.such.machine.invalid", 29500), InputError);
}

}  // namespace process_group_test
}  // namespace permafrost
