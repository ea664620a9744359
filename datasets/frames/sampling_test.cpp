// SPDX-License-Identifier: Apache-2.0
#include "datasets/frames/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "common/error.h"

namespace permafrost {
namespace sampling_test {

using Indices = std::vector<std::int64_t>;

Indices plus(Indices indices, std::int64_t offset) {
  for (std::int64_t& index : indices) index += offset;
  return indices;
}

const Indices kLong = {0, 4, 8, 12, 17, 21, 25, 29, 34, 38, 42, 46, 51, 55, 59, 63};
const Indices kOverlapping = {0, 4, 9, 13, 18, 22, 27, 31, 36, 40, 45, 49, 54, 58, 62, 62};

TEST(ClipSampling, LongVideoIsCutIntoParts) {
  EXPECT_EQ(clip_indices({}, 300, 0), kLong);
  EXPECT_EQ(clip_indices({.clips = 2}, 300, 0), kLong);
  EXPECT_EQ(clip_indices({.clips = 2}, 300, 1), plus(kLong, 150));
  const Indices fine = clip_indices({.frames = 32, .frame_step = 2, .clips = 4}, 300, 3);
  EXPECT_EQ(fine.front(), 225);
  EXPECT_EQ(fine[14], 225 + 28);
  EXPECT_EQ(fine[15], 225 + 30);
  EXPECT_EQ(fine[16], 225 + 33);
  EXPECT_EQ(fine.back(), 225 + 63);
}

TEST(ClipSampling, ClipsOverlapWherePartsAreShort) {
  for (int clip = 0; clip < 8; ++clip) {
    EXPECT_EQ(clip_indices({.clips = 8}, 300, clip), plus(kOverlapping, 33 * clip));
  }
  EXPECT_EQ(clip_indices({.clips = 2}, 100, 0), kOverlapping);
  EXPECT_EQ(clip_indices({.clips = 2}, 100, 1), plus(kOverlapping, 36));
  EXPECT_EQ(clip_indices({}, 64, 0), kOverlapping);
}

TEST(ClipSampling, ShortVideoRepeatsItsEnd) {
  const Indices fifty = {0, 4, 8, 13, 17, 22, 26, 31, 35, 40, 44, 48, 48, 48, 48, 48};
  EXPECT_EQ(clip_indices({.clips = 2}, 50, 0), fifty);
  EXPECT_EQ(clip_indices({.clips = 2}, 50, 1), fifty);
  Indices five(16, 3);
  five[0] = 0;
  EXPECT_EQ(clip_indices({}, 5, 0), five);
  EXPECT_EQ(clip_indices({}, 3, 0), Indices(16, 1));
}

TEST(ClipSampling, WithoutOverlap) {
  const Indices fifty = {0, 4, 9, 13, 18, 22, 27, 31, 36, 40, 45, 49, 49, 49, 49, 49};
  EXPECT_EQ(clip_indices({.allow_overlap = false}, 50, 0), fifty);
  EXPECT_EQ(clip_indices({.allow_overlap = false}, 64, 0), kLong);
}

TEST(ClipSampling, OneFrameIsAStaticClip) {
  EXPECT_EQ(clip_indices({}, 1, 0), Indices(16, 0));  // the reference gives -1
  EXPECT_EQ(clip_indices({.clips = 4}, 1, 3), Indices(16, 0));
  EXPECT_EQ(clip_indices({.clips = 4, .allow_overlap = false}, 3, 2), Indices(16, 0));
}

TEST(ClipSampling, IndicesAreAlwaysValidAndAscending) {
  for (const bool overlap : {true, false}) {
    for (int frames = 1; frames <= 20; frames += 3) {
      for (int step = 1; step <= 5; ++step) {
        for (std::int64_t length = 1; length <= 120; ++length) {
          for (int clip = 0; clip < 3; ++clip) {
            const Indices indices = clip_indices({frames, step, 3, overlap}, length, clip);
            ASSERT_EQ(indices.size(), static_cast<std::size_t>(frames));
            ASSERT_TRUE(std::is_sorted(indices.begin(), indices.end()));
            ASSERT_GE(indices.front(), 0);
            ASSERT_LT(indices.back(), length);
          }
        }
      }
    }
  }
}

TEST(ClipSampling, RandomPlacesCoverThePart) {
  const ClipSampling sampling{.clips = 2};  // parts of 70, clips of 64: six places
  std::map<std::int64_t, int> starts;
  for (std::uint64_t k = 0; k < 1200; ++k) {
    RandomStream stream({.seed = 1, .purpose = "augment.clip", .sample = k});
    const Indices indices = random_clip_indices(sampling, 140, 1, stream);
    const std::int64_t start = indices.front();
    EXPECT_EQ(indices, plus(kLong, start));
    ++starts[start];
  }
  ASSERT_EQ(starts.size(), 6U);
  for (const auto& [start, count] : starts) {
    EXPECT_GE(start, 70);
    EXPECT_LT(start, 76);  // the last frame of the last place is 138: as the reference draws
    EXPECT_NEAR(count, 200, 65);
  }
}

TEST(ClipSampling, NothingIsDrawnWhereThereIsNoRoom) {
  for (const bool overlap : {true, false}) {
    for (const std::int64_t length : {1, 5, 50, 64, 100}) {
      const ClipSampling sampling{.clips = 2, .allow_overlap = overlap};
      RandomStream stream({.seed = 1, .purpose = "x"}), fresh({.seed = 1, .purpose = "x"});
      EXPECT_EQ(random_clip_indices(sampling, length, 1, stream),
                clip_indices(sampling, length, 1));
      EXPECT_EQ(stream.bits(), fresh.bits());
    }
  }
}

TEST(ClipSampling, RefusesWhatMakesNoSense) {
  EXPECT_THROW(clip_indices({.frames = 0}, 10, 0), InputError);
  EXPECT_THROW(clip_indices({.frame_step = 0}, 10, 0), InputError);
  EXPECT_THROW(clip_indices({.clips = 0}, 10, 0), InputError);
  EXPECT_THROW(clip_indices({}, 0, 0), InputError);
  EXPECT_THROW(clip_indices({}, 10, 1), InputError);
  EXPECT_THROW(clip_indices({}, 10, -1), InputError);
}

}  // namespace sampling_test
}  // namespace permafrost
