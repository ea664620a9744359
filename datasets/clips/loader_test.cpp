// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/error.h"
#include "common/testing/thread_limit.h"
#include "datasets/clips/augmented_source.h"
#include "datasets/synthetic/source.h"

namespace permafrost {
namespace loader_test {

// Sample i is one grey level; some fail, one throws.
class Greys : public ClipSource {
 public:
  explicit Greys(std::int64_t count, std::int64_t broken = -1, std::int64_t explosive = -1)
      : count_(count), broken_(broken), explosive_(explosive) {}
  std::int64_t size() const override { return count_; }
  Target target(std::int64_t index) const override { return static_cast<int>(index % 3); }
  std::string name(std::int64_t index) const override { return "grey/" + std::to_string(index); }
  std::string identity() const override { return "greys"; }
  Sample read(std::int64_t index, int place, int) const override {
    if (index == explosive_) throw std::runtime_error("boom");
    if (index == broken_) return {{}, name(index) + ": broken"};
    Sample sample{Clip({1, 2, 2}), ""};
    for (auto& value : sample.clip.pixels) value = static_cast<std::uint8_t>(10 * place + index);
    return sample;
  }

 private:
  std::int64_t count_, broken_, explosive_;
};

constexpr LoaderOptions kOptions{.shape = {1, 2, 2}, .batch = 4, .clips = 2, .threads = 1};

std::vector<Batch> all_batches(const ClipSource& source, int threads, int ahead) {
  LoaderOptions options = kOptions;
  options.threads = threads;
  options.ahead = ahead;
  Loader loader(source, options, source.size(),
                [&](std::int64_t i) { return source.size() - 1 - i; });
  std::vector<Batch> batches;
  for (Batch batch; loader.next(batch);) batches.push_back(batch);
  return batches;
}

TEST(Loader, ReadsTheSameWithTheThreadsThatTheSystemGives) {
  SKIP_WITHOUT_THREAD_LIMIT();
  const Greys source(23, 5);
  const auto usual = all_batches(source, 4, 2);
  for (const int given : {0, 1, 2}) {
    const ThreadLimit limit(given);
    const auto batches = all_batches(source, 4, 2);
    ASSERT_EQ(batches.size(), usual.size());
    for (std::size_t b = 0; b < usual.size(); ++b) {
      EXPECT_EQ(batches[b].indices, usual[b].indices);
      EXPECT_EQ(batches[b].pixels, usual[b].pixels);
      EXPECT_EQ(batches[b].failures, usual[b].failures);
    }
  }
  const ThreadLimit limit(0);
  EXPECT_THROW(all_batches(Greys(9, -1, 4), 3, 2), Error);
  Loader unread(source, kOptions, source.size(), [](std::int64_t i) { return i; });
}

TEST(Loader, KeepsTheOrderAndTheLastPartBatch) {
  const Greys source(10);
  const auto batches = all_batches(source, 1, 2);
  ASSERT_EQ(batches.size(), 3U);
  EXPECT_EQ(batches[0].indices, (std::vector<std::int64_t>{9, 8, 7, 6}));
  EXPECT_EQ(batches[2].indices, (std::vector<std::int64_t>{1, 0}));
  EXPECT_EQ(batches[0].targets, (std::vector<Target>{0, 2, 1, 0}));
  EXPECT_EQ(batches[0].pixels[0], 9);    // sample 9, clip 0
  EXPECT_EQ(batches[0].pixels[12], 19);  // sample 9, clip 1
  EXPECT_EQ(batches[2].pixels.size(), 2U * 2 * 12);
}

TEST(Loader, GivesTheSameForAnyThreadsAndReadAhead) {
  const Greys source(53);
  const auto reference = all_batches(source, 1, 1);
  for (const int threads : {2, 7}) {
    for (const int ahead : {1, 4}) {
      const auto batches = all_batches(source, threads, ahead);
      ASSERT_EQ(batches.size(), reference.size());
      for (std::size_t b = 0; b < batches.size(); ++b) {
        EXPECT_EQ(batches[b].pixels, reference[b].pixels);
        EXPECT_EQ(batches[b].indices, reference[b].indices);
      }
    }
  }
}

TEST(Loader, ReportsAFailedSampleInItsPlace) {
  const Greys source(10, 8);
  const auto batches = all_batches(source, 2, 2);
  EXPECT_EQ(batches[0].failures[1], "grey/8: broken");
  EXPECT_EQ(batches[0].failures[0], "");
  EXPECT_EQ(batches[0].pixels[24], 0);
}

TEST(Loader, HandsOverAnExceptionWithTheName) {
  const Greys source(10, -1, 5);
  try {
    all_batches(source, 2, 2);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "grey/5: boom");
  }
}

TEST(Loader, TellsWhereTheTimeWent) {
  const Greys source(10, 8);
  Loader loader(source, kOptions, source.size(), [](std::int64_t i) { return i; });
  for (Batch batch; loader.next(batch);) continue;
  const LoaderStatistics statistics = loader.statistics();
  EXPECT_EQ(statistics.samples, 10);
  EXPECT_EQ(statistics.failures, 1);
  EXPECT_GT(statistics.read_seconds, 0);
  EXPECT_GE(statistics.wait_seconds, 0);
  EXPECT_EQ(statistics.decode_seconds, 0);  // this source does not tell
}

TEST(Loader, AnEpochIsAPermutationOfItsOwn) {
  const auto order = epoch_order("test.order", 50, 7, 3);
  EXPECT_EQ(order, epoch_order("test.order", 50, 7, 3));
  EXPECT_NE(order, epoch_order("test.order", 50, 7, 4));
  EXPECT_NE(order, epoch_order("test.order", 50, 8, 3));
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::int64_t k = 0; k < 50; ++k) EXPECT_EQ(sorted[static_cast<std::size_t>(k)], k);
  EXPECT_TRUE(epoch_order("test.order", 0, 7, 3).empty());
}

TEST(Loader, TrainingViewsAreTheSameForAnyThreads) {
  using synthetic::SyntheticTask;
  const ClipShape shape{2, 16, 16};
  const synthetic::TaskSource source(SyntheticTask::object, synthetic::Split::train, 30, shape);
  const auto order = epoch_order("test.order", 30, 1, 2);
  const auto pixels = [&](int threads) {
    const AugmentedSource views(source, {read_augment_spec("released", "test"), 1, 2});
    Loader loader(views, {.shape = shape, .batch = 7, .clips = 2, .threads = threads}, 30,
                  [&](std::int64_t i) { return order[static_cast<std::size_t>(i)]; });
    std::vector<std::uint8_t> all;
    for (Batch batch; loader.next(batch);)
      all.insert(all.end(), batch.pixels.begin(), batch.pixels.end());
    return all;
  };
  const auto one = pixels(1);
  EXPECT_EQ(one.size(), 30U * 2 * shape.bytes());
  EXPECT_EQ(one, pixels(2));
  EXPECT_EQ(one, pixels(5));
}

TEST(Loader, CanBeLeftBeforeTheEnd) {
  const Greys source(1000);
  Loader loader(source, kOptions, source.size(), [](std::int64_t i) { return i; });
  Batch batch;
  EXPECT_TRUE(loader.next(batch));
}

TEST(Loader, EndsAtOnceWithoutSamples) {
  const Greys source(0);
  EXPECT_TRUE(all_batches(source, 2, 2).empty());
}

}  // namespace loader_test
}  // namespace permafrost
