// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/classifier_file.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "models/encoders/checkpoints/safetensors.h"
#include "probes/heads/classifier_names.h"
#include "probes/testing/classifier_test_support.h"

namespace permafrost {
namespace classifier_file_test {

Checkpoint checkpoint_of(const Classifier& head, const std::string& entry) {
  Checkpoint file;
  file.path = "head.pth.tar";
  file.container = Container::torch_zip;
  file.entries = {{entry, {}}};
  ClassifierWeights weights = head.weights;
  visit(weights, head.spec, [&](const std::string& name, at::Tensor& tensor) {
    file.entries[0].tensors.emplace_back("module." + name, tensor);
  });
  return file;
}

// With the output projection that V-JEPA 1 keeps.
Checkpoint vjepa1_checkpoint(const Classifier& head) {
  Checkpoint file = checkpoint_of(head, "classifier");
  const std::int64_t d = head.spec.width;
  const std::string proj = "module.pooler.cross_attention_block.xattn.proj.";
  file.entries[0].tensors.emplace_back(proj + "weight", at::ones({d, d}));
  file.entries[0].tensors.emplace_back(proj + "bias", at::ones({d}));
  return file;
}

ClassifierSpec deep_spec(BlocksActOn where) {
  ClassifierSpec spec = small_classifier_spec();
  spec.blocks = 2;
  spec.blocks_act_on = where;
  return spec;
}

at::Tensor tokens() { return fill({3, 7, 16}, 2, 1) + fill({3, 7, 16}, 0.3, 0.7).square(); }

at::Tensor logits_of(const Classifier& head) { return classify(head.weights, head.spec, tokens()); }

at::Tensor& tensor_named(Checkpoint& file, const std::string& name) {
  auto& tensors = file.entries[0].tensors;
  return std::find_if(tensors.begin(), tensors.end(),
                      [&](const auto& item) { return item.first == name; })
      ->second;
}

void remove(Checkpoint& file, const std::string& name) {
  auto& tensors = file.entries[0].tensors;
  tensors.erase(std::remove_if(tensors.begin(), tensors.end(),
                               [&](const auto& item) { return item.first == name; }),
                tensors.end());
}

TEST(ClassifierFile, KnowsVJepa1ByTheProjectionThatItNeverApplies) {
  const Classifier head = random_classifier(deep_spec(BlocksActOn::query), 1);
  const Classifier read = read_classifier(vjepa1_checkpoint(head), {.encoder_heads = 2});
  EXPECT_EQ(read.kind, "V-JEPA 1 probe");
  EXPECT_EQ(read.spec.blocks_act_on, BlocksActOn::query);
  EXPECT_EQ(read.unused.size(), 2U);
  EXPECT_TRUE(logits_of(read).equal(logits_of(head)));
}

TEST(ClassifierFile, ReadsVJepa2sListOfHeads) {
  const Classifier head = random_classifier(deep_spec(BlocksActOn::tokens), 1);
  const Classifier other = random_classifier(deep_spec(BlocksActOn::tokens), 2);
  Checkpoint file = checkpoint_of(head, "classifiers.0");
  file.entries.push_back(checkpoint_of(other, "classifiers.1").entries[0]);
  const Classifier first = read_classifier(file, {.heads = 2});
  EXPECT_EQ(first.kind, "V-JEPA 2 probe");
  EXPECT_EQ(first.spec.blocks_act_on, BlocksActOn::tokens);
  EXPECT_TRUE(logits_of(first).equal(logits_of(head)));
  const Classifier second = read_classifier(file, {.heads = 2, .entry = "classifiers.1"});
  EXPECT_TRUE(logits_of(second).equal(logits_of(other)));
  const std::string error = input_error_of([&] { read_classifier(file, {.entry = "classifier"}); });
  EXPECT_TRUE(contains(error, "--head-entry") && contains(error, "\"classifiers.1\"")) << error;
}

TEST(ClassifierFile, AsksForTheHeadsThatNothingTells) {
  const Checkpoint file = checkpoint_of(random_classifier(small_classifier_spec(), 1), "");
  const std::string error = input_error_of([&] { read_classifier(file); });
  EXPECT_TRUE(contains(error, "--head-heads") && contains(error, "width 16")) << error;
  EXPECT_TRUE(contains(input_error_of([&] { read_classifier(file, {.heads = 3}); }),
                       "a divisor of the width 16, found 3"));
  ClassifierSpec large = small_classifier_spec();
  large.width = 1024;
  EXPECT_EQ(read_classifier(checkpoint_of(random_classifier(large, 1), "classifiers.0"),
                            {.encoder_heads = 22})
                .spec.heads,
            16);
}

TEST(ClassifierFile, GivesEveryTensorAFate) {
  const Checkpoint whole = checkpoint_of(random_classifier(small_classifier_spec(), 1), "");
  Checkpoint file = whole;
  remove(file, "module.pooler.cross_attention_block.norm1.bias");
  tensor_named(file, "module.linear.bias") = at::zeros({9});
  file.entries[0].tensors.emplace_back("module.pooler.surplus", at::zeros({1}));
  file.entries[0].tensors.emplace_back("module.extra", at::zeros({1}));
  const std::string error = input_error_of([&] { read_classifier(file, {.heads = 2}); });
  for (const char* part :
       {"1 missing: pooler.cross_attention_block.norm1.bias", "2 unexpected: extra, pooler.surplus",
        "1 mismatched: linear.bias (expected [8], found [9]"})
    EXPECT_TRUE(contains(error, part)) << error;
  file = whole;
  tensor_named(file, "module.linear.bias") = at::zeros({8}, at::kLong);
  EXPECT_TRUE(contains(input_error_of([&] { read_classifier(file, {.heads = 2}); }),
                       "1 mismatched: linear.bias"));
  file = whole;
  tensor_named(file, "module.linear.bias") = at::full({8}, std::nan(""));
  EXPECT_TRUE(contains(input_error_of([&] { read_classifier(file, {.heads = 2}); }),
                       "1 not finite: linear.bias (8 of 8 values are not finite numbers)"));
  file = whole;
  file.entries[0].tensors.emplace_back("linear.bias", at::zeros({8}));
  EXPECT_TRUE(contains(input_error_of([&] { read_classifier(file, {.heads = 2}); }),
                       "linear.bias (twice)"));
}

TEST(ClassifierFile, RefusesSeveralQueries) {
  Checkpoint file = checkpoint_of(random_classifier(small_classifier_spec(), 1), "");
  tensor_named(file, "module.pooler.query_tokens") = at::zeros({1, 3, 16});
  EXPECT_TRUE(contains(input_error_of([&] { read_classifier(file); }), "one query, found 3"));
}

TEST(ClassifierFile, SaysThatAnEncoderIsNoHead) {
  Checkpoint file;
  file.path = "vitl16.pth.tar";
  const NamedTensors tensors{{"module.backbone.patch_embed.proj.weight", at::zeros({8, 3})},
                             {"module.backbone.norm.weight", at::zeros({8})}};
  file.entries = {{"encoder", tensors}, {"target_encoder", tensors}};
  const std::string error = input_error_of([&] { read_classifier(file); });
  EXPECT_TRUE(contains(error, "vitl16.pth.tar")) << error;
  EXPECT_TRUE(contains(error, "this is an encoder; name it with --encoder")) << error;
  EXPECT_TRUE(content_of(file).encoder);
  EXPECT_FALSE(content_of(file).head);
  const Checkpoint head = checkpoint_of(random_classifier(small_classifier_spec(), 1), "");
  EXPECT_TRUE(content_of(head).head);
  EXPECT_FALSE(content_of(head).encoder);
  file.entries = {{"", {{"x", at::zeros({1})}}}};
  EXPECT_TRUE(contains(input_error_of([&] { read_classifier(file); }), "neither"));
}

TEST(ClassifierFile, JoinsWhatHuggingFaceKeepsApart) {
  EXPECT_EQ(head_tensor_name("pooler.self_attention_layers.1.self_attn.v_proj.bias").name,
            "pooler.blocks.1.attn.qkv.bias");
  EXPECT_EQ(head_tensor_name("pooler.cross_attention_layer.layer_norm2.weight").name,
            "pooler.cross_attention_block.norm2.weight");
  EXPECT_EQ(head_tensor_name("vjepa2.encoder.layer.0.norm1.weight").name, "");
  const std::string k = "pooler.cross_attention_layer.cross_attn.k_proj.weight";
  const std::string v = "pooler.cross_attention_layer.cross_attn.v_proj.weight";
  const HeadTensors head =
      head_tensors({{v, at::ones({4, 4})}, {k, at::zeros({4, 4})}, {"vjepa2.x", at::ones({1})}});
  const at::Tensor kv = head.tensors.at("pooler.cross_attention_block.xattn.kv.weight");
  EXPECT_EQ(kv.sizes(), (std::vector<std::int64_t>{8, 4}));
  EXPECT_EQ(kv.slice(0, 0, 4).sum().item<double>(), 0) << "keys come first";
  EXPECT_TRUE(head.hugging_face);
  EXPECT_EQ(head.tensors.size(), 1U);
  EXPECT_EQ(head_tensors({{v, at::ones({4, 4})}}).incomplete,
            std::vector<std::string>{"pooler.cross_attention_block.xattn.kv.weight (part 1 of 2)"});
}

TEST(ClassifierFile, TakesClassNamesUnlessTheyAreDefaults) {
  Checkpoint file;
  file.path = "model";
  file.container = Container::huggingface;
  file.entries = {{"",
                   {{"fc_norm.weight", at::ones({4})},
                    {"fc_norm.bias", at::ones({4})},
                    {"classifier.weight", at::ones({2, 4})},
                    {"classifier.bias", at::ones({2})},
                    {"videomae.embeddings.patch_embeddings.projection.bias", at::ones({4})}}}};
  file.config = {{"id2label", {{"0", "LABEL_0"}, {"1", "LABEL_1"}}}};
  EXPECT_TRUE(read_classifier(file).class_names.empty());
  file.config = {{"id2label", {{"0", "abseiling"}, {"1", "zumba"}}}};
  EXPECT_EQ(read_classifier(file).class_names, (std::vector<std::string>{"abseiling", "zumba"}));
  EXPECT_EQ(read_classifier(file).kind, "VideoMAE classifier");
  EXPECT_TRUE(content_of(file).head && content_of(file).encoder);
  file.config = {{"id2label", {{"0", "abseiling"}}}};
  EXPECT_TRUE(contains(input_error_of([&] { read_classifier(file); }), "id2label"));
  file.config = nullptr;
  EXPECT_TRUE(contains(input_error_of([&] { read_classifier(file); }), "config.json"));
}

// A fine-tuned model of VideoMAE's authors: encoder and head in one dictionary, nothing between
// them.
TEST(ClassifierFile, ReadsTheHeadOfAFineTunedVideoMae) {
  const NamedTensors head{{"fc_norm.weight", at::ones({4})},
                          {"fc_norm.bias", at::ones({4}) * 2},
                          {"head.weight", at::ones({3, 4}) * 3},
                          {"head.bias", at::ones({3}) * 4}};
  Checkpoint file;
  file.path = "finetuned.pth";
  file.container = Container::torch_zip;
  file.entries = {{"module", head}};
  for (const char* name : {"patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "pos_embed"})
    file.entries[0].tensors.emplace_back(name, at::ones({4}));
  const Classifier read = read_classifier(file);
  EXPECT_EQ(read.kind, "VideoMAE classifier");
  EXPECT_EQ(read.spec.kind, HeadKind::mean_pool);
  EXPECT_EQ(read.spec.width, 4);
  EXPECT_EQ(read.spec.classes, 3);
  EXPECT_EQ(read.spec.norm_eps, 1e-6);
  EXPECT_TRUE(read.weights.pool_norm.bias.equal(head[1].second));
  EXPECT_TRUE(read.weights.linear.weight.equal(head[2].second));
  EXPECT_TRUE(read.weights.linear.bias.equal(head[3].second));
  EXPECT_TRUE(content_of(file).head && content_of(file).encoder);

  Checkpoint image = file;  // an image MAE
  image.entries[0].tensors.emplace_back("cls_token", at::ones({4}));
  EXPECT_TRUE(contains(input_error_of([&] { read_classifier(image); }), "this is an encoder"));
  file.entries[0].tensors.emplace_back("surprise", at::ones({4}));
  EXPECT_TRUE(contains(input_error_of([&] { read_classifier(file); }), "1 unexpected: surprise"));
  file.entries[0].tensors = {head[0], head[1], head[2]};
  EXPECT_TRUE(contains(input_error_of([&] { read_classifier(file); }), "1 missing: linear.bias"));
}

TEST(ClassifierFile, KeepsAHeadInItsOwnFormat) {
  const TestFolder folder;
  ClassifierSpec pool = small_classifier_spec();
  pool.kind = HeadKind::mean_pool;
  for (const ClassifierSpec& spec : {deep_spec(BlocksActOn::query), pool}) {
    Classifier head = random_classifier(spec, 3);
    for (int i = 0; i < 8; ++i) head.class_names.push_back("class " + std::to_string(i));
    head.provenance = {{"trained_on", "motion"}};
    save_classifier(folder / "head.safetensors", head);
    const Classifier read = load_classifier(folder / "head.safetensors", {}, "--head");
    EXPECT_EQ(read.kind, "permafrost head");
    EXPECT_EQ(to_json(read.spec), to_json(head.spec));
    EXPECT_EQ(read.class_names, head.class_names);
    EXPECT_EQ(read.sha256, head.sha256);
    EXPECT_EQ(read.provenance, head.provenance);
    EXPECT_TRUE(logits_of(read).equal(logits_of(head)));
  }
  EXPECT_TRUE(contains(input_error_of([&] { load_classifier(folder / "absent", {}, "--head"); }),
                       "--head"));
}

TEST(ClassifierFile, RefusesADamagedSpecification) {
  const TestFolder folder;
  const Classifier head = random_classifier(small_classifier_spec(), 3);
  NamedTensors tensors;
  ClassifierWeights weights = head.weights;
  visit(weights, head.spec,
        [&](const std::string& name, at::Tensor& t) { tensors.emplace_back(name, t); });
  Json spec = to_json(head.spec);
  const auto refused = [&](const Json& json, const std::string& names) {
    write_safetensors(
        folder / "h.safetensors", tensors,
        {{"format", "permafrost.head.1"}, {"spec", json.dump()}, {"class_names", names}});
    return input_error_of([&] { load_classifier(folder / "h.safetensors", {}, "--head"); });
  };
  EXPECT_TRUE(contains(refused(spec, R"(["one"])"), "class_names: expected 8 names, found 1"));
  spec["heads"] = 3;
  EXPECT_TRUE(contains(refused(spec, "[]"), "a divisor of the width 16"));
  spec["heads"] = 2;
  spec["blocks"] = 1;
  EXPECT_TRUE(contains(refused(spec, "[]"), "missing: pooler.blocks.0.norm1.weight"));
}

TEST(Classifier, IsAHeadThatWeTrained) {
  for (const auto kind : {HeadKind::attentive, HeadKind::mean_pool}) {
    const HeadSpec spec{.kind = kind, .width = 16, .heads = 2, .classes = 5};
    HeadWeights head = make_head(spec, 1, 1);
    double phase = 1;
    visit(head, kind,
          [&](const std::string&, at::Tensor& t) { t = t + fill(t.sizes(), phase++, 0.2); });
    EXPECT_LT(largest_difference(
                  classify(classifier_weights_of(head, spec), classifier_spec_of(spec), tokens()),
                  head_logits(head, spec, standardised(tokens()))[0]),
              1e-5);
  }
}

TEST(Classifier, TellsWhereItsQueryLooks) {
  // Values are the normed tokens and nothing follows the cross attention, so that the logits are
  // the query and, a head's slice each, the tokens weighted by its attention.
  Classifier head = random_classifier({.width = 16, .classes = 16, .heads = 2, .hidden = 32}, 3);
  ClassifierWeights& w = head.weights;
  w.kv.weight.slice(0, 16, 32).copy_(at::eye(16));
  w.kv.bias.slice(0, 16, 32).zero_();
  w.fc2 = {at::zeros_like(w.fc2.weight), at::zeros_like(w.fc2.bias)};
  w.linear = {at::eye(16), at::zeros(16)};
  const at::Tensor attention = query_attention(w, head.spec, tokens());
  ASSERT_EQ(attention.sizes(), (std::vector<std::int64_t>{tokens().size(0), 2, tokens().size(1)}));
  EXPECT_LT(largest_difference(attention.sum(2), at::ones({tokens().size(0), 2})), 1e-5);
  const at::Tensor normed = apply_norm(w.norm1, tokens(), head.spec.norm_eps);
  const at::Tensor mixed = at::cat({at::bmm(attention.slice(1, 0, 1), normed.slice(2, 0, 8)),
                                    at::bmm(attention.slice(1, 1, 2), normed.slice(2, 8, 16))},
                                   2);
  EXPECT_LT(largest_difference(classify(w, head.spec, tokens()), (mixed + w.query).squeeze(1)),
            1e-5);
}

TEST(Classifier, HasNoQueryUnlessItIsAttentive) {
  ClassifierSpec spec{.kind = HeadKind::mean_pool, .width = 16, .classes = 3};
  EXPECT_THROW(query_attention(classifier_shapes(spec), spec, tokens()), Error);
}

TEST(Classifier, HasGradients) {
  Classifier head = random_classifier(deep_spec(BlocksActOn::tokens), 1);
  const at::Tensor x = tokens().requires_grad_(true);
  classify(head.weights, head.spec, x).sum().backward();
  EXPECT_GT(x.grad().abs().sum().item<double>(), 0);
}

}  // namespace classifier_file_test
}  // namespace permafrost
