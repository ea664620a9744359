// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/kept_source.h"

#include <gtest/gtest.h>

#include <atomic>

#include "common/machine/parallel.h"
#include "datasets/augment/augmentation.h"

namespace permafrost {
namespace kept_source_test {

class Counting : public ClipSource {
 public:
  explicit Counting(std::atomic<int>& reads) : reads_(reads) {}
  std::int64_t size() const override { return 5; }
  Target target(std::int64_t index) const override { return static_cast<int>(index); }
  std::string name(std::int64_t index) const override { return std::to_string(index); }
  std::string identity() const override { return "counting"; }
  Sample read(std::int64_t index, int place, int) const override {
    ++reads_;
    if (index == 3) return {{}, "3: broken"};
    Sample sample{Clip({1, 1, 1}), ""};
    sample.clip.pixels[0] = static_cast<std::uint8_t>(10 * index + place);
    return sample;
  }

 private:
  std::atomic<int>& reads_;
};

TEST(KeptSource, ReadsEverySampleOnceWhateverTheThreads) {
  std::atomic<int> reads = 0;
  const KeptSource source(std::make_unique<Counting>(reads), 2);
  parallel_for(100, 4, [&](std::int64_t i) {
    const auto index = i % 5;
    const int place = static_cast<int>(i / 5 % 2);
    const Sample sample = source.read(index, place, 2);
    if (index == 3)
      EXPECT_EQ(sample.failure, "3: broken");
    else
      EXPECT_EQ(sample.clip.pixels[0], 10 * index + place);
  });
  EXPECT_EQ(reads, 9);                                 // of the broken sample one clip
  EXPECT_EQ(source.read(1, 0, 1).clip.pixels[0], 10);  // other segments go through
  EXPECT_EQ(reads, 10);
  EXPECT_EQ(source.read_all(4, 2).clips[1].pixels[0], 41);
  EXPECT_EQ(source.read_all(3, 2).failure, "3: broken");
  EXPECT_EQ(reads, 10);
  EXPECT_EQ(source.identity(), "counting");
}

class TwoViews : public Counting {
 public:
  using Counting::Counting;
  int views() const override { return 2; }
  ClipSet read_all(std::int64_t index, int places) const override {
    ClipSet set = Counting::read_all(index, places);
    const std::vector<Clip> again = set.clips;
    set.clips.insert(set.clips.end(), again.begin(), again.end());
    return set;
  }
};

TEST(KeptSource, ShowsTrainingOneOfSeveralViews) {
  std::atomic<int> reads = 0;
  const KeptSource source(std::make_unique<TwoViews>(reads), 2);
  EXPECT_EQ(source.read_all(1, 2).clips.size(), 4U);
  EXPECT_EQ(source.read_views(1, 2, {}).clips.size(), 2U);
}

}  // namespace kept_source_test
}  // namespace permafrost
