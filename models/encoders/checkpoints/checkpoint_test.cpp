// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/checkpoint.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "common/testing/parity_files.h"
#include "models/encoders/checkpoints/huggingface_folder.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/checkpoints/wrapper_names.h"
#include "models/testing/checkpoint_files.h"

namespace permafrost {
namespace checkpoint_test {

using namespace std::string_literals;

std::string refusal_of(const std::filesystem::path& path) {
  return input_error_of([&] { open_checkpoint(path); });
}

TEST(Checkpoints, AreKnownByContent) {
  EXPECT_EQ(open_checkpoint(testdata("bf16.safetensors")).container, Container::safetensors);
  EXPECT_EQ(open_checkpoint(testdata("training.pth")).container, Container::torch_zip);
  EXPECT_EQ(open_checkpoint(testdata("training_legacy.pth")).container, Container::torch_legacy);
  EXPECT_EQ(open_checkpoint(testdata("hf_bin")).container, Container::huggingface);
  EXPECT_STREQ(name_of(Container::torch_zip), "torch archive");
  // A header of 0x280 bytes begins as a pickle does.
  const std::string entry = R"({"w":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})";
  const std::string bytes = little(0x280, 8) + entry + std::string(0x280 - entry.size(), ' ');
  EXPECT_EQ(read_checkpoint(copy_bytes(bytes + "xxxx"), "").container, Container::safetensors);
}

TEST(Checkpoints, OfOtherKindsAreRefusedWithAWord) {
  const auto refusal = [](const std::string& bytes) {
    return input_error_of([&] { read_checkpoint(copy_bytes(bytes), "some.file"); });
  };
  expect_contains(refusal(""),
                  "some.file: expected safetensors, or a file of torch.save, found an empty file");
  expect_contains(refusal("hello"), "found something else");
  expect_contains(refusal(std::string(257, '\0') + "ustar  "), "a tar archive");
  expect_contains(refusal("version https://git-lfs.github.com/spec/v1"), "git lfs pull");
  expect_contains(refusal("\x1f\x8b\x08"), "unpack it first");
  expect_contains(refusal("\x89HDF"), "an HDF5 file");
  expect_contains(refusal("<!DOCTYPE html>"), "a web page");
  expect_contains(refusal(little(2, 8) + "{}"), "expected tensors, found none");
  expect_contains(refusal_of("/no/such/file"), "a readable file");
}

TEST(Checkpoints, OfSafetensorsKeepTheirMetadata) {
  const Checkpoint file = open_checkpoint(testdata("bf16.safetensors"));
  EXPECT_EQ(file.metadata.at("format"), "pt");
  const NamedTensors& tensors = file.entries.at(0).tensors;
  ASSERT_EQ(tensors.size(), 3U);
  EXPECT_EQ(tensors[0].second.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(tensors[0].second.to(at::kLong).equal(at::arange(6).view({2, 3})));
  EXPECT_TRUE(tensors[2].second.to(at::kLong).equal(at::arange(2)));  // not aligned in the file
}

TEST(HuggingFace, FoldersOfShardsAndOfTorchFilesAreRead) {
  for (const std::string folder : {"hf_shards", "hf_bin"}) {
    const Checkpoint file = open_checkpoint(testdata(folder));
    EXPECT_EQ(file.config.at("model_type"), "test");
    ASSERT_EQ(file.entries.size(), 1U);
    EXPECT_EQ(file.entries[0].name, "");
    const NamedTensors& tensors = file.entries[0].tensors;
    ASSERT_EQ(tensors.size(), 2U);
    EXPECT_TRUE(tensors[0].second.to(at::kLong).equal(at::arange(6).view({2, 3})));
    EXPECT_TRUE(tensors[1].second.to(at::kLong).equal(at::arange(2) + 100));
  }
}

class Shards : public testing::Test {
 protected:
  Shards() {
    write_file_atomically(folder_ / "config.json", "{}");
    write("1.safetensors", {{"a", at::ones({1})}, {"b", at::ones({2})}});
    write("2.safetensors", {{"c", at::ones({3})}});
  }
  void write(const std::string& name, const NamedTensors& tensors) {
    write_safetensors(folder_ / name, tensors, {});
  }
  void index(const std::string& map) {
    write_file_atomically(folder_ / "model.safetensors.index.json", "{\"weight_map\":" + map + "}");
  }
  void expect_refused(const std::string& map, const std::string& why) {
    index(map);
    expect_contains(refusal_of(folder_.path()), why);
  }
  TestFolder folder_;
};

TEST_F(Shards, AreReadTogether) {
  index(R"({"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"})");
  EXPECT_EQ(open_checkpoint(folder_.path()).entries.at(0).tensors.size(), 3U);
}

TEST_F(Shards, OutsideOfTheFolderAreRefused) {
  for (const std::string name :
       {"../x", "/etc/passwd", "a/b", "..", ".", "", "a\\\\b", "a\\u0000b"})
    expect_refused("{\"a\":\"" + name + "\"}",
                   "weight_map.a: expected the name of a file in the same folder");
  expect_refused(R"({"a":1})", "weight_map.a: expected the name of a file");
}

TEST_F(Shards, ThatDisagreeWithTheIndexAreRefused) {
  expect_refused("{}", "weight_map: expected a file for each tensor, found none");
  expect_refused("[]", "weight_map: expected a file for each tensor, found none");
  expect_refused(R"({"a":"1.safetensors"})",
                 "b: expected to stand in \"1.safetensors\", found no such tensor");
  expect_refused(R"({"a":"1.safetensors","b":"2.safetensors","c":"2.safetensors"})",
                 "b: expected to stand in \"1.safetensors\", found \"2.safetensors\"");
  expect_refused(R"({"a":"1.safetensors","b":"1.safetensors","d":"1.safetensors"})",
                 "d: expected a tensor, by the index");
  expect_refused(R"({"a":"3.safetensors"})", "3.safetensors");
  write("2.safetensors", {{"c", at::ones({3})}, {"a", at::ones({1})}});
  expect_refused(R"({"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"})",
                 "a: expected to stand in \"2.safetensors\", found \"1.safetensors\"");
}

TEST(HuggingFace, FoldersWithoutTheirFilesAreRefused) {
  TestFolder folder;
  expect_contains(refusal_of(folder.path()), "a folder without");
  write_file_atomically(folder / "config.json", "[]");
  expect_contains(refusal_of(folder.path()), "config.json: expected a JSON object");
  write_file_atomically(folder / "config.json", std::string(100'000, '['));
  expect_contains(refusal_of(folder.path()), "levels of nesting");
  write_file_atomically(folder / "config.json", "{}");
  expect_contains(refusal_of(folder.path()), "none of them");
  write_file_atomically(folder / "pytorch_model.bin.index.json", "{}");
  expect_contains(refusal_of(folder.path()), "safe_serialization");
}

TEST(HuggingFace, FoldersOfOtherToolsAreNamed) {
  const auto refusal_with = [](const std::vector<std::string>& names) {
    TestFolder folder;
    for (const auto& name : names) {
      std::filesystem::create_directories((folder / name).parent_path());
      write_file_atomically(folder / name, "x");
    }
    return refusal_of(folder.path());
  };
  const std::string zero =
      refusal_with({"latest", "zero_to_fp32.py", "global_step10/mp_rank_00_model_states.pt",
                    "global_step10/zero_pp_rank_0_mp_rank_00_optim_states.pt"});
  expect_contains(zero, "found a folder of DeepSpeed (ZeRO), in parts");
  expect_contains(zero, "python zero_to_fp32.py . weights.pth");
  expect_contains(refusal_with({"global_step10/mp_rank_00_model_states.pt"}), "DeepSpeed (ZeRO)");
  expect_contains(refusal_with({".metadata", "__0_0.distcp"}), "dcp_to_torch");
  expect_contains(refusal_with({"adapter_config.json", "adapter_model.safetensors"}),
                  "merge_and_unload");
  expect_contains(refusal_with({"saved_model.pb"}), "TensorFlow");
  expect_contains(refusal_with({"b.pth", "a.safetensors"}), "name a file in it: \"a.safetensors\"");
}

TEST(WrapperNames, AreTakenOffWhereverTheyStand) {
  EXPECT_EQ(without_wrappers("module._orig_mod.blocks.0.norm1.bias"), "blocks.0.norm1.bias");
  EXPECT_EQ(without_wrappers("_orig_mod.module.blocks.0.norm1.bias"), "blocks.0.norm1.bias");
  EXPECT_EQ(without_wrappers("base_model.model.module.cls_token"), "cls_token");
  EXPECT_EQ(without_wrappers("module.base_model.model.cls_token"), "cls_token");
  EXPECT_EQ(without_wrappers("_forward_module.blocks.0._checkpoint_wrapped_module.mlp.fc1.bias"),
            "blocks.0.mlp.fc1.bias");
  EXPECT_EQ(without_wrappers("blocks._fsdp_wrapped_module.0._fsdp_wrapped_module.norm1.bias"),
            "blocks.0.norm1.bias");
  EXPECT_EQ(without_wrappers("net.module"), "net.module");
  EXPECT_EQ(without_wrappers("modules.x"), "modules.x");
  EXPECT_EQ(without_wrappers("model.x"), "model.x");
}

TEST(WrapperNames, CommonPrefixesEndAtADot) {
  const at::Tensor t = at::zeros({1});
  EXPECT_EQ(common_prefix({{"net.a", t}, {"net.b.c", t}}), "net.");
  EXPECT_EQ(common_prefix({{"net.blocks.0.a", t}, {"net.blocks.1.a", t}}), "net.blocks.");
  EXPECT_EQ(common_prefix({{"net.a", t}, {"network.a", t}}), "");
  EXPECT_EQ(common_prefix({}), "");
}

TEST(Checkpoints, GiveAnEntryOrAPartOfItsNames) {
  const at::Tensor t = at::zeros({1});
  Checkpoint file;
  file.entries.push_back({"state_dict", {{"net.module.a", t}, {"net.b.c", t}, {"head.a", t}}, {}});
  const auto names = [&](const std::string& key) {
    std::string text;
    if (const auto part = file.entry_or_part(key))
      for (const auto& [name, tensor] : part->tensors) text += name + " ";
    return text;
  };
  EXPECT_EQ(names("state_dict"), "net.module.a net.b.c head.a ");
  EXPECT_EQ(names("state_dict.net"), "a b.c ");
  EXPECT_EQ(names("state_dict.net.module"), "a b.c ");
  EXPECT_EQ(names("state_dict.net.b"), "c ");
  EXPECT_EQ(names("state_dict.ne"), "");
  EXPECT_EQ(names("net"), "");
  file.entries[0].name = "";  // as of safetensors
  EXPECT_EQ(names("net"), "a b.c ");
}

// Fixtures of the reference implementation.
class ParityCheckpoint : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(folder_)) GTEST_SKIP() << "no " << folder_;
  }
  Checkpoint open(const std::string& name) { return open_checkpoint(folder_ / name); }
  const std::filesystem::path folder_ = parity_folder() / "vjepa_checkpoint";
};

TEST_F(ParityCheckpoint, OfTrainingHoldsItsThreeNetworks) {
  const Checkpoint file = open("vjepa.pth.tar");
  std::vector<std::string> names;
  for (const auto& entry : file.entries) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"encoder", "predictor", "target_encoder"}));
  for (const auto& entry : file.entries) EXPECT_GT(entry.tensors.size(), 20U);
}

