// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/fused_head.h"

#include <ATen/ATen.h>

#include "models/testing/test_support.h"

namespace permafrost {
namespace fused_head_test {

struct Case {
  const char* what;
  HeadSpec spec;
  int candidates;
  std::int64_t clips, tokens;
};

// Sizes with and without a rest in vectors and blocks; `long` has tokens of three blocks.
const Case kCases[] = {
    {"pico", {.width = 64, .heads = 2, .classes = 8}, 4, 16, 144},
    {"one candidate", {.width = 64, .heads = 2, .classes = 8}, 1, 16, 144},
    {"twenty", {.width = 32, .heads = 2, .classes = 5}, 20, 9, 17},
    {"odd", {.width = 21, .heads = 3, .classes = 3, .mlp_ratio = 2.5}, 3, 7, 11},
    {"one clip", {.width = 24, .heads = 4, .classes = 5}, 2, 1, 5},
    {"one token", {.width = 24, .heads = 24, .classes = 2}, 2, 5, 1},
    {"one head", {.width = 40, .heads = 1, .classes = 17}, 4, 13, 33},
    {"long", {.width = 96, .heads = 3, .classes = 4}, 2, 3, 701},
};

HeadWeights random_head(const HeadSpec& spec, int candidates) {
  HeadWeights w = make_head(spec, candidates, 1);
  RandomStream stream({.seed = 5, .purpose = "test"});
  visit(w, spec.kind,
        [&](const std::string&, at::Tensor& t) { t = t + normal_tensor(t.sizes(), 0.1, stream); });
  return w;
}

at::Tensor random_tokens(const Case& c) {
  RandomStream stream({.seed = 6, .purpose = "test"});
  return standardised(normal_tensor({c.clips, c.tokens, c.spec.width}, 1, stream));
}

struct Reference {
  at::Tensor logits;
  std::vector<at::Tensor> gradients;  // in the order of visit()
};

// head_logits and autograd in float64.
Reference reference(HeadWeights w, const HeadSpec& spec, const at::Tensor& tokens,
                    const at::Tensor& logits_gradient) {
  std::vector<at::Tensor> leaves;
  visit(w, spec.kind, [&](const std::string&, at::Tensor& t) {
    t = t.detach().to(at::kDouble).requires_grad_(true);
    leaves.push_back(t);
  });
  Reference result{head_logits(w, spec, tokens.to(at::kDouble)), {}};
  result.logits.backward(logits_gradient.to(at::kDouble));
  for (const auto& leaf : leaves)
    result.gradients.push_back(leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf));
  return result;
}

at::Tensor random_gradient(const Case& c) {
  RandomStream stream({.seed = 7, .purpose = "test"});
  return normal_tensor({c.candidates, c.clips, c.spec.classes}, 1, stream);
}

double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b).norm().item<double>() / (b.norm().item<double>() + 1e-10);
}

TEST(FusedHead, GivesLogitsAndGradientsOfAutogradInDoublePrecision) {
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    const HeadWeights w = random_head(c.spec, c.candidates);
    const at::Tensor tokens = random_tokens(c), given = random_gradient(c);
    const Reference expected = reference(w, c.spec, tokens, given);
    FusedHead fused(c.spec, c.candidates);
    EXPECT_LT(relative_difference(fused.logits(w, tokens, true), expected.logits), 1e-6);
    HeadWeights& gradients = fused.gradients(w, tokens, given);
    std::size_t i = 0;
    visit(gradients, c.spec.kind, [&](const std::string& name, at::Tensor& gradient) {
      EXPECT_LT(relative_difference(gradient, expected.gradients[i++]), 1e-5) << name;
    });
    EXPECT_EQ(i, 15U);
  }
}

TEST(FusedHead, EveryCandidateIsComputedAsIfItWereAlone) {
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    HeadWeights w = random_head(c.spec, c.candidates);
    const at::Tensor tokens = random_tokens(c);
    const at::Tensor all = FusedHead(c.spec, c.candidates).logits(w, tokens, false);
    for (int l = 0; l < c.candidates; ++l) {
      const HeadWeights one = candidate(w, c.spec.kind, l);
      const at::Tensor alone = FusedHead(c.spec, 1).logits(one, tokens, false);
      EXPECT_LT(largest_difference(alone[0], all[l]), 1e-5) << l;
    }
  }
}

