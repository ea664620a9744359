// SPDX-License-Identifier: Apache-2.0
#include "models/processes/device_exchange.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>
#include <set>

#include "models/processes/gradient_exchange.h"
#include "models/processes/nccl.h"
#include "models/testing/drawn_tensor.h"
#include "models/testing/shadow_device.h"
#include "models/testing/thread_ranks.h"

namespace permafrost {
namespace device_exchange_test {

class DeviceExchanges : public testing::Test {
 protected:
  DeviceExchanges() { ::setenv("PERMAFROST_NCCL", PERMAFROST_FAKE_NCCL, 1); }
  ~DeviceExchanges() override { ::unsetenv("PERMAFROST_NCCL"); }
};

at::Tensor there(const at::Tensor& tensor) { return tensor.to(shadow_device()); }
at::Tensor here(const at::Tensor& tensor) { return tensor.to(at::kCPU); }

TEST_F(DeviceExchanges, OperationsOnTensorsOfTheDevice) {
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16})
    run_as_ranks(3, [&](ProcessGroup& group) {
      EXPECT_EQ(group.exchange_device(shadow_device()), shadow_device());
      EXPECT_EQ(group.exchange(), "NCCL 1.2.3");
      const at::Tensor first = there(at::full({4}, group.rank() + 1, type));
      group.broadcast(first, 2);
      EXPECT_TRUE(at::equal(here(first), at::full({4}, 3, type)));
      const at::Tensor sum = there(at::full({2}, group.rank() + 1, type));
      group.sum(sum);
      EXPECT_TRUE(at::equal(here(sum), at::full({2}, 6, type)));
      const at::Tensor all = there(at::empty({6}, type));
      group.all_gather(all, there(at::arange(2, type) + 10 * group.rank()));
      EXPECT_TRUE(at::equal(here(all), at::tensor({0, 1, 10, 11, 20, 21}).to(type)));
      const at::Tensor parts = there(at::empty({6}, type));
      group.all_to_all(parts, there(at::arange(6, type) + 10 * group.rank()));
      const at::Tensor pairs = 2 * group.rank() + at::arange(2, at::kDouble);
      EXPECT_TRUE(at::equal(here(parts), at::cat({pairs, pairs + 10, pairs + 20}).to(type)));
      // Tensors of the host go on by the other engine.
      const at::Tensor host = at::ones({1});
      group.sum(host);
      EXPECT_EQ(host.item<float>(), 3);
    });
}

TEST_F(DeviceExchanges, GradientsAreAddedAsByOneProcess) {
  const auto gradients_of = [](int shard) {
    const at::Tensor values = drawn({50}, static_cast<std::uint64_t>(shard));
    return std::vector<at::Tensor>{values * at::pow(10.0, values),
                                   drawn({3, 2}, static_cast<std::uint64_t>(shard) + 90)};
  };
  std::vector<std::vector<at::Tensor>> all;
  for (int shard = 0; shard < 6; ++shard) all.push_back(gradients_of(shard));
  add_pairwise(6, [&](std::int64_t to, std::int64_t from) {
    for (std::size_t i = 0; i < 2; ++i)
      all[static_cast<std::size_t>(to)][i].add_(all[static_cast<std::size_t>(from)][i]);
  });
  const auto& expected = all[0];
  for (const bool beside : {false, true})
    for (const Reduce reduce : {Reduce::exact, Reduce::fast, Reduce::fast_bfloat16})
      run_as_ranks(3, [&](ProcessGroup& group) {
        GradientSum sum(group,
                        {.shards = 2, .reduce = reduce, .beside_computing = beside, .bucket = 16},
                        {there(expected[0]), there(expected[1])});
        for (int shard = 0; shard < 2; ++shard)
          for (const std::size_t i : {1, 0})
            sum.give(shard, i, there(gradients_of(2 * group.rank() + shard)[i]));
        const auto result = sum.finish();
        EXPECT_EQ(group.exchange(), "NCCL 1.2.3");
        for (std::size_t i = 0; i < 2; ++i) {
          EXPECT_EQ(result[i].device(), shadow_device());
          const double near = reduce == Reduce::fast_bfloat16 ? 0.05 : 1e-5;
          EXPECT_TRUE(at::allclose(here(result[i]), expected[i], near, near));
          if (reduce == Reduce::exact) {
            EXPECT_TRUE(at::equal(here(result[i]), expected[i]));
          }
        }
      });
}

// What every rank says of how it exchanges.
std::set<std::string> answers(int ranks, const std::string& gpu = "") {
  std::mutex mutex;
  std::set<std::string> found;
  run_as_ranks(
      ranks,
      [&](ProcessGroup& group) {
        const at::Device device = group.exchange_device(shadow_device());
        const std::lock_guard lock(mutex);
        found.insert(group.exchange());
        EXPECT_EQ(device.is_cpu(), !group.exchange().starts_with("NCCL"));
      },
      gpu);
  return found;
}

TEST_F(DeviceExchanges, RanksThatShareAGpuGoOverTheHost) {
  const auto found = answers(3, "0");
  ASSERT_EQ(found.size(), 1U) << "all ranks say the same";
  EXPECT_NE(found.begin()->find("Gloo over the host; rank 1 ("), std::string::npos);
  EXPECT_NE(found.begin()->find("its GPU is that of rank 0"), std::string::npos);
}

TEST_F(DeviceExchanges, WithoutALibraryTheyGoOverTheHost) {
  ::setenv("PERMAFROST_NCCL", "off", 1);
  EXPECT_TRUE(answers(2).begin()->ends_with("PERMAFROST_NCCL is off"));
  ::setenv("PERMAFROST_NCCL", "/no/such/libnccl.so", 1);
  EXPECT_NE(answers(2).begin()->find("no NCCL library: /no/such/libnccl.so"), std::string::npos);
  ::setenv("PERMAFROST_NCCL", "libz.so.1", 1);
  EXPECT_NE(answers(2).begin()->find("no ncclGetVersion in the NCCL library"), std::string::npos);
}

TEST_F(DeviceExchanges, ACommunicatorThatCannotBeMadeIsToldAndDoneWithout) {
  ::setenv("FAKE_NCCL_FAILS", "1", 1);
  const auto found = answers(2);
  ::unsetenv("FAKE_NCCL_FAILS");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found.begin()->ends_with("NCCL: unhandled system error")) << *found.begin();
}

TEST_F(DeviceExchanges, TensorsOfATypeThatNcclLacksAreRefused) {
  run_as_ranks(2, [](ProcessGroup& group) {
    group.exchange_device(shadow_device());
    EXPECT_THROW(group.sum(there(at::ones({2}, at::kShort))), Error);
  });
}

}  // namespace device_exchange_test
}  // namespace permafrost
