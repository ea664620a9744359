// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/top_tokens.h"

#include "models/testing/test_support.h"

namespace permafrost {
namespace top_tokens_test {

struct SmallPool {
  SmallPool() {
    at::manual_seed(5);
    tokens = at::randn({5, 6, 8});
    directions = at::randn({2, 8});
    videos.counts = at::tensor({1, 0, 2, 0, 1,  //
                                0, 3, 0, 1, 0},
                               at::kDouble)
                        .view({2, 1, 5});
  }
  at::Tensor tokens, directions;
  PoolVideos videos;
};

// All tokens of a video written out.
at::Tensor written_out(const SmallPool& pool, std::int64_t video) {
  std::vector<at::Tensor> clips;
  for (std::int64_t p = 0; p < 5; ++p)
    for (int k = 0; k < pool.videos.counts[video][0][p].item<int>(); ++k)
      clips.push_back(pool.tokens[p]);
  return at::cat(clips);
}

TEST(TopTokens, AreTheLargestOfAllTokensWrittenOut) {
  const SmallPool pool;
  for (const std::int64_t most : {1, 2, 5, 17}) {
    const at::Tensor means = TopTokens(pool.directions, pool.tokens, most).means(pool.videos, 2);
    ASSERT_EQ(means.sizes().vec(), (std::vector<std::int64_t>{2, 2, 8}));
    for (std::int64_t video = 0; video < 2; ++video)
      for (std::int64_t query = 0; query < 2; ++query) {
        const at::Tensor tokens = written_out(pool, video);
        const auto [scores, which] = at::mv(tokens, pool.directions[query]).topk(most);
        const at::Tensor expected = at::mv(tokens.index_select(0, which).t(), scores.softmax(0));
        EXPECT_LT(largest_difference(means[query][video], expected), 1e-5) << most;
      }
  }
}

TEST(TopTokens, AreAllWhereAVideoHasNoMore) {
  const SmallPool pool;
  const at::Tensor expected =
      means_of_videos(clip_sums(pool.directions, pool.tokens), pool.videos, pool.directions);
  for (const std::int64_t most : {24, 1000}) {
    const at::Tensor means = TopTokens(pool.directions, pool.tokens, most).means(pool.videos);
    EXPECT_LT(largest_difference(means, expected), 1e-5) << most;
  }
}

// Hay of any length has no weight beside enough tokens that stand out.
TEST(TopTokens, OfANeedleDoNotDependOnTheHay) {
  const SmallPool pool;
  at::Tensor tokens = pool.tokens.clone();
  tokens[4] += 9 * pool.directions.sum(0);
  const TopTokens top(pool.directions, tokens, 6);
  PoolVideos videos;
  videos.counts = at::tensor({1, 1, 1, 1, 1,  //
                              900'000, 0, 70'000, 1, 1},
                             at::kDouble)
                      .view({2, 1, 5});
  const at::Tensor means = top.means(videos);
  EXPECT_TRUE(means.select(1, 0).equal(means.select(1, 1)));
}

TEST(TopTokens, RefuseVideosWithATimeCode) {
  SmallPool pool;
  pool.videos.code = time_code(1, 8);
  EXPECT_THROW(TopTokens(pool.directions, pool.tokens, 3).means(pool.videos), Error);
}

}  // namespace top_tokens_test
}  // namespace permafrost
