// SPDX-License-Identifier: Apache-2.0
// Packs as files: written by hand, read, and damaged. Needs no FFmpeg.
#include "datasets/pack/pack.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/files/files.h"
#include "common/files/hash.h"
#include "common/testing/test_folder.h"
#include "datasets/clips/pack_source.h"
#include "datasets/frames/sampling.h"
#include "datasets/tasks/task.h"

namespace permafrost {
namespace pack_test {

namespace fs = std::filesystem;

class PackFiles : public testing::Test {
 protected:
  // Two shards: sample k has 6 + k frames of 16x20, frame t is 10 * t + k everywhere; every second
  // one is stored. The last sample failed.
  void SetUp() override {
    PackInfo info{.spec = {.coding = PackCoding::raw, .short_side = 16, .every = 2},
                  .list_identity = "list",
                  .list_name = "clips.csv",
                  .classes = 2,
                  .class_names = {"calm", "fight"},
                  .samples = 4,
                  .failures = 1};
    info.plan = pack_plan(info.spec, info.list_identity);
    for (int s = 0; s < 2; ++s) {
      const std::string name = "shard-" + std::to_string(s) + ".pfshard";
      ShardWriter writer(folder_ / name, info.plan, 2 * s, PackCoding::raw);
      for (int k = 2 * s; k < 2 * s + 2; ++k) {
        writer.begin(
            {.name = std::to_string(k) + ".mp4", .target = static_cast<int>(k % 2), .group = k});
        for (int t = 0; t < 6 + k; t += 2)
          writer.add_frame(std::string(16 * 20 * 3, static_cast<char>(10 * t + k)));
        writer.end(6 + k, 16, 20);
        if (k == 3) writer.fail("3.mp4: broken");
      }
      writer.finish();
      const std::string bytes = read_file(folder_ / name);
      info.shards.push_back({name, bytes.size(), 2, read_pack_shard(bytes, name).sha256});
    }
    write_pack_info(folder_, info);
  }

