// SPDX-License-Identifier: Apache-2.0
// permafrost inspect, features and convert on the references' files, as a user runs them.
#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "common/testing/parity_files.h"
#include "models/encoders/checkpoints/checkpoint.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/testing/parity_support.h"

namespace permafrost {
namespace features_cli_test {
namespace fs = std::filesystem;

class FeaturesCli : public Cli {
 protected:
  Ran features(const std::string& encoder, const std::string& input, const std::string& rest) {
    return program("features --encoder " + encoder + " --input " + input + " --output " +
                   path("out.safetensors") + " " + rest);
  }
  at::Tensor output(const std::string& name = "features") const {
    return read_safetensors(path("out.safetensors")).tensor(name, "out").clone();
  }
};

TEST_F(FeaturesCli, GivesTheLastHiddenStateOfEveryFamily) {
  const auto folders = parity_files("hf_", "");
  if (folders.empty()) GTEST_SKIP() << "no hf_* folders";
  for (const auto& folder : folders) {
    SCOPED_TRACE(folder.string());
    const fs::path file = folder / "expected.safetensors";
    const SafetensorsFile expected = read_safetensors(file);
    for (const auto& [key, tensor] : expected.tensors) {
      if (key.rfind("pixel_values", 0) != 0) continue;
      const auto suffix = key.find("_resized") == std::string::npos ? "" : "_resized";
      const std::string rest = "--layout BTCHW --key " + key;
      const Ran run = features(folder, file, rest + " --tokens all");
      ASSERT_EQ(run.status, 0) << run.err;
      const at::Tensor state = expected.tensor(std::string("last_hidden_state") + suffix, "");
      const at::Tensor all = output();
      EXPECT_LT(relative(all, state), 1e-5) << key;
      ASSERT_EQ(features(folder, file, rest).status, 0);
      const at::Tensor patches = output();
      EXPECT_TRUE(patches.equal(all.slice(1, all.size(1) - patches.size(1)))) << key;
      // The two layouts are the same clips.
      if (tensor.dim() != 5) continue;
      write_safetensors(path("turned.safetensors"), {{"clips", tensor.transpose(1, 2)}}, {});
      ASSERT_EQ(features(folder, path("turned.safetensors"), "--layout BCTHW").status, 0);
      EXPECT_TRUE(output().equal(patches)) << key;
    }
  }
}

TEST_F(FeaturesCli, ReadsATrainingCheckpointWithItsSpec) {
  const auto folders = parity_files("vjepa_checkpoint", "");
  if (folders.empty()) GTEST_SKIP() << "no vjepa_checkpoint*";
  for (const auto& folder : folders) {
    const Dump expected(folder / "expected.safetensors");
    const Json spec{{"heads", expected.whole("num_heads")},
                    {"frames", expected.whole("num_frames")},
                    {"uniform_power", expected.config.at("uniform_power")}};
    const std::string said = " --spec '" + spec.dump() + "'";
    const std::string rest = "--layout BCTHW --key clip --layers 0," +
                             std::to_string(expected.whole("depth") - 1) + said;
    const Ran run = features(folder / "vjepa.pth.tar", folder / "expected.safetensors", rest);
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_NE(run.err.find("reads target_encoder"), std::string::npos) << run.err;
    EXPECT_LT(relative(output(), expected.at("target_encoder_features")), 1e-5);
    EXPECT_TRUE(
        output("features.layer." + std::to_string(expected.whole("depth") - 1)).equal(output()));
    ASSERT_EQ(features(folder / "vjepa.pth.tar", folder / "expected.safetensors",
                       rest + " --checkpoint-key encoder")
                  .status,
              0);
    EXPECT_LT(relative(output(), expected.at("encoder_features")), 1e-5);
    // Without the spec, the message says what to write.
    expect_refusal("features --encoder " + (folder / "vjepa.pth.tar").string() +
                       " --input x.mp4 --output " + path("f"),
                   {"vjepa.pth.tar", "--spec"});
    expect_refusal("features --encoder " + (folder / "probe.pth.tar").string() +
                       " --input x.mp4 --output " + path("f"),
                   {"probe.pth.tar", "this is a head; name it with --head"});
    expect_refusal("inspect " + (folder / "malicious.pth").string(), {"a call of"});
    expect_refusal("inspect " + (folder / "truncated.pth.tar").string(), {"truncated"});
  }
}

TEST_F(FeaturesCli, InspectListsTheFateOfEveryTensor) {
  const auto folders = parity_files("hf_videomae_pretraining", "");
  if (folders.empty()) GTEST_SKIP() << "no hf_videomae_pretraining*";
  const Ran run = program("inspect --json " + folders[0].string());
  ASSERT_EQ(run.status, 0) << run.err;
  const Json json = Json::parse(run.out);
  EXPECT_EQ(json.at("family"), "videomae");
  EXPECT_EQ(json.at("complete"), true);
  std::map<std::string, int> fates;
  for (const auto& tensor : json.at("tensors")) ++fates[tensor.at("fate")];
  EXPECT_GT(fates["used"], 10);
  EXPECT_GT(fates["known unused"], 10);
  EXPECT_EQ(fates.size(), 2U);
}

TEST_F(FeaturesCli, InspectRefusesAnEncoderWhoseConfigurationIsWrong) {
  const auto folders = parity_files("hf_ijepa", "");
  if (folders.empty()) GTEST_SKIP() << "no hf_ijepa*";
  fs::copy(folders[0], folder_ / "wrong");
  Json config = read_json(folder_ / "wrong/config.json");
  config["hidden_size"] = -1;
  write_file_atomically(folder_ / "wrong/config.json", config.dump());
  expect_refusal("inspect " + path("wrong"), {"config.json: hidden_size", "found -1"});
  // Tensors of nobody are shown: they need not be an encoder.
  write_safetensors(path("any.safetensors"), {{"a", at::zeros({3})}}, {});
  EXPECT_EQ(program("inspect " + path("any.safetensors")).status, 0);
}

TEST_F(FeaturesCli, StopsBeforeADamagedEncoder) {
  const auto folders = parity_files("vjepa_checkpoint", "");
  if (folders.empty()) GTEST_SKIP() << "no vjepa_checkpoint*";
  const Dump expected(folders[0] / "expected.safetensors");
  // One bit of the largest weight of the file (the pickle may be larger), which no shape and no
  // type betrays.
  std::string bytes = read_file(folders[0] / "vjepa.pth.tar");
  const Checkpoint file = open_checkpoint(folders[0] / "vjepa.pth.tar");
  const auto entry = file.entry("target_encoder");
  const Checksummed* largest = nullptr;
  for (const auto& record : entry->records) {
    const bool weight = record.name.rfind("data/", 0) == 0;
    if (weight && (largest == nullptr || record.bytes.size > largest->bytes.size))
      largest = &record;
  }
  ASSERT_NE(largest, nullptr);
  bytes[bytes.find(largest->bytes.text())] ^= 1;
  write_file_atomically(folder_ / "flipped.pth", bytes);
  const Json spec{{"heads", expected.whole("num_heads")}, {"frames", expected.whole("num_frames")}};
  for (const auto& command :
       {std::string("inspect "), "convert --out " + path("f") + " --encoder "})
    expect_refusal(command + path("flipped.pth") + " --spec '" + spec.dump() + "'",
                   {"flipped.pth: data/", "CRC-32", "damaged"});
  EXPECT_FALSE(fs::exists(folder_ / "f"));
}

TEST_F(FeaturesCli, StopsBeforeAnIncompleteEncoder) {
  const auto folders = parity_files("hf_ijepa", "");
  if (folders.empty()) GTEST_SKIP() << "no hf_ijepa*";
  fs::copy(folders[0], folder_ / "cut");
  SafetensorsFile file = read_safetensors(folder_ / "cut/model.safetensors");
  NamedTensors kept;
  for (const auto& [name, tensor] : file.tensors)
    if (name != "layernorm.bias") kept.emplace_back(name, tensor.clone());
  kept.emplace_back("surprise", at::zeros({3}));
  write_safetensors(folder_ / "cut/model.safetensors", kept, {{"format", "pt"}});
  const Ran inspected = program("inspect --json " + path("cut"));
  EXPECT_EQ(inspected.status, 1) << inspected.err;
  EXPECT_EQ(Json::parse(inspected.out).at("complete"), false);
  expect_refusal("features --encoder " + path("cut") + " --input x.png --output " + path("f"),
                 {"1 missing: layernorm.bias", "1 unexpected: surprise"});
  EXPECT_FALSE(fs::exists(folder_ / "f"));
}

TEST_F(FeaturesCli, ConvertedEncodersGiveTheSameFeatures) {
  const auto folders = parity_files("hf_", "");
  if (folders.empty()) GTEST_SKIP() << "no hf_* folders";
  int number = 0;
  for (const auto& folder : folders) {
    SCOPED_TRACE(folder.string());
    const SafetensorsFile expected = read_safetensors(folder / "expected.safetensors");
    std::string key;
    for (const auto& [name, tensor] : expected.tensors)
      if (name == "pixel_values" || name == "pixel_values_videos") key = name;
    const std::string rest = "--tokens all --key " + key;
    const std::string input = folder / "expected.safetensors";
    ASSERT_EQ(features(folder, input, rest).status, 0);
    const at::Tensor before = output();
    for (const char* kind : {"safetensors", "huggingface"}) {
      const std::string converted = path("converted" + std::to_string(number++) + ".safetensors");
      const Ran run =
          program("convert --encoder " + folder.string() + " --to " + kind + " --out " + converted);
      ASSERT_EQ(run.status, 0) << run.err;
      ASSERT_EQ(features(converted, input, rest).status, 0);
      EXPECT_TRUE(output().equal(before)) << kind;
    }
    expect_refusal("convert --encoder " + folder.string() + " --to huggingface --out " + path(""),
                   {"--out", "not there yet"});
  }
}

TEST_F(FeaturesCli, ReadsTheVideoStreamThatIsNamed) {
  const auto folders = parity_files("hf_vjepa2", "");
  if (folders.empty()) GTEST_SKIP() << "no hf_vjepa2*";
  // Two video streams, 0 and 3, of the same film in two sizes.
  const fs::path video =
      parity_folder().parent_path() / "data/decode_fixtures/torchcodec/nasa_13013.mp4";
  if (!fs::exists(video)) GTEST_SKIP() << "no " << video;
  const auto with = [&](const std::string& rest) {
    const Ran run = features(folders[0], video, rest);
    EXPECT_EQ(run.status, 0) << run.err;
    return output();
  };
  const at::Tensor small = with("--stream 0"), large = with("--stream 3"), usual = with("");
  EXPECT_FALSE(small.equal(large));
  EXPECT_TRUE(usual.equal(small) || usual.equal(large));
  expect_refusal("features --encoder " + folders[0].string() + " --input " + video.string() +
                     " --stream 1 --output " + path("f"),
                 {"nasa_13013.mp4: stream: expected the number of a video stream (0, 3)", "audio"});
}

TEST_F(FeaturesCli, RefusesSizesAndTensorsThatDoNotFit) {
  const auto folders = parity_files("hf_vjepa2", "");
  if (folders.empty()) GTEST_SKIP() << "no hf_vjepa2*";
  const std::string start =
      "features --encoder " + folders[0].string() + " --output " + path("f") + " ";
  write_safetensors(path("odd.safetensors"), {{"a", at::zeros({1, 4, 3, 9, 7})}}, {});
  expect_refusal(start + "--input " + path("odd.safetensors"), {"height", "multiple"});
  write_safetensors(path("flat.safetensors"), {{"a", at::zeros({4, 3})}}, {});
  expect_refusal(start + "--input " + path("flat.safetensors"), {"[B,T,3,H,W]", "[4, 3]"});
  write_safetensors(path("long.safetensors"), {{"a", at::zeros({1, 2, 3, 8, 8}, at::kLong)}}, {});
  expect_refusal(start + "--input " + path("long.safetensors"), {"uint8 pixels"});
  write_safetensors(path("two.safetensors"), {{"a", at::zeros({1})}, {"b", at::zeros({1})}}, {});
  expect_refusal(start + "--input " + path("two.safetensors"), {"--key", "2 tensors"});
  EXPECT_FALSE(fs::exists(folder_ / "f"));
}

}  // namespace features_cli_test
}  // namespace permafrost