TEST_F(ParityCheckpoint, OfAProbeIsRead) {
  const Checkpoint file = open("probe.pth.tar");
  for (const auto& entry : file.entries) EXPECT_FALSE(entry.tensors.empty());
}

TEST_F(ParityCheckpoint, WithANamespaceIsReadFromBothContainers) {
  for (const std::string name : {"zip_namespace.pth", "legacy_namespace.pth"}) {
    const Checkpoint file = open(name);
    bool found = false;
    for (const auto& line : file.others) found = found || contains(line, ": argparse.Namespace (");
    EXPECT_TRUE(found) << name;
  }
}

TEST_F(ParityCheckpoint, ThatIsMaliciousOrTruncatedIsRefused) {
  expect_contains(refusal_of(folder_ / "malicious.pth"), "found a call of posix.system");
  expect_contains(refusal_of(folder_ / "truncated.pth.tar"), "truncated");
}

TEST(ParityFolders, OfHuggingFaceAreRead) {
  const auto folders = parity_files("hf_", "");
  if (folders.empty()) GTEST_SKIP() << "no hf_* in " << parity_folder();
  for (const auto& folder : folders) EXPECT_FALSE(open_checkpoint(folder).entries.empty());
}

}  // namespace checkpoint_test
}  // namespace permafrost
