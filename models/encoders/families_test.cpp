// SPDX-License-Identifier: Apache-2.0
// Loading encoders of every kind, and everything that is refused on the way.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/nearest_name.h"
#include "models/encoders/checkpoint_to_encoder.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/families/known_specs.h"
#include "models/encoders/families/name_map.h"
#include "models/encoders/huggingface_writer.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace families_test {

namespace fs = std::filesystem;

// A small encoder of a family, with random weights, as the authors' files or Hugging Face hold it.
EncoderSpec spec_of(const std::string& family) {
  Json json{{"family", family}, {"width", 24},       {"depth", 2},
            {"heads", 2},       {"patch", 4},        {"frames", 4},
            {"height", 12},     {"image_width", 12}, {"mlp_ratio", 2.0}};
  if (family == "vjepa2") json["positions"] = "rope_3d";
  if (family == "videomae") json["positions"] = "sincos_1d";
  if (family == "vit_mae" || family == "ijepa" || family == "dinov2") {
    json.update({{"positions", "learned"},
                 {"table_resize", "bicubic"},
                 {"per_frame", true},
                 {"tubelet", 1},
                 {"frames", 1},
                 {"class_token", family != "ijepa"}});
  }
  if (family == "dinov2")
    json.update({{"layer_scale", true}, {"registers", 3}, {"table_resize", "bicubic_antialias"}});
  return read_encoder_spec(json, family);
}

Checkpoint checkpoint_of(NamedTensors tensors, const std::string& entry = "") {
  Checkpoint checkpoint;
  checkpoint.path = "file.pth";
  checkpoint.container = Container::torch_zip;
  checkpoint.entries.push_back({entry, std::move(tensors)});
  return checkpoint;
}

// The encoder's tensors by the authors' names, the convolution in its own shape.
NamedTensors original_tensors(Encoder& encoder) {
  const EncoderSpec& spec = encoder.spec;
  NamedTensors tensors;
  for (auto& [name, tensor] : named_tensors(encoder.weights)) {
    if (name != "patch_embed.proj.weight")
      tensors.emplace_back(name, tensor);
    else if (spec.per_frame)
      tensors.emplace_back(name, tensor.view({spec.width, 3, spec.patch, spec.patch}));
    else
      tensors.emplace_back(name,
                           tensor.view({spec.width, 3, spec.tubelet, spec.patch, spec.patch}));
  }
  if (spec.positions == Positions::sincos_3d)
    tensors.emplace_back("pos_embed", encoder.weights.pos_embed);
  return tensors;
}

NamedTensors prefixed(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors out;
  for (const auto& [name, tensor] : tensors) out.emplace_back(prefix + name, tensor);
  return out;
}

const char* const kVjepaSpec =
    R"({"heads": 2, "frames": 4, "height": 12, "image_width": 12, "mlp_ratio": 2.0})";

std::string fates_with(const EncoderReading& reading, Fate fate) {
  std::string names;
  for (const auto& one : reading.fates)
    if (one.fate == fate) names += one.name + " ";
  return names;
}

TEST(Families, GoThroughHuggingFaceUnchanged) {
  for (const std::string family : {"vjepa2", "videomae", "vit_mae", "ijepa", "dinov2"}) {
    SCOPED_TRACE(family);
    TestFolder folder;
    Encoder encoder = random_encoder(spec_of(family), 3);
    if (family == "videomae")  // keys have no bias there
      for (auto& block : encoder.weights.blocks) block.qkv.bias.slice(0, 24, 48).zero_();
    write_huggingface(folder / "out", encoder, false);
    const Encoder back = load_encoder_file(folder / "out");
    EXPECT_EQ(back.name, "out");
    VitWeights one = encoder.weights, two = back.weights;
    const auto before = named_tensors(one), after = named_tensors(two);
    ASSERT_EQ(before.size(), after.size());
    for (std::size_t i = 0; i < before.size(); ++i)
      EXPECT_TRUE(before[i].second.equal(after[i].second)) << before[i].first;
    Json expected = to_json(encoder.spec), found = to_json(back.spec);
    expected["ffn_width"] = encoder.spec.hidden();
    expected.erase("mlp_ratio");
    found.erase("mlp_ratio");
    EXPECT_EQ(found, expected);
  }
}

