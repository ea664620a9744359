// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/head.h"

#include "models/testing/parity_support.h"
#include "models/testing/toy_network.h"
#include "probes/heads/classifier.h"

namespace permafrost {
namespace head_test {

constexpr HeadSpec kToy{.width = 24, .heads = 4, .classes = 5};

HeadWeights toy_head() {
  HeadWeights w;
  w.query = fill({1, 1, 24}, 50, 0.3);
  w.norm1_weight = fill({1, 24}, 50.1, 0.1) + 1;
  w.norm1_bias = fill({1, 24}, 50.2, 0.05);
  w.q_weight = fill({1, 24, 24}, 50.3, 0.2);
  w.q_bias = fill({1, 24}, 50.4, 0.05);
  w.kv_weight = fill({1, 48, 24}, 50.5, 0.2);
  w.kv_bias = fill({1, 48}, 50.6, 0.05);
  w.norm2_weight = fill({1, 24}, 50.7, 0.1) + 1;
  w.norm2_bias = fill({1, 24}, 50.8, 0.05);
  w.fc1_weight = fill({1, 96, 24}, 50.9, 0.2);
  w.fc1_bias = fill({1, 96}, 51, 0.05);
  w.fc2_weight = fill({1, 24, 96}, 51.1, 0.1);
  w.fc2_bias = fill({1, 24}, 51.2, 0.05);
  w.linear_weight = fill({1, 5, 24}, 51.3, 0.2);
  w.linear_bias = fill({1, 5}, 51.4, 0.05);
  return w;
}

at::Tensor toy_tokens() { return encode(toy::encoder(), toy::encoder_spec(), toy::patches()); }

TEST(Head, MatchesTheGoldenLogits) {
  const at::Tensor expected = at::tensor({.4175389, -.5178596, .6466163, -.4175926, .2073690,  //
                                          .4203103, -.5170825, .6425160, -.4113560, .2008018})
                                  .view({1, 2, 5});
  const at::Tensor logits = head_logits(toy_head(), kToy, standardised(toy_tokens()));
  EXPECT_LT(largest_difference(logits, expected), 1e-6);
  RecordProperty("difference", std::to_string(largest_difference(logits, expected) * 1e9) + "e-9");
}

// Random weights everywhere, candidates apart.
HeadWeights random_head(const HeadSpec& spec, int candidates) {
  HeadWeights w = make_head(spec, candidates, 1);
  double phase = 1;
  visit(w, spec.kind,
        [&](const std::string&, at::Tensor& t) { t = t + fill(t.sizes(), phase++, 0.2); });
  return w;
}

// The head as the reference writes it: keys and values of every token, then attention.
at::Tensor plain_logits(const HeadWeights& w, const HeadSpec& spec, const at::Tensor& tokens,
                        int l) {
  const auto b = tokens.size(0), n = tokens.size(1), d = tokens.size(2), hd = d / spec.heads;
  const at::Tensor x = at::layer_norm(tokens, {d}, w.norm1_weight[l], w.norm1_bias[l], 1e-5);
  const at::Tensor kv = at::linear(x, w.kv_weight[l], w.kv_bias[l])
                            .view({b, n, 2, spec.heads, hd})
                            .permute({2, 0, 3, 1, 4});
  const at::Tensor query = w.query[l].expand({b, 1, d});
  const at::Tensor q =
      at::linear(query, w.q_weight[l], w.q_bias[l]).view({b, 1, spec.heads, hd}).transpose(1, 2);
  const at::Tensor weights =
      at::softmax(at::matmul(q, kv[0].transpose(2, 3)) / std::sqrt(static_cast<double>(hd)), -1);
  at::Tensor y = query + at::matmul(weights, kv[1]).transpose(1, 2).reshape({b, 1, d});
  const at::Tensor normed = at::layer_norm(y, {d}, w.norm2_weight[l], w.norm2_bias[l], 1e-5);
  y = y + at::linear(at::gelu(at::linear(normed, w.fc1_weight[l], w.fc1_bias[l])), w.fc2_weight[l],
                     w.fc2_bias[l]);
  return at::linear(y.squeeze(1), w.linear_weight[l], w.linear_bias[l]);
}

TEST(Head, EvaluatesTheReferencesFormulaForEveryCandidate) {
  const at::Tensor tokens = fill({3, 11, 24}, 2, 2) + fill({3, 11, 24}, 0.3, 0.7).square();
  const HeadWeights w = random_head(kToy, 3);
  const at::Tensor logits = head_logits(w, kToy, standardised(tokens));
  for (int l = 0; l < 3; ++l)
    EXPECT_LT(largest_difference(logits[l], plain_logits(w, kToy, tokens, l)), 1e-5) << l;
  EXPECT_GT(largest_difference(logits[0], logits[1]), 1e-2);
}

TEST(Head, GradientsAreThoseOfTheReferencesFormula) {
  const at::Tensor tokens = fill({3, 11, 24}, 2, 2) + fill({3, 11, 24}, 0.3, 0.7).square();
  const auto gradients = [&](bool plain) {
    HeadWeights w = random_head(kToy, 1);
    std::vector<at::Tensor> leaves;
    visit(w, kToy.kind, [&](const std::string&, at::Tensor& t) {
      t = t.detach().requires_grad_(true);
      leaves.push_back(t);
    });
    const at::Tensor logits =
        plain ? plain_logits(w, kToy, tokens, 0) : head_logits(w, kToy, standardised(tokens))[0];
    at::cross_entropy_loss(logits, at::tensor({1, 0, 4}, at::kLong)).backward();
    std::vector<at::Tensor> out;
    for (const auto& leaf : leaves) out.push_back(leaf.grad());
    return out;
  };
  const auto ours = gradients(false), theirs = gradients(true);
  for (std::size_t i = 0; i < ours.size(); ++i)
    EXPECT_LT(largest_difference(ours[i], theirs[i]), 1e-5) << i;
}

TEST(Head, MatchesTheReferencesProbe) {
  const auto files = parity_files("vjepa_tiny", ".safetensors");
  if (files.empty()) GTEST_SKIP() << "no vjepa_tiny*.safetensors";
  for (const auto& path : files) {
    const Dump dump(path);
    const HeadSpec spec{.width = dump.whole("embed_dim"),
                        .heads = dump.whole("num_heads"),
                        .classes = dump.whole("num_classes")};
    HeadWeights w = make_head(spec, 1, 1);
    visit(w, spec.kind, [&](const std::string& name, at::Tensor& t) {
      t = dump.at("classifier1." + name).reshape(t.sizes());
    });
    const at::Tensor logits = head_logits(w, spec, standardised(dump.at("output.features")))[0];
    EXPECT_LT(relative(logits, dump.at("output.logits1")), 1e-5) << path;
  }
}

TEST(Head, CandidateAloneGivesItsLogits) {
  for (const auto kind : {HeadKind::attentive, HeadKind::mean_pool, HeadKind::linear}) {
    HeadSpec spec = kToy;
    spec.kind = kind;
    HeadWeights w = random_head(spec, 3);
    const at::Tensor tokens = standardised(fill({4, 6, 24}, 2, 2));
    const at::Tensor all = head_logits(w, spec, tokens);
    ASSERT_EQ(all.sizes(), (std::vector<std::int64_t>{3, 4, 5}));
    for (int l = 0; l < 3; ++l) {
      const at::Tensor alone = head_logits(candidate(w, kind, l), spec, tokens);
      EXPECT_LT(largest_difference(alone[0], all[l]), 1e-6);
    }
  }
}

TEST(Head, MeanPoolIsALinearLayerOnTheMean) {
  HeadSpec spec = kToy;
  spec.kind = HeadKind::mean_pool;
  const HeadWeights w = random_head(spec, 2);
  const at::Tensor tokens = fill({3, 7, 24}, 2, 2);
  for (int l = 0; l < 2; ++l)
    EXPECT_LT(largest_difference(head_logits(w, spec, tokens)[l],
                                 at::linear(tokens.mean(1), w.linear_weight[l], w.linear_bias[l])),
              1e-6);
}

TEST(Head, LinearIsMAEsBatchNormAndLinearLayer) {
  HeadSpec spec = kToy;
  spec.kind = HeadKind::linear;
  HeadWeights w = random_head(spec, 2);
  const at::Tensor tokens = fill({3, 7, 24}, 2, 2), mean = tokens.mean(1);
  at::Tensor running_mean = at::zeros({24}), running_variance = at::ones({24});
  for (int step = 0; step < 3; ++step) {
    const at::Tensor x = mean * (step + 1);
    const at::Tensor normed =
        at::batch_norm(x, {}, {}, running_mean, running_variance, true, 0.1, 1e-6, false);
    const at::Tensor logits = training_logits(w, spec, x.unsqueeze(1));
    for (int l = 0; l < 2; ++l)
      EXPECT_LT(
          largest_difference(logits[l], at::linear(normed, w.linear_weight[l], w.linear_bias[l])),
          1e-4);
  }
  EXPECT_LT(largest_difference(w.running_mean, running_mean), 1e-6);
  EXPECT_LT(largest_difference(w.running_variance, running_variance), 1e-5);
  const at::Tensor tested =
      at::batch_norm(mean, {}, {}, running_mean, running_variance, false, 0.1, 1e-6, false);
  const FoldedLinear folded = folded_linear(w, spec.kind);
  for (int l = 0; l < 2; ++l) {
    const at::Tensor expected = at::linear(tested, w.linear_weight[l], w.linear_bias[l]);
    EXPECT_LT(largest_difference(head_logits(w, spec, tokens)[l], expected), 1e-5);
    EXPECT_LT(largest_difference(at::linear(mean, folded.weight[l], folded.bias[l]), expected),
              1e-5);
  }
}

TEST(Head, LinearLearnsNothingOfABatchOfOne) {
  HeadSpec spec = kToy;
  spec.kind = HeadKind::linear;
  HeadWeights w = make_head(spec, 1, 1);
  EXPECT_TRUE(training_logits(w, spec, fill({1, 7, 24}, 2, 2)).isfinite().all().item<bool>());
  EXPECT_TRUE(w.running_mean.equal(at::zeros({24})));
  EXPECT_TRUE(w.running_variance.equal(at::ones({24})));
}

TEST(Head, DoesNotCareForTheOrderOfTokens) {
  const HeadWeights w = random_head(kToy, 2);
  const at::Tensor tokens = standardised(fill({2, 7, 24}, 2, 2));
  EXPECT_LT(largest_difference(head_logits(w, kToy, tokens), head_logits(w, kToy, tokens.flip(1))),
            1e-5);
}

TEST(Head, CandidatesStartAlikeAndBySeed) {
  HeadWeights w = make_head(kToy, 2, 7), same = make_head(kToy, 1, 7),
              other = make_head(kToy, 1, 8);
  NamedTensors one, two;
  visit(w, kToy.kind, [&](const std::string& name, at::Tensor& t) {
    EXPECT_TRUE(t[0].equal(t[1])) << name;
    one.emplace_back(name, t.slice(0, 0, 1).contiguous());
  });
  visit(same, kToy.kind,
        [&](const std::string& name, at::Tensor& t) { two.emplace_back(name, t); });
  EXPECT_EQ(hash_of(one), hash_of(two));
  EXPECT_FALSE(same.query.equal(other.query));
  EXPECT_EQ(one.front().first, "pooler.query_tokens");
  EXPECT_EQ(one.size(), 15U);
}

TEST(Head, RefusesHeadsThatDoNotShareTheWidth) {
  HeadSpec spec = kToy;
  spec.heads = 5;
  EXPECT_EQ(input_error_of([&] { make_head(spec, 1, 1); }),
            "probe head: heads: expected a divisor of the width 24, found 5");
  spec.kind = HeadKind::mean_pool;
  EXPECT_NO_THROW(make_head(spec, 1, 1));
}

TEST(Head, KindsHaveNames) {
  for (const auto kind :
       {HeadKind::attentive, HeadKind::mean_pool, HeadKind::linear, HeadKind::knn})
    EXPECT_EQ(head_named(name_of(kind), "a.json"), kind);
  EXPECT_EQ(input_error_of([] { head_named("attention", "a.json"); }),
            "a.json: head: expected attentive, linear, mean_pool or knn, found \"attention\"");
}

// V-JEPA 2's probe: ordinary blocks on the tokens, then the query.
TEST(Head, DeepHeadIsTheReleasedOneCandidateByCandidate) {
  HeadSpec spec = kToy;
  spec.blocks = 2;
  HeadWeights w = random_head(spec, 3);
  const at::Tensor tokens = fill({3, 7, 24}, 2, 2);
  const at::Tensor logits = head_logits(w, spec, standardised(tokens));
  ASSERT_EQ(logits.sizes(), (std::vector<std::int64_t>{3, 3, 5}));
  for (int l = 0; l < 3; ++l) {
    const HeadWeights one = candidate(w, spec.kind, l);
    EXPECT_LT(largest_difference(head_logits(one, spec, standardised(tokens))[0], logits[l]), 1e-6);
    const at::Tensor released =
        classify(classifier_weights_of(one, spec), classifier_spec_of(spec), tokens);
    EXPECT_LT(largest_difference(released, logits[l]), 1e-5) << l;
  }
  EXPECT_GT(largest_difference(logits[0], logits[1]), 1e-3);
  int tensors = 0;
  visit(w, spec.kind, [&](const std::string& name, at::Tensor&) {
    tensors += name.rfind("pooler.blocks.1.", 0) == 0;
  });
  EXPECT_EQ(tensors, 12);
}

TEST(Head, BlocksTakeNothingFromTheDrawsOfTheRest) {
  HeadSpec deep = kToy;
  deep.blocks = 1;
  EXPECT_TRUE(make_head(deep, 1, 3).linear_weight.equal(make_head(kToy, 1, 3).linear_weight));
}

}  // namespace head_test
}  // namespace permafrost