  void damage(const std::string& file, std::size_t at) const {
    std::string bytes = read_file(folder_ / file);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write_file_atomically(folder_ / file, bytes);
  }
  template <typename Call>
  std::string error(Call call) const {
    try {
      call();
    } catch (const InputError& failure) {
      return failure.what();
    }
    return "no error";
  }
  PackSource source(const VideoOptions& options) const {
    return PackSource(folder_, read_manifest(folder_), options);
  }
  const TestFolder folder_;
};

TEST_F(PackFiles, AreReadBack) {
  const Pack pack(folder_);
  ASSERT_EQ(pack.size(), 4);
  EXPECT_EQ(pack.sample(1).name, "1.mp4");
  EXPECT_EQ(pack.sample(1).frames, 7);
  EXPECT_EQ(pack.sample(1).stored.size(), 4U);
  EXPECT_EQ(pack.sample(3).failure, "3.mp4: broken");
  EXPECT_EQ(pack.info().identity.size(), 64U);
  FrameDecoder decoder;
  const ImageView frame = decoder.frame(pack, 2, 3);
  EXPECT_EQ(frame.height, 16);
  EXPECT_EQ(frame.width, 20);
  EXPECT_EQ(frame.pixels[0], 62);
  EXPECT_THROW(pack.sample(4), InputError);
  EXPECT_THROW(pack.frame_bytes(2, 4), InputError);
  for (const auto& shard : pack.info().shards) EXPECT_TRUE(shard_damage(folder_, shard).empty());
  EXPECT_FALSE(fs::exists(folder_ / ".partial-shard-0.pfshard"));
}

TEST_F(PackFiles, AreAListAndASource) {
  const Manifest list = read_manifest(folder_);
  EXPECT_EQ(list.classes, 2);
  EXPECT_EQ(list.class_names, (std::vector<std::string>{"calm", "fight"}));
  EXPECT_EQ(list.entries[2].label, 0);
  EXPECT_EQ(list.entries[0].bytes, 3 * 16 * 20 * 3);
  EXPECT_EQ(list.identity, Pack(folder_).info().identity);
  const PackSource clips = source({.shape = {3, 16, 16}, .frame_step = 2});
  const Sample sample = clips.read(0, 0, 1);
  ASSERT_EQ(sample.failure, "");
  const auto indices = clip_indices({.frames = 3, .frame_step = 2}, 6, 0);
  for (int t = 0; t < 3; ++t)
    EXPECT_EQ(sample.clip.frame(t)[5], 20 * (indices[static_cast<std::size_t>(t)] / 2)) << t;
  EXPECT_EQ(clips.read(3, 0, 1).failure, "3.mp4: broken");
  EXPECT_EQ(clips.label(1), 1);
  EXPECT_EQ(clips.name(1), "1.mp4");
  EXPECT_THROW(clips.read(4, 0, 1), InputError);
  EXPECT_THROW(source({.shape = {0, 16, 16}}), InputError);
  EXPECT_NE(clips.identity(), source({.shape = {3, 8, 8}, .frame_step = 2}).identity());
  // Labels follow the names that are asked for.
  const Manifest other = read_manifest(folder_, {.class_names = {"fight", "calm"}});
  EXPECT_EQ(other.entries[2].label, 1);
  EXPECT_NE(PackSource(folder_, other, {.shape = {3, 16, 16}, .frame_step = 2}).identity(),
            clips.identity());
  EXPECT_NE(error([&] { read_manifest(folder_, {.class_names = {"fight", "war"}}); }), "no error");
}

TEST_F(PackFiles, HaveTrainingViews) {
  const PackSource clips = source({.shape = {3, 8, 8}, .frame_step = 2});
  const Augmentation augmentation{.spec = read_augment_spec(Json("pretraining"), "t"), .seed = 1};
  const Sample sample = clips.read_view(0, 0, 1, augmentation);
  ASSERT_EQ(sample.failure, "");
  EXPECT_EQ(sample.clip.pixels, clips.read_view(0, 0, 1, augmentation).clip.pixels);
  EXPECT_EQ(sample.clip.frame(0)[0] % 20, 0);  // flat frames stay flat
  EXPECT_EQ(clips.read_view(3, 0, 1, augmentation).failure, "3.mp4: broken");
}

TEST_F(PackFiles, AreATaskWithoutFfmpeg) {
  const TaskSpec spec = read_task_spec(
      {{"name", "p"}, {"kind", "manifest"}, {"manifest", "."}, {"folds", 2}, {"frame_step", 2}},
      "t");
  const Task task = open_task(spec, {3, 16, 16}, folder_);
  ASSERT_TRUE(task.available()) << task.unavailable;
  EXPECT_EQ(task.classes, 2);
  EXPECT_EQ(task.source->size(), 4);
  EXPECT_EQ(task.source->read(0, 0, 1).failure, "");
  EXPECT_EQ(task.manifest_sha256, Pack(folder_).info().identity);
}

TEST_F(PackFiles, DamageIsFoundByChecksums) {
  damage("shard-0.pfshard", 8 + 5);  // in a frame: opening is quick and does not see it
  const PackSource clips = source({.shape = {3, 16, 16}, .frame_step = 2});
  const std::string failure = clips.read(0, 0, 1).failure;
  EXPECT_NE(failure.find("shard-0.pfshard: 0.mp4, frame 0"), std::string::npos) << failure;
  EXPECT_EQ(clips.read(1, 0, 1).failure, "");
  ASSERT_EQ(shard_damage(folder_, Pack(folder_).info().shards[0]).size(), 1U);
  damage("shard-0.pfshard", 8 + 5);

  const std::string bytes = read_file(folder_ / "shard-0.pfshard");
  damage("shard-0.pfshard", bytes.size() - 100 - 3);  // the end of the index
  EXPECT_NE(error([&] { Pack pack(folder_); }).find("the file is damaged"), std::string::npos);
  const PackInfo info = read_pack_info(folder_);
  ASSERT_EQ(shard_damage(folder_, info.shards[0]).size(), 1U);
  EXPECT_TRUE(shard_damage(folder_, info.shards[1]).empty());
  write_file_atomically(folder_ / "shard-0.pfshard", bytes.substr(0, bytes.size() - 1));
  EXPECT_NE(error([&] { Pack pack(folder_); }).find("size: expected"), std::string::npos);
  write_file_atomically(folder_ / "shard-0.pfshard", read_file(folder_ / "shard-1.pfshard"));
  EXPECT_NE(error([&] { Pack pack(folder_); }), "no error");
  fs::remove(folder_ / "shard-0.pfshard");
  EXPECT_NE(error([&] { Pack pack(folder_); }), "no error");
  ASSERT_EQ(shard_damage(folder_, info.shards[0]).size(), 1U);
  EXPECT_NE(shard_damage(folder_, info.shards[0])[0].find("shard-0.pfshard"), std::string::npos);
}

TEST_F(PackFiles, PackJsonIsReadStrictly) {
  const Json good = read_json((folder_ / "pack.json").string());
  const auto with = [&](const char* key, const Json& value) {
    Json json = good;
    json[key] = value;
    write_file_atomically(folder_ / "pack.json", json.dump());
    return error([&] { read_pack_info(folder_); });
  };
  EXPECT_EQ(with("samples", 4), "no error");
  EXPECT_NE(with("identity", std::string(64, '0')).find("identity"), std::string::npos);
  EXPECT_NE(with("version", 2).find("version"), std::string::npos);
  EXPECT_NE(with("shards", 2), "no error");
  EXPECT_NE(with("class_names", {"fight", "calm"}).find("checksum"), std::string::npos);
  EXPECT_NE(with("classes", 3).find("checksum"), std::string::npos);
  EXPECT_NE(with("more", 2), "no error");
  Json older = good;  // of before there was a checksum
  older.erase("checksum");
  older["list"] = "other.csv";
  write_file_atomically(folder_ / "pack.json", older.dump());
  EXPECT_EQ(read_pack_info(folder_).list_name, "other.csv");
  Json shards = good["shards"];
  shards[0]["file"] = "../shard-0.pfshard";
  EXPECT_NE(with("shards", shards).find("in the folder of the pack"), std::string::npos);
  write_file_atomically(folder_ / "pack.json", "");
  EXPECT_NE(error([&] { read_pack_info(folder_); }), "no error");
}

TEST_F(PackFiles, ThatAreUnfinishedAreNoFolderOfClasses) {
  EXPECT_FALSE(is_unfinished_pack(folder_));
  fs::remove(folder_ / "pack.json");
  EXPECT_TRUE(is_unfinished_pack(folder_));
  const auto read = [&](const fs::path& path) { return error([&] { read_manifest(path); }); };
  EXPECT_NE(read(folder_).find("packing was ended"), std::string::npos) << read(folder_);
  fs::create_directories(folder_ / "above");
  fs::rename(folder_ / "shard-0.pfshard", folder_ / "above/.partial-shard-0.pfshard-Xy");
  fs::remove(folder_ / "shard-1.pfshard");
  EXPECT_NE(read(folder_).find("above: pack.json"), std::string::npos) << read(folder_);
  write_file_atomically(folder_ / "above/pack.json", "{}");
  EXPECT_NE(read(folder_).find("a folder of packs"), std::string::npos) << read(folder_);
}

// The index says whatever it likes; nothing is believed.
TEST(PackShardIndex, SizesAreCheckedAgainstTheFile) {
  const auto shard = [](Json samples, const std::string& coding = "raw") {
    const std::string text =
        Json{{"plan", "p"}, {"first", 0}, {"coding", coding}, {"samples", std::move(samples)}}
            .dump();
    std::string bytes = "PFSHARD1" + std::string(12, 'x');
    const auto number = [&](std::uint64_t value) {
      for (int k = 0; k < 8; ++k) bytes += static_cast<char>(value >> 8 * k & 0xff);
    };
    const std::uint64_t offset = bytes.size();
    bytes += text;
    number(offset);
    number(text.size());
    return bytes + sha256_of(text) + "PFSHARD1";
  };
  Json sample = {{"name", "a"}, {"label", 0}, {"group", 0},  {"frames", 1},
                 {"height", 2}, {"width", 2}, {"offset", 8}, {"hashes", {std::string(32, '0')}}};
  EXPECT_EQ(read_pack_shard(shard({sample}), "s").samples[0].stored[0].bytes, 12U);
  const auto refused = [&](const char* key, const Json& value, const char* coding = "raw") {
    Json json = sample;
    json[key] = value;
    try {
      read_pack_shard(shard({json}, coding), "s");
    } catch (const InputError&) {
      return true;
    }
    return false;
  };
  EXPECT_TRUE(refused("offset", 9));
  EXPECT_TRUE(refused("offset", -1));
  EXPECT_TRUE(refused("offset", 1LL << 40));
  EXPECT_TRUE(refused("height", 3));
  EXPECT_TRUE(refused("height", 1 << 20));
  EXPECT_TRUE(refused("frames", 0));
  EXPECT_TRUE(refused("hashes", Json::array()));
  EXPECT_TRUE(refused("hashes", {"zz"}));
  EXPECT_TRUE(refused("hashes", {std::string(32, '0'), std::string(32, '0')}));
  EXPECT_TRUE(refused("sizes", {13}, "jpeg"));
  EXPECT_TRUE(refused("sizes", {-1}, "jpeg"));
  EXPECT_TRUE(refused("sizes", Json::array(), "jpeg"));
  EXPECT_FALSE(refused("sizes", {5}, "jpeg"));
  for (const std::string text : {"", "PFSHARD1", "PFSHARD1PFSHARD1"})
    EXPECT_THROW(read_pack_shard(text, "s"), InputError);
}

}  // namespace pack_test
}  // namespace permafrost