TEST(Families, Vjepa2KeepsAnMlpThatIsNoMultipleOfItsWidth) {
  TestFolder folder;
  EncoderSpec spec = spec_of("vjepa2");
  spec.width = 56;
  spec.feed_forward.ratio = 48.0 / 11;  // 244 channels, as ViT-g has 6144 of 1408
  Encoder encoder = random_encoder(spec, 3);
  ASSERT_EQ(encoder.spec.hidden(), 244);
  write_huggingface(folder / "out", encoder, false);
  EXPECT_EQ(load_encoder_file(folder / "out").sha256, encoder.sha256);
}

TEST(Families, VjepaGoesToAFolderWithAModelOfItsOwn) {
  TestFolder folder;
  Encoder encoder = random_encoder(spec_of("vjepa"), 3);
  const std::string how = write_huggingface(folder / "out", encoder, false);
  EXPECT_TRUE(contains(how, "trust_remote_code")) << how;
  EXPECT_TRUE(std::filesystem::exists(folder / "out/modeling_permafrost.py"));
  const Encoder back = load_encoder_file(folder / "out");
  EXPECT_EQ(back.sha256, encoder.sha256);
  EXPECT_EQ(back.spec.family, "vjepa");
}

// As a denoiser at one noise level has: its gates.
TEST(Families, VjepasFolderHoldsLayerScales) {
  TestFolder folder;
  EncoderSpec spec = spec_of("vjepa");
  spec.layer_scale = true;
  Encoder encoder = random_encoder(spec, 3);
  for (auto& block : encoder.weights.blocks) block.scale2.fill_(0.25);
  encoder.sha256 = hash_of(encoder);
  write_huggingface(folder / "out", encoder, false);
  EXPECT_TRUE(read_json((folder / "out/config.json").string()).at("layer_scale"));
  const Encoder back = load_encoder_file(folder / "out");
  EXPECT_EQ(back.sha256, encoder.sha256);
  EXPECT_TRUE(back.spec.layer_scale);
}

