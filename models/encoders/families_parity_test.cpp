// SPDX-License-Identifier: Apache-2.0
// Encoders of the reference implementations as a user loads them: Hugging Face folders of every
// family and V-JEPA's own files, against the features that the references computed.
#include "models/encoders/checkpoint_to_encoder.h"
#include "models/encoders/families/family.h"
#include "models/encoders/videomae_decoder.h"
#include "models/testing/parity_support.h"

namespace permafrost {
namespace families_parity_test {
namespace fs = std::filesystem;

// The reference's input under any of its names, as clips [B,3,T,H,W]; an image is a clip of a
// frame.
at::Tensor input_of(const SafetensorsFile& file, const std::string& suffix) {
  for (const auto& [name, tensor] : file.tensors) {
    if (name != "pixel_values" + suffix && name != "pixel_values_videos" + suffix) continue;
    return tensor.dim() == 5 ? tensor.transpose(1, 2).to(at::kFloat)
                             : tensor.unsqueeze(2).to(at::kFloat);
  }
  return {};
}

at::Tensor features_of(const Encoder& loaded, const at::Tensor& clips) {
  const Encoder encoder =
      at_size(loaded, {static_cast<int>(clips.size(2)), static_cast<int>(clips.size(3)),
                       static_cast<int>(clips.size(4))});
  return encode(encoder.weights, encoder.spec, patchify_normalised(clips, encoder.spec), {},
                Tokens::all);
}

TEST(FamiliesParity, HuggingFaceFolders) {
  const auto folders = parity_files("hf_", "");
  if (folders.empty()) GTEST_SKIP() << "no hf_* folders";
  for (const auto& folder : folders) {
    SCOPED_TRACE(folder.string());
    const Encoder encoder = load_encoder_file(folder);
    const SafetensorsFile expected = read_safetensors(folder / "expected.safetensors");
    int compared = 0;
    for (const auto& [name, features] : expected.tensors) {
      const std::string start = "last_hidden_state";
      if (name.rfind(start, 0) != 0) continue;
      const at::Tensor clips = input_of(expected, name.substr(start.size()));
      ASSERT_TRUE(clips.defined()) << "no input for " << name;
      EXPECT_LT(relative(features_of(encoder, clips), features), 1e-5) << name;
      ++compared;
    }
    EXPECT_GT(compared, 0);
  }
}

// Every tensor of a folder is accounted for, once.
TEST(FamiliesParity, EveryTensorHasAFate) {
  const auto folders = parity_files("hf_", "");
  if (folders.empty()) GTEST_SKIP() << "no hf_* folders";
  for (const auto& folder : folders) {
    SCOPED_TRACE(folder.string());
    const Checkpoint checkpoint = open_checkpoint(folder);
    const EncoderReading reading = read_encoder(checkpoint, {});
    EXPECT_TRUE(reading.complete()) << complaint_of(reading.fates);
    std::map<std::string, int> seen;
    for (const auto& fate : reading.fates) ++seen[fate.name];
    EXPECT_EQ(seen.size(), checkpoint.entries.at(0).tensors.size());
    for (const auto& [name, times] : seen) EXPECT_EQ(times, 1) << name;
  }
}

TEST(FamiliesParity, VideoMaeDecoderAndLoss) {
  const auto folders = parity_files("hf_videomae_pretraining", "");
  if (folders.empty()) GTEST_SKIP() << "no hf_videomae_pretraining*";
  for (const auto& folder : folders) {
    SCOPED_TRACE(folder.string());
    const Checkpoint checkpoint = open_checkpoint(folder);
    const Encoder encoder = load_encoder_file(folder);
    const VideoMaeDecoder decoder = read_videomae_decoder(checkpoint, encoder.spec);
    const SafetensorsFile expected = read_safetensors(folder / "expected.safetensors");
    const std::string where = folder.string();
    const at::Tensor clips = input_of(expected, "");
    const at::Tensor masked = expected.tensor("bool_masked_pos", where).to(at::kBool);
    const auto [kept, hidden] = indices_of_mask(masked);
    const at::Tensor patches = patchify_normalised(clips, encoder.spec);
    const at::Tensor z = encode(encoder.weights, encoder.spec, patches, kept);
    const at::Tensor prediction = reconstruct(decoder, z, kept, hidden);
    EXPECT_LT(relative(prediction, expected.tensor("reconstruction", where)), 1e-5);
    const at::Tensor targets = videomae_targets(clips, encoder.spec, decoder.normalised_targets);
    const at::Tensor loss = (prediction - gather_tokens(targets, hidden)).square().mean();
    EXPECT_NEAR(loss.item<double>() / expected.tensor("loss", where).item<double>(), 1, 1e-5);
  }
}

// The same decoder by the authors' names: one matrix for query, key and value.
Checkpoint authors_decoder(const Checkpoint& folder) {
  const std::pair<const char*, const char*> names[] = {
      {"decoder.decoder_layers.", "decoder.blocks."},
      {"layernorm_before", "norm1"},
      {"layernorm_after", "norm2"},
      {"attention.output.dense", "attn.proj"},
      {"intermediate.dense", "mlp.fc1"},
      {"output.dense", "mlp.fc2"},
      {"attention.attention.q_bias", "attn.q_bias"},
      {"attention.attention.v_bias", "attn.v_bias"},
      {"attention.attention.query.bias", "attn.q_bias"},
      {"attention.attention.value.bias", "attn.v_bias"}};
  Checkpoint out;
  out.path = "authors.pth";
  out.entries.push_back({"model", {}});
  std::map<std::string, std::vector<at::Tensor>> rows;
  for (const auto& [name, tensor] : folder.entries.at(0).tensors) {
    std::string ours = name;
    for (const auto& [from, to] : names)
      if (const auto at = ours.find(from); at != std::string::npos)
        ours.replace(at, std::string(from).size(), to);
    const auto at = ours.find("attention.attention.");
    if (ours.rfind("decoder.", 0) != 0 || at == std::string::npos) {
      out.entries[0].tensors.emplace_back(ours, tensor);
      continue;
    }
    auto& parts = rows[ours.substr(0, at)];
    parts.resize(3);
    parts[std::string("qkv").find(ours[at + 20])] = tensor;  // query, key or value
  }
  for (const auto& [block, parts] : rows)
    out.entries[0].tensors.emplace_back(block + "attn.qkv.weight", at::cat(parts));
  return out;
}

TEST(FamiliesParity, VideoMaeDecoderByTheAuthorsNames) {
  const auto folders = parity_files("hf_videomae_pretraining", "");
  if (folders.empty()) GTEST_SKIP() << "no hf_videomae_pretraining*";
  const Checkpoint folder = open_checkpoint(folders[0]);
  const EncoderSpec spec = load_encoder_file(folders[0]).spec;
  const VideoMaeDecoder decoder = read_videomae_decoder(folder, spec);
  Checkpoint authors = authors_decoder(folder);
  const VideoMaeDecoder same = read_videomae_decoder(authors, spec, decoder.block.heads);
  ASSERT_EQ(same.blocks.size(), decoder.blocks.size());
  for (std::size_t i = 0; i < same.blocks.size(); ++i) {
    EXPECT_TRUE(same.blocks[i].qkv.weight.equal(decoder.blocks[i].qkv.weight));
    EXPECT_TRUE(same.blocks[i].qkv.bias.equal(decoder.blocks[i].qkv.bias));
    EXPECT_TRUE(same.blocks[i].mlp.fc2.weight.equal(decoder.blocks[i].mlp.fc2.weight));
  }
  std::erase_if(authors.entries[0].tensors,
                [](const auto& named) { return named.first == "decoder.blocks.0.attn.proj.bias"; });
  const std::string text =
      input_error_of([&] { read_videomae_decoder(authors, spec, decoder.block.heads); });
  EXPECT_TRUE(contains(text, "1 missing: decoder.blocks.0.attn.proj.bias")) << text;
}

// --spec for a fixture: what its own configuration says and the file does not.
std::string spec_text(const Json& config) {
  return Json{{"heads", config.at("num_heads")},
              {"frames", config.at("num_frames")},
              {"height", config.at("image_size")},
              {"image_width", config.at("image_size")},
              {"uniform_power", config.at("uniform_power")}}
      .dump();
}

TEST(FamiliesParity, VjepaCheckpoints) {
  const auto folders = parity_files("vjepa_checkpoint", "");
  if (folders.empty()) GTEST_SKIP() << "no vjepa_checkpoint*";
  for (const auto& folder : folders) {
    const Dump expected(folder / "expected.safetensors");
    const std::string spec = spec_text(expected.config);
    for (const std::string key : {"encoder", "target_encoder"}) {
      const Encoder encoder =
          load_encoder_file(folder / "vjepa.pth.tar", {.spec = spec, .key = key});
      EXPECT_LT(relative(features_of(encoder, expected.at("clip")), expected.at(key + "_features")),
                1e-5)
          << folder << " " << key;
    }
    if (expected.tensors.count("clip_resized") > 0) {
      const Encoder encoder = load_encoder_file(folder / "vjepa.pth.tar", {.spec = spec});
      EXPECT_LT(relative(features_of(encoder, expected.at("clip_resized")),
                         expected.at("target_encoder_features_resized")),
                1e-5);
    }
    const std::string usual = expected.config.at("checkpoint_key");
    const Encoder encoder = load_encoder_file(folder / "vjepa.pth.tar", {.spec = spec});
    EXPECT_LT(relative(features_of(encoder, expected.at("clip")), expected.at(usual + "_features")),
              1e-5);
    for (const char* name : {"legacy_namespace.pth", "zip_namespace.pth"}) {
      if (!fs::exists(folder / name)) continue;
      const Encoder other = load_encoder_file(folder / name, {.spec = spec});
      const double target =
          relative(features_of(other, expected.at("clip")), expected.at("target_encoder_features"));
      const double online =
          relative(features_of(other, expected.at("clip")), expected.at("encoder_features"));
      EXPECT_LT(std::min(target, online), 1e-5) << name;
    }
  }
}

}  // namespace families_parity_test
}  // namespace permafrost
