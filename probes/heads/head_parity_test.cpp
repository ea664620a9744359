// SPDX-License-Identifier: Apache-2.0
// Released heads against the reference implementations: their weights, their features, their
// logits.
#include "models/testing/parity_support.h"
#include "models/testing/toy_network.h"
#include "probes/heads/classifier.h"
#include "probes/heads/classifier_file.h"

namespace permafrost {
namespace head_parity_test {

// The tensors behind `prefix`, as a checkpoint file would name them.
Checkpoint checkpoint_of(const Dump& dump, const std::string& prefix, const std::string& entry) {
  Checkpoint file;
  file.path = prefix;
  file.entries = {{entry, {}}};
  for (const auto& [name, tensor] : dump.tensors)
    if (name.rfind(prefix + ".", 0) == 0)
      file.entries[0].tensors.emplace_back("module." + name.substr(prefix.size() + 1), tensor);
  return file;
}

double error_of(const Classifier& head, const at::Tensor& tokens, const at::Tensor& logits) {
  return relative(classify(head.weights, head.spec, tokens), logits);
}

std::string text_of(double error) { return std::to_string(error * 1e9) + "e-9"; }

TEST(HeadParity, VJepa1ProbesOfAnyDepth) {
  const auto files = parity_files("vjepa_tiny", ".safetensors");
  if (files.empty()) GTEST_SKIP() << "no vjepa_tiny*.safetensors";
  double worst = 0;
  for (const auto& path : files) {
    const Dump dump(path);
    for (const int depth : {1, 3}) {
      const std::string name = "classifier" + std::to_string(depth);
      const Classifier head = read_classifier(checkpoint_of(dump, name, "classifier"),
                                              {.encoder_heads = dump.whole("num_heads")});
      EXPECT_EQ(head.spec.blocks, depth - 1);
      EXPECT_EQ(head.unused.size(), 2U);
      const double error = error_of(head, dump.at("output.features"),
                                    dump.at("output.logits" + std::to_string(depth)));
      EXPECT_LT(error, 1e-5) << path << " " << name;
      worst = std::max(worst, error);
    }
  }
  RecordProperty("difference", text_of(worst));
}

TEST(HeadParity, VJepa1ProbesDoNotApplyTheirOutputProjection) {
  const auto files = parity_files("vjepa_tiny", ".safetensors");
  if (files.empty()) GTEST_SKIP() << "no vjepa_tiny*.safetensors";
  for (const auto& path : files) {
    const Dump dump(path);
    Checkpoint file = checkpoint_of(dump, "classifier3", "classifier");
    const ClassifierOptions options{.encoder_heads = dump.whole("num_heads")};
    const Classifier head = read_classifier(file, options);
    int perturbed = 0;
    for (auto& [name, tensor] : file.entries[0].tensors)
      if (contains(name, "xattn.proj")) {
        tensor = tensor + 1;
        ++perturbed;
      }
    EXPECT_EQ(perturbed, 2);
    const Classifier other = read_classifier(file, options);
    const at::Tensor tokens = dump.at("output.features");
    EXPECT_TRUE(classify(other.weights, other.spec, tokens)
                    .equal(classify(head.weights, head.spec, tokens)));
    EXPECT_EQ(other.sha256, head.sha256);
  }
}

// The file does not tell the number of heads; the one that reproduces the logits is it.
TEST(HeadParity, VJepa2Probe) {
  const auto files = parity_files("vjepa2_tiny", ".safetensors");
  if (files.empty()) GTEST_SKIP() << "no vjepa2_tiny*.safetensors";
  for (const auto& path : files) {
    const Dump dump(path);
    double best = 1;
    int chosen = 0;
    for (int heads = 1; heads <= dump.whole("embed_dim"); ++heads) {
      if (dump.whole("embed_dim") % heads != 0) continue;
      const Classifier head =
          read_classifier(checkpoint_of(dump, "classifier", "classifiers.0"), {.heads = heads});
      EXPECT_EQ(head.spec.blocks, dump.whole("classifier_depth") - 1);
      const double error = error_of(head, dump.at("output.features"), dump.at("output.logits"));
      if (error < best) chosen = heads;
      best = std::min(best, error);
    }
    EXPECT_LT(best, 1e-5) << path;
    RecordProperty("heads", chosen);
    RecordProperty("difference", text_of(best));
  }
}

TEST(HeadParity, HuggingFaceClassifiers) {
  double worst = 0;
  int seen = 0;
  for (const char* family : {"hf_vjepa2_classifier", "hf_videomae_classifier"}) {
    for (const auto& folder : parity_files(family, "")) {
      const Classifier head = load_classifier(folder.string(), {}, "--head");
      const Dump expected(folder / "expected.safetensors");
      const Json config = read_json((folder / "config.json").string());
      if (config.at("id2label").value("0", "") == "LABEL_0") {
        EXPECT_TRUE(head.class_names.empty()) << "LABEL_0 is not a name";
      } else {
        EXPECT_EQ(head.class_names.size(), static_cast<std::size_t>(head.spec.classes));
      }
      const double error = error_of(head, expected.at("last_hidden_state"), expected.at("logits"));
      EXPECT_LT(error, 1e-5) << folder;
      worst = std::max(worst, error);
      ++seen;
    }
  }
  if (seen == 0) GTEST_SKIP() << "no hf_vjepa2_classifier*, hf_videomae_classifier*";
  RecordProperty("difference", text_of(worst));
}

TEST(HeadParity, ProbeAsTheTrainingScriptSavesIt) {
  const auto folders = parity_files("vjepa_checkpoint", "");
  if (folders.empty()) GTEST_SKIP() << "no vjepa_checkpoint*/";
  for (const auto& folder : folders) {
    const Dump encoder(folder / "expected.safetensors");
    const Classifier head = load_classifier((folder / "probe.pth.tar").string(),
                                            {.encoder_heads = encoder.whole("num_heads")}, "");
    const SafetensorsFile expected = read_safetensors(folder / "probe_expected.safetensors");
    EXPECT_LT(error_of(head, expected.tensor("features", ""), expected.tensor("logits", "")), 1e-5)
        << folder;
  }
}

ClassifierWeights toy_classifier(std::int64_t width) {
  ClassifierWeights w;
  w.query = fill({1, 1, width}, 50, 0.3);
  w.norm1 = toy::norm(width, 50.1, 50.2);
  w.q = toy::linear(width, width, 50.3, 50.4);
  w.kv = toy::linear(2 * width, width, 50.5, 50.6);
  w.norm2 = toy::norm(width, 50.7, 50.8);
  w.fc1 = toy::linear(4 * width, width, 50.9, 51);
  w.fc2 = {fill({width, 4 * width}, 51.1, 0.1), fill({width}, 51.2, 0.05)};
  w.linear = toy::linear(5, width, 51.3, 51.4);
  return w;
}

TEST(HeadParity, GoldenLogitsOfAVJepa1Probe) {
  const ClassifierSpec spec{.width = 24, .classes = 5, .heads = 4, .hidden = 96};
  const at::Tensor tokens = encode(toy::encoder(), toy::encoder_spec(), toy::patches());
  const at::Tensor expected = at::tensor({.4175389, -.5178596, .6466163, -.4175926, .2073690,  //
                                          .4203103, -.5170825, .6425160, -.4113560, .2008018})
                                  .view({2, 5});
  EXPECT_LT(largest_difference(classify(toy_classifier(24), spec, tokens), expected), 1e-6);
}

// x [B,heads,N,14], rotated over a 2x2x3 grid of tokens: four channels each for time, row and
// column; frequencies repeat by halves, partners are neighbours.
at::Tensor rotated(const at::Tensor& x) {
  const at::Tensor token = at::arange(12, at::kFloat);
  const at::Tensor row = at::remainder(token, 6);
  const at::Tensor positions[] = {at::floor(token / 6), at::floor(row / 3), at::remainder(row, 3)};
  const at::Tensor frequencies = at::tensor({1.0F, 0.01F, 1.0F, 0.01F});
  at::Tensor out = x.clone();
  for (int axis = 0; axis < 3; ++axis) {
    const at::Tensor part = x.slice(3, 4 * axis, 4 * axis + 4);
    const at::Tensor angles = positions[axis].unsqueeze(1) * frequencies;
    const at::Tensor pairs = part.unflatten(3, {2, 2});
    const at::Tensor partner =
        at::stack({-pairs.select(4, 1), pairs.select(4, 0)}, 4).flatten(3, 4);
    out.slice(3, 4 * axis, 4 * axis + 4).copy_(part * angles.cos() + partner * angles.sin());
  }
  return out;
}

at::Tensor rotary_block(const BlockWeights& w, const at::Tensor& x) {
  const at::Tensor qkv = apply_linear(w.qkv, apply_norm(w.norm1, x, 1e-6))
                             .view({1, 12, 3, 2, 14})
                             .permute({2, 0, 3, 1, 4});
  const at::Tensor mixed =
      at::scaled_dot_product_attention(rotated(qkv[0]), rotated(qkv[1]), qkv[2]);
  const at::Tensor y = x + apply_linear(w.proj, mixed.transpose(1, 2).reshape({1, 12, 28}));
  return y +
         apply_linear(w.mlp.fc2, at::gelu(apply_linear(w.mlp.fc1, apply_norm(w.norm2, y, 1e-6))));
}

TEST(HeadParity, GoldenLogitsOfAVJepa2Probe) {
  EncoderSpec encoder = toy::encoder_spec();
  encoder.image_width = 12;
  const at::Tensor patches = patchify_normalised(fill({1, 3, 4, 8, 12}, 0, 1), encoder);
  at::Tensor tokens = apply_linear({fill({28, 96}, 5, 0.1), fill({28}, 6, 0.05)}, patches);
  for (const double k : {60.0, 70.0}) tokens = rotary_block(toy::block(28, k), tokens);
  tokens = apply_norm(toy::norm(28, 7, 8), tokens, 1e-6);
  EXPECT_NEAR(tokens.abs().sum().item<double>(), 284.125005, 1e-3);

  ClassifierWeights w = toy_classifier(28);
  w.blocks = {toy::block(28, 80)};
  const ClassifierSpec spec{.width = 28,
                            .classes = 5,
                            .heads = 2,
                            .hidden = 112,
                            .blocks = 1,
                            .blocks_act_on = BlocksActOn::tokens};
  const at::Tensor expected = at::tensor({.2734906, .5120098, -.7291277, .4992809, .2555968});
  EXPECT_LT(largest_difference(classify(w, spec, tokens)[0], expected), 2e-6);
  ClassifierSpec other = spec;
  other.blocks_act_on = BlocksActOn::query;
  EXPECT_GT(largest_difference(classify(w, other, tokens)[0], expected), 1e-2);
}

}  // namespace head_parity_test
}  // namespace permafrost