// A model file that lacks a part would load and say something else.
TEST(Families, VjepasFolderIsRefusedForWhatItCannotHold) {
  TestFolder folder;
  const auto refusal = [&](auto change) {
    EncoderSpec spec = spec_of("vjepa");
    change(spec);
    Encoder encoder = random_encoder(spec, 3);
    return input_error_of([&] { write_huggingface(folder / "out", encoder, false); });
  };
  EXPECT_TRUE(contains(refusal([](EncoderSpec& s) { s.feed_forward.kind = kSwiglu; }), "ffn"));
  EXPECT_TRUE(contains(refusal([](EncoderSpec& s) { s.feed_forward.kind = kGeluTanh; }), "ffn"));
  EXPECT_TRUE(contains(refusal([](EncoderSpec& s) {
                         s.routing.experts = 2;
                         s.expert_blocks = {0};
                       }),
                       "convert: experts: expected 0"));
  EXPECT_TRUE(contains(
      refusal([](EncoderSpec& s) { s.ffn_widths.assign(static_cast<std::size_t>(s.depth), 16); }),
      "convert: ffn_widths: expected one width"));
  EXPECT_TRUE(
      contains(refusal([](EncoderSpec& s) { s.positions = Positions::rope_3d; }), "positions"));
  EXPECT_TRUE(contains(refusal([](EncoderSpec& s) { s.class_token = true; }), "class_token"));
  EXPECT_TRUE(contains(refusal([](EncoderSpec& s) { s.final_norm = false; }), "final_norm"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

TEST(Families, AreKnownByTheAuthorsNames) {
  for (const std::string family : {"vjepa2", "vit_mae", "ijepa", "dinov2"}) {
    SCOPED_TRACE(family);
    Encoder encoder = random_encoder(spec_of(family), 3);
    const EncoderReading reading = read_encoder(
        checkpoint_of(prefixed(original_tensors(encoder), "module.backbone."), "model"),
        {.spec = R"({"heads": 2})"});
    EXPECT_TRUE(reading.complete()) << complaint_of(reading.fates);
    EXPECT_EQ(reading.encoder.spec.family, family);
    EXPECT_EQ(reading.entry, "model");
    EXPECT_EQ(reading.encoder.spec.hidden(), 48);
    EXPECT_EQ(reading.encoder.sha256, encoder.sha256);
  }
}

// One rule for every container: the names that training tools leave.
TEST(Families, AreReadWhateverTheirNamesAreWrappedIn) {
  TestFolder folder;
  Encoder encoder = random_encoder(spec_of("dinov2"), 3);
  write_huggingface(folder / "hf", encoder, false);
  const fs::path weights = folder / "hf" / "model.safetensors";
  const SafetensorsFile whole = read_safetensors(weights);
  NamedTensors stored, original;
  for (const auto& [name, tensor] : whole.tensors) stored.emplace_back(name, tensor.clone());
  Encoder copy = encoder;
  original = original_tensors(copy);
  const auto wrapped = [](const NamedTensors& tensors, const std::string& start) {
    NamedTensors out;
    for (auto [name, tensor] : prefixed(tensors, start)) {
      for (const std::string block : {"layer.1.", "blocks.1."})
        if (const auto at = name.find(block); at != std::string::npos)
          name.insert(at + block.size(), "_checkpoint_wrapped_module.");
      out.emplace_back(name, tensor);
    }
    return out;
  };
  for (const std::string start :
       {"", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "base_model.model.",
        "module.base_model.model.", "_fsdp_wrapped_module.", "net.", "model.net.", "module.net."}) {
    SCOPED_TRACE(start);
    const EncoderOptions options{.spec = R"({"heads": 2})"};
    const auto expect_same = [&](const Encoder& found) {
      EXPECT_EQ(found.sha256, encoder.sha256);
      const bool told = contains(joined(found.notes), "all names begin with");
      EXPECT_EQ(told, contains(start, "net.")) << joined(found.notes);
    };
    write_safetensors(folder / "a.safetensors", wrapped(original, start), {});
    expect_same(load_encoder_file(folder / "a.safetensors", options));
    expect_same(read_encoder(checkpoint_of(wrapped(original, start), "model"), options).encoder);
    if (start == "model.net.") continue;  // no trainer of Hugging Face's models puts "model." there
    write_safetensors(weights, wrapped(stored, start), whole.metadata);
    expect_same(load_encoder_file(folder / "hf"));
  }
}

TEST(Families, RefuseTwoNamesThatBecomeOne) {
  Encoder encoder = random_encoder(spec_of("dinov2"), 3);
  NamedTensors tensors = original_tensors(encoder);
  tensors.emplace_back("module.norm.bias", tensors.back().second);
  const EncoderReading reading = read_encoder(checkpoint_of(tensors), {.spec = R"({"heads": 2})"});
  EXPECT_FALSE(reading.complete());
  EXPECT_EQ(fates_with(reading, Fate::unexpected), "module.norm.bias ");
}

TEST(Families, ArePartsOfFilesByCheckpointKey) {
  Encoder student = random_encoder(spec_of("dinov2"), 3),
          teacher = random_encoder(spec_of("dinov2"), 4);
  NamedTensors both = prefixed(original_tensors(student), "student.net.");
  for (auto& named : prefixed(original_tensors(teacher), "teacher.net.")) both.push_back(named);
  const std::string text =
      input_error_of([&] { read_encoder(checkpoint_of(both, "state_dict"), {}); });
  EXPECT_TRUE(contains(text,
                       "--checkpoint-key takes a part of the names: state_dict.student.net, "
                       "state_dict.teacher.net"))
      << text;
  const auto read = [&](const std::string& entry, const std::string& key) {
    return read_encoder(checkpoint_of(both, entry), {.spec = R"({"heads": 2})", .key = key})
        .encoder.sha256;
  };
  EXPECT_EQ(read("state_dict", "state_dict.teacher.net"), teacher.sha256);
  EXPECT_EQ(read("state_dict", "state_dict.student"), student.sha256);
  EXPECT_EQ(read("", "teacher"), teacher.sha256);
  EXPECT_THROW(read("", "teach"), InputError);
}

TEST(Families, SayWhichPreprocessingWasAssumed) {
  Encoder encoder = random_encoder(spec_of("vit_mae"), 3);
  const auto read = [&](const std::string& spec) {
    return read_encoder(checkpoint_of(original_tensors(encoder), "model"), {.spec = spec}).encoder;
  };
  EXPECT_TRUE(contains(joined(read(R"({"heads": 2})").notes), "ImageNet's mean and deviation"));
  const Encoder half =
      read(R"({"heads": 2, "mean": [0.5, 0.5, 0.5], "deviation": [0.5, 0.5, 0.5]})");
  EXPECT_FALSE(contains(joined(half.notes), "ImageNet"));
  EXPECT_EQ(half.spec.mean[2], 0.5);
  EXPECT_EQ(half.spec.deviation[0], 0.5);
}

TEST(Families, VideoMaeHasNoBiasOfKeys) {
  Encoder encoder = random_encoder(spec_of("videomae"), 3);
  NamedTensors tensors;
  for (const auto& [name, tensor] : original_tensors(encoder)) {
    if (!contains(name, "qkv.bias")) {
      tensors.emplace_back("encoder." + name, tensor);
      continue;
    }
    const std::string start = "encoder." + name.substr(0, name.find("qkv.bias"));
    tensors.emplace_back(start + "q_bias", at::full({24}, 0.5));
    tensors.emplace_back(start + "v_bias", at::full({24}, 0.25));
  }
  tensors.emplace_back("decoder.norm.weight", at::ones({8}));
  tensors.emplace_back("mask_token", at::ones({1, 1, 8}));
  const EncoderReading reading =
      read_encoder(checkpoint_of(tensors, "model"),
                   {.spec = R"({"heads": 2, "frames": 4, "height": 12, "image_width": 12})"});
  EXPECT_TRUE(reading.complete()) << complaint_of(reading.fates);
  EXPECT_EQ(reading.encoder.spec.family, "videomae");
  const at::Tensor bias = reading.encoder.weights.blocks[1].qkv.bias;
  EXPECT_TRUE(bias.equal(at::cat({at::full({24}, 0.5), at::zeros({24}), at::full({24}, 0.25)})));
  EXPECT_EQ(fates_with(reading, Fate::known_unused), "decoder.norm.weight mask_token ");
  // An input size is assumed aloud, but not where it was told.
  const auto notes = [&](const std::string& spec) {
    const auto all = read_encoder(checkpoint_of(tensors, "model"), {.spec = spec}).encoder.notes;
    return std::count_if(all.begin(), all.end(), [](const std::string& note) {
      return contains(note, "16 frames of 224x224");
    });
  };
  EXPECT_EQ(notes(R"({"heads": 2, "frames": 4, "height": 12, "image_width": 12})"), 0);
  EXPECT_EQ(notes(R"({"heads": 2, "frames": 4, "height": 12})"), 1);
}

class VjepaFile : public testing::Test {
 protected:
  Encoder encoder_ = random_encoder(spec_of("vjepa"), 3);
  NamedTensors tensors_ = original_tensors(encoder_);
};

TEST_F(VjepaFile, IsReadFromTheTargetEncoderUnlessToldOtherwise) {
  Encoder other = random_encoder(spec_of("vjepa"), 4);
  Checkpoint checkpoint = checkpoint_of(original_tensors(other), "encoder");
  checkpoint.entries.push_back({"target_encoder", prefixed(tensors_, "module.backbone.")});
  const EncoderReading usual = read_encoder(checkpoint, {.spec = kVjepaSpec});
  EXPECT_EQ(usual.entry, "target_encoder");
  EXPECT_EQ(usual.encoder.sha256, encoder_.sha256);
  EXPECT_TRUE(contains(joined(usual.encoder.notes), "--checkpoint-key encoder"));
  EXPECT_EQ(read_encoder(checkpoint, {.spec = kVjepaSpec, .key = "encoder"}).encoder.sha256,
            other.sha256);
  const std::string text =
      input_error_of([&] { read_encoder(checkpoint, {.spec = kVjepaSpec, .key = "predictor"}); });
  EXPECT_TRUE(contains(text, "\"encoder\", \"target_encoder\"")) << text;
}

TEST_F(VjepaFile, NeedsHeadsThatItsWidthDoesNotTell) {
  const std::string text =
      input_error_of([&] { read_encoder(checkpoint_of(tensors_), {.spec = R"({"frames": 4})"}); });
  EXPECT_TRUE(contains(text, "heads") && contains(text, "--spec '{\"heads\": N}'")) << text;
}

TEST_F(VjepaFile, CannotBeContradicted) {
  const std::string text = input_error_of([&] {
    read_encoder(checkpoint_of(tensors_), {.spec = R"({"heads": 2, "frames": 4, "depth": 3})"});
  });
  EXPECT_TRUE(contains(text, "--spec: depth: expected 2, as file.pth tells, found 3")) << text;
}

TEST_F(VjepaFile, KeepsATableThatIsNotTheComputedOne) {
  for (auto& [name, tensor] : tensors_)
    if (name == "pos_embed") tensor = tensor + 0.5;
  const EncoderReading reading = read_encoder(checkpoint_of(tensors_), {.spec = kVjepaSpec});
  EXPECT_TRUE(reading.complete());
  EXPECT_TRUE(
      contains(joined(reading.encoder.notes), "differs from the computed one by up to 0.5"));
  EXPECT_NE(reading.encoder.sha256, encoder_.sha256);
  EXPECT_TRUE(reading.encoder.weights.pos_embed.equal(encoder_.weights.pos_embed + 0.5));
  // Such a table is part of the file that is written.
  TestFolder folder;
  Encoder copy = reading.encoder;
  save_encoder(folder / "a.safetensors", copy.weights, copy.spec, nullptr, false);
  EXPECT_EQ(load_encoder_file(folder / "a.safetensors").sha256, copy.sha256);
}

TEST_F(VjepaFile, RefusesATableThatIsNotFinite) {
  for (auto& [name, tensor] : tensors_)
    if (name == "pos_embed") (tensor = tensor.clone()).view(-1)[5] = NAN;
  EXPECT_TRUE(
      contains(complaint_of(read_encoder(checkpoint_of(tensors_), {.spec = kVjepaSpec}).fates),
               "1 not finite: pos_embed (1 of "));
}

TEST_F(VjepaFile, ListsWhatIsMissingUnexpectedAndMismatched) {
  tensors_.erase(tensors_.begin());
  tensors_.emplace_back("blocks.7.norm1.weight", at::ones({24}));
  for (auto& [name, tensor] : tensors_)
    if (name == "norm.bias") tensor = at::ones({7});
  tensors_.emplace_back("patch_embed.proj.weight", at::ones({24, 3, 2, 4, 4}));
  tensors_.erase(std::find_if(tensors_.begin(), tensors_.end(), [](const auto& named) {
    return named.first == "blocks.1.mlp.fc2.bias";
  }));
  const EncoderReading reading = read_encoder(checkpoint_of(tensors_), {.spec = kVjepaSpec});
  EXPECT_EQ(complaint_of(reading.fates),
            "1 missing: blocks.1.mlp.fc2.bias; 1 mismatched: norm.bias (expected [24], found [7] "
            "float); 1 unexpected: blocks.7.norm1.weight");
}

TEST_F(VjepaFile, WithARotaryPredictorIsVjepa2) {
  Checkpoint checkpoint = checkpoint_of(tensors_, "encoder");
  checkpoint.entries.push_back({"predictor", {{"mask_tokens.0", at::zeros({1, 1, 8})}}});
  const EncoderReading reading = read_encoder(checkpoint, {.spec = R"({"heads": 2})"});
  EXPECT_EQ(reading.encoder.spec.family, "vjepa2");
  EXPECT_EQ(fates_with(reading, Fate::known_unused), "pos_embed ");
}

TEST(Families, SayWhatIsNoEncoder) {
  const Checkpoint head = checkpoint_of({{"module.pooler.query_tokens", at::zeros({1, 1, 8})},
                                         {"module.linear.weight", at::zeros({5, 8})}},
                                        "classifier");
  std::string text = input_error_of([&] { read_encoder(head, {}); });
  EXPECT_TRUE(contains(text, "classifier") && contains(text, "--head")) << text;
  const Checkpoint other = checkpoint_of({{"conv1.weight", at::zeros({8, 3, 7, 7})}}, "");
  text = input_error_of([&] { read_encoder(other, {}); });
  EXPECT_TRUE(contains(text, "known family") && contains(text, "conv1.weight")) << text;
  Checkpoint folder = checkpoint_of({{"x", at::zeros({1})}});
  folder.container = Container::huggingface;
  folder.config = {{"model_type", "clip"}};
  text = input_error_of([&] { read_encoder(folder, {}); });
  EXPECT_TRUE(contains(text, "config.json: model_type") && contains(text, "\"clip\"")) << text;
}

TEST(Families, RefuseConfigurationsThatTheyCannotCompute) {
  TestFolder folder;
  Encoder encoder = random_encoder(spec_of("ijepa"), 3);
  write_huggingface(folder / "good", encoder, false);
  Checkpoint good = open_checkpoint(folder / "good");
  const auto refused = [&](const char* key, const Json& value) {
    Checkpoint changed = good;
    if (value.is_null())
      changed.config.erase(key);
    else
      changed.config[key] = value;
    return input_error_of([&] { read_encoder(changed, {}); });
  };
  for (const char* key : {"hidden_size", "num_hidden_layers", "num_attention_heads", "patch_size",
                          "image_size", "layer_norm_eps", "intermediate_size"}) {
    EXPECT_TRUE(contains(refused(key, nullptr), key)) << key;
    EXPECT_TRUE(contains(refused(key, "many"), key)) << key;
    EXPECT_TRUE(contains(refused(key, -3), "expected")) << key;
  }
  EXPECT_TRUE(contains(refused("hidden_size", 1'000'000'000), "hidden_size"));
  EXPECT_TRUE(contains(refused("hidden_act", "relu"), "hidden_act: expected \"gelu\""));
  EXPECT_TRUE(contains(refused("num_channels", 4), "num_channels: expected 3"));
  EXPECT_TRUE(contains(refused("qkv_bias", false), "qkv_bias"));
  for (const Json& size : {Json{8, -8}, Json{8, 8, 8}, Json{"8", 8}})
    EXPECT_TRUE(contains(refused("image_size", size), "image_size")) << size;
  Checkpoint pair = good;
  pair.config["image_size"] = Json{encoder.spec.height, encoder.spec.image_width};
  EXPECT_EQ(read_encoder(pair, {}).encoder.sha256, encoder.sha256);
  pair.config["image_size"] = Json{encoder.spec.height, 2 * encoder.spec.image_width};
  EXPECT_FALSE(read_encoder(pair, {}).complete()) << "the table has fewer rows";
  // A depth that the tensors do not have, or width of which nothing fits, asks for no memory.
  Checkpoint deep = good;
  deep.config["num_hidden_layers"] = 256;
  deep.config["hidden_size"] = 16384;
  EXPECT_FALSE(read_encoder(deep, {}).complete());
}

TEST(AtSize, ComputesOrResizesPositions) {
  for (const std::string family : {"vjepa", "vjepa2", "videomae", "vit_mae", "ijepa", "dinov2"}) {
    SCOPED_TRACE(family);
    const Encoder encoder = random_encoder(spec_of(family), 3);
    const ClipShape larger{encoder.spec.per_frame ? 3 : 8, 20, 16};
    const Encoder resized = at_size(encoder, larger);
    EXPECT_EQ(resized.spec.clip_shape(), larger);
    ASSERT_EQ(resized.notes.size(), 1U);
    EXPECT_TRUE(contains(resized.notes[0], "used at ")) << resized.notes[0];
    const at::Tensor pixels = at::zeros({2, larger.frames, 20, 16, 3}, at::kByte);
    EXPECT_EQ(encode(resized.weights, resized.spec, patchify(pixels, resized.spec)).sizes(),
              (std::vector<std::int64_t>{2, resized.spec.tokens(), 24}));
    EXPECT_EQ(at_size(encoder, encoder.spec.clip_shape()).notes.size(), 0U);
    EXPECT_THROW(at_size(encoder, {larger.frames, 18, 16}), InputError);
  }
}

TEST(Images, AreEncodedFrameByFrame) {
  const Encoder image = random_encoder(spec_of("dinov2"), 3);
  const Encoder clip = at_size(image, {5, 12, 12});
  const at::Tensor pixels =
      at::arange(5 * 12 * 12 * 3, at::kInt).remainder(249).to(at::kByte).view({1, 5, 12, 12, 3});
  const at::Tensor together =
      encode(clip.weights, clip.spec, patchify(pixels, clip.spec), {}, Tokens::all);
  EXPECT_EQ(together.size(1), 5 * (1 + 3 + 9));
  for (int t = 0; t < 5; ++t) {
    const at::Tensor alone =
        encode(image.weights, image.spec, patchify(pixels.slice(1, t, t + 1), image.spec), {},
               Tokens::all);
    // Products of other sizes are summed in another order.
    EXPECT_LT(largest_difference(together.slice(1, 13 * t, 13 * (t + 1)), alone), 5e-6);
  }
  EXPECT_EQ(encode(clip.weights, clip.spec, patchify(pixels, clip.spec)).size(1), 45);
}

TEST(KnownSpecs, AreCompleteAndNamed) {
  for (const auto& name : known_spec_names()) {
    const Json spec = spec_option(name);
    for (const char* key : {"family", "heads", "frames", "height", "image_width"})
      EXPECT_TRUE(spec.contains(key)) << name << " " << key;
  }
  EXPECT_TRUE(spec_option("").empty());
  EXPECT_EQ(spec_option(R"({"heads": 3})").at("heads"), 3);
  EXPECT_TRUE(contains(input_error_of([] { spec_option("vjepa-vitl61"); }), "vjepa-vitl16"));
  EXPECT_TRUE(contains(input_error_of([] { spec_option("[1]"); }), "--spec"));
}

}  // namespace families_test
}  // namespace permafrost