TEST(FusedHead, ServesBatchesOfOtherSizesAndRepeatsItself) {
  const Case& c = kCases[0];
  const HeadWeights w = random_head(c.spec, c.candidates);
  const at::Tensor tokens = random_tokens(c), given = random_gradient(c);
  FusedHead used(c.spec, c.candidates), fresh(c.spec, c.candidates);
  used.logits(w, tokens, true);
  used.gradients(w, tokens, given);
  for (const std::int64_t clips : {5, 1}) {
    const at::Tensor few = tokens.slice(0, 0, clips);
    const at::Tensor part = given.slice(1, 0, clips);
    EXPECT_TRUE(used.logits(w, few, true).equal(fresh.logits(w, few, true)));
    HeadWeights &again = used.gradients(w, few, part), &once = fresh.gradients(w, few, part);
    std::vector<at::Tensor> expected;
    visit(once, c.spec.kind, [&](const std::string&, at::Tensor& t) { expected.push_back(t); });
    std::size_t i = 0;
    visit(again, c.spec.kind, [&](const std::string& name, at::Tensor& t) {
      EXPECT_TRUE(t.equal(expected[i++])) << name;
    });
  }
}

TEST(FusedHead, ClipsWithoutGradientHaveNoPartEvenWhereTheyAreNotANumber) {
  for (const auto& c : kCases) {
    if (c.clips < 5) continue;
    SCOPED_TRACE(c.what);
    const HeadWeights w = random_head(c.spec, c.candidates);
    at::Tensor tokens = random_tokens(c), given = random_gradient(c);
    const at::Tensor readable = at::tensor({0, 2, 4}, at::kLong);
    for (std::int64_t b = 0; b < c.clips; ++b)
      if (b != 0 && b != 2 && b != 4) {
        tokens[b].fill_(std::nan(""));
        given.select(1, b).zero_();
      }
    const Reference expected =
        reference(w, c.spec, tokens.index_select(0, readable), given.index_select(1, readable));
    FusedHead fused(c.spec, c.candidates);
    const at::Tensor logits = fused.logits(w, tokens, true);
    EXPECT_TRUE(logits.select(1, 1).isnan().all().item<bool>());
    EXPECT_LT(relative_difference(logits.index_select(1, readable), expected.logits), 1e-6);
    std::size_t i = 0;
    visit(fused.gradients(w, tokens, given), c.spec.kind,
          [&](const std::string& name, at::Tensor& gradient) {
            EXPECT_LT(relative_difference(gradient, expected.gradients[i++]), 1e-5) << name;
          });
  }
}

// Scores that grow from block to block, and scores beyond what exp can hold.
TEST(FusedHead, TakesTheSoftmaxOverBlocksAsOverAll) {
  const Case& c = kCases[7];
  HeadWeights w = random_head(c.spec, c.candidates);
  w.query = w.query * 40;
  at::Tensor tokens = random_tokens(c);
  tokens = tokens * at::linspace(0.1, 3, c.tokens).view({1, -1, 1});
  const at::Tensor given = random_gradient(c);
  const Reference expected = reference(w, c.spec, tokens, given);
  FusedHead fused(c.spec, c.candidates);
  EXPECT_LT(relative_difference(fused.logits(w, tokens, true), expected.logits), 1e-4);
  std::size_t i = 0;
  visit(fused.gradients(w, tokens, given), c.spec.kind,
        [&](const std::string& name, at::Tensor& gradient) {
          EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << name;
          EXPECT_LT(relative_difference(gradient, expected.gradients[i++]), 2e-3) << name;
        });
}

TEST(FusedHead, TakesTokensInAnyOrderOfMemory) {
  const Case& c = kCases[3];
  const HeadWeights w = random_head(c.spec, c.candidates);
  const at::Tensor tokens = random_tokens(c);
  const at::Tensor turned = tokens.transpose(1, 2).contiguous().transpose(1, 2);
  FusedHead fused(c.spec, c.candidates);
  EXPECT_TRUE(fused.logits(w, turned, false).equal(fused.logits(w, tokens, false)));
}

TEST(FusedHead, TellsWhichHeadsItHandles) {
  const at::Tensor tokens = at::zeros({1, 2, 24});
  HeadSpec spec{.width = 24, .heads = 4, .classes = 5};
  EXPECT_TRUE(FusedHead::handles(spec, tokens));
  EXPECT_FALSE(FusedHead::handles(spec, tokens.to(at::kDouble)));
  spec.blocks = 1;
  EXPECT_FALSE(FusedHead::handles(spec, tokens));
  spec.blocks = 0;
  spec.kind = HeadKind::linear;
  EXPECT_FALSE(FusedHead::handles(spec, tokens));
  EXPECT_THROW(FusedHead({.width = 12, .heads = 4}, 1)
                   .logits(make_head({.width = 12, .heads = 4}, 1, 1), tokens, false),
               Error);
}

}  // namespace fused_head_test
}  // namespace permafrost
