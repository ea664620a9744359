// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/pool_attention.h"

#include "models/testing/test_support.h"

namespace permafrost {
namespace pool_attention_test {

constexpr std::int64_t kWidth = 24, kTokens = 11;
const HeadSpec kSpec{.width = 24, .heads = 2, .classes = 5};
constexpr int kCandidates = 3;

HeadWeights some_head() {
  HeadWeights w = make_head(kSpec, kCandidates, 1);
  RandomStream stream({.seed = 5, .purpose = "test"});
  visit(w, kSpec.kind,
        [&](const std::string&, at::Tensor& t) { t = t + normal_tensor(t.sizes(), 0.2, stream); });
  return w;
}

at::Tensor pool_of(std::int64_t clips) {
  RandomStream stream({.seed = 6, .purpose = "test"});
  return standardised(normal_tensor({clips, kTokens, kWidth}, 1, stream));
}

// Videos as lists: which clip is at each place.
using Places = std::vector<std::vector<std::int64_t>>;

// Of equal lengths, with repeated clips.
const Places kVideos{{0, 1, 2, 2, 5, 130}, {7, 7, 7, 7, 7, 7}, {129, 3, 64, 65, 1, 0}};

PoolVideos counted(const Places& videos, std::int64_t clips, std::int64_t steps) {
  PoolVideos out;
  out.counts = at::zeros({static_cast<std::int64_t>(videos.size()), steps, clips}, at::kDouble);
  for (std::size_t v = 0; v < videos.size(); ++v)
    for (std::size_t k = 0; k < videos[v].size(); ++k) {
      const auto step =
          static_cast<std::int64_t>(k) * steps / static_cast<std::int64_t>(videos[v].size());
      out.counts[static_cast<std::int64_t>(v)][step][videos[v][k]] += 1;
    }
  if (steps > 1) out.code = time_code(steps, kWidth);
  return out;
}

// All tokens of the videos, [V,places*n,D], with the code of their step.
at::Tensor written_out(const Places& videos, const at::Tensor& pool, const PoolVideos& counts) {
  std::vector<at::Tensor> rows;
  const std::int64_t steps = counts.counts.size(1);
  for (const auto& video : videos) {
    std::vector<at::Tensor> parts;
    for (std::size_t k = 0; k < video.size(); ++k) {
      const auto step =
          static_cast<std::int64_t>(k) * steps / static_cast<std::int64_t>(video.size());
      parts.push_back(counts.code.defined() ? pool[video[k]] + counts.code[step] : pool[video[k]]);
    }
    rows.push_back(at::cat(parts));
  }
  return at::stack(rows);
}

double relative(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / (b.norm() + 1e-10)).item<double>();
}

std::vector<at::Tensor> tensors_of(HeadWeights& weights) {
  std::vector<at::Tensor> all;
  visit(weights, HeadKind::attentive,
        [&](const std::string&, at::Tensor& t) { all.push_back(t.clone()); });
  return all;
}

TEST(PoolAttention, IsTheHeadOnAllTokensOfTheVideos) {
  const at::Tensor pool = pool_of(131);  // two groups of clips and a part
  const HeadWeights head = some_head();
  const at::Tensor given = fill({kCandidates, 3, 5}, 0.3, 1);
  for (const std::int64_t steps : {1, 2, 3}) {
    SCOPED_TRACE(steps);
    const PoolVideos videos = counted(kVideos, 131, steps);
    const at::Tensor tokens = written_out(kVideos, pool, videos);
    FusedHead fused(kSpec, kCandidates);
    const at::Tensor expected = fused.logits(head, tokens, true);
    PoolHead looked_up(kSpec, kCandidates);
    EXPECT_LT(relative(looked_up.logits(head, pool, videos), expected), 1e-6);
    const auto one = tensors_of(fused.gradients(head, tokens, given));
    const auto other = tensors_of(looked_up.gradients(head, pool, videos, given));
    ASSERT_EQ(one.size(), other.size());
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_LT(relative(other[i], one[i]), 2e-5) << i;
  }
}

TEST(PoolAttention, ThreadsChangeNoBit) {
  const at::Tensor pool = pool_of(131);
  const HeadWeights head = some_head();
  const PoolVideos videos = counted(kVideos, 131, 3);
  const at::Tensor given = fill({kCandidates, 3, 5}, 0.3, 1);
  PoolHead one(kSpec, kCandidates, 1), three(kSpec, kCandidates, 3);
  EXPECT_TRUE(one.logits(head, pool, videos).equal(three.logits(head, pool, videos)));
  const auto a = tensors_of(one.gradients(head, pool, videos, given));
  const auto b = tensors_of(three.gradients(head, pool, videos, given));
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].equal(b[i])) << i;
}

TEST(PoolAttention, AMillionTokensOfRepeatedClipsAreTheDirectPass) {
  const at::Tensor pool = pool_of(20);
  const HeadWeights head = some_head();
  Places video(1);
  RandomStream stream({.seed = 1, .purpose = "test"});
  for (int k = 0; k < 90'910; ++k) video[0].push_back(stream.integer(20));
  const PoolVideos counts = counted(video, 20, 1);
  // Float64 over the tokens of every clip, as many times as it is there.
  FusedHead fused(kSpec, kCandidates);
  const at::Tensor directions = fused.directions(head).to(at::kDouble);
  const at::Tensor scores = at::matmul(pool.to(at::kDouble), directions.t());  // [P,n,j]
  const at::Tensor weights = scores.exp() * counts.counts[0][0].view({-1, 1, 1});
  const at::Tensor means = at::einsum("pnj,pnd->jd", {weights, pool.to(at::kDouble)}) /
                           weights.sum(at::IntArrayRef{0, 1}).unsqueeze(1);
  const at::Tensor said = means_of_videos(clip_sums(directions.to(at::kFloat), pool), counts,
                                          directions.to(at::kFloat));
  EXPECT_LT(relative(said.select(1, 0).to(at::kDouble), means), 1e-6);
}

TEST(PoolAttention, TimeCodesTellStepsApart) {
  const at::Tensor code = time_code(20, 64);
  EXPECT_EQ(code.sizes().vec(), (std::vector<std::int64_t>{20, 64}));
  EXPECT_LE(code.abs().max().item<float>(), 1.0F);
  const at::Tensor distances = at::cdist(code, code) + 100 * at::eye(20);
  EXPECT_GT(distances.min().item<float>(), 1.0F);
}

}  // namespace pool_attention_test
}  // namespace permafrost
