// SPDX-License-Identifier: Apache-2.0
#include "datasets/packing/pack_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/files/files.h"
#include "common/files/png.h"
#include "common/testing/test_folder.h"
#include "datasets/clips/pack_source.h"
#include "datasets/clips/source.h"
#include "datasets/testing/test_video.h"

namespace permafrost {
namespace pack_writer_test {

namespace fs = std::filesystem;

// A smooth picture that moves, so that resizing and JPEG have something to do.
TestImage slope(int height, int width, int shift) {
  TestImage image{height, width, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const int value : {x + shift, y + 2 * shift, x + y})
        image.rgb.push_back(static_cast<std::uint8_t>(value % 200));
  return image;
}

class PackWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string list = "path,label,group\n";
    for (int k = 0; k < 5; ++k) {
      const std::string name = "v" + std::to_string(k) + ".mkv";
      std::vector<TestImage> frames;
      for (int t = 0; t < 9 + k; ++t) frames.push_back(slope(48, 64 + 2 * k, 3 * t + k));
      fs::create_directories(folder_ / "clips");
      write_test_video(folder_ / "clips" / name, {.frames = frames});
      list += name + "," + (k % 2 == 0 ? "calm" : "fight") + ",g" + std::to_string(k / 2) + "\n";
    }
    write_png(folder_ / "clips/i.png", Image(20, 12, 77));
    write_file_atomically(folder_ / "clips/broken.mp4", "no video");
    write_file_atomically(folder_ / "clips/list.csv", list + "i.png,calm,i\nbroken.mp4,calm,b\n");
  }

  Manifest list() const {
    return read_manifest(folder_ / "clips/list.csv", {.name_classes = true});
  }
  PackInfo pack(const PackSpec& spec, int threads = 1, const char* name = "pack") const {
    return write_pack(list(), "list.csv", folder_ / name,
                      {.spec = spec, .shard_samples = 2, .execution = {.threads = threads}});
  }
  Sample from_pack(std::int64_t i, const VideoOptions& options, const char* name = "pack") const {
    return PackSource(folder_ / name, read_manifest(folder_ / name), options).read(i, 0, 1);
  }
  const TestFolder folder_;
};

TEST_F(PackWriterTest, RawFramesAreThoseOfTheFiles) {
  const PackInfo info = pack({.short_side = 24});
  EXPECT_EQ(info.samples, 7);
  EXPECT_EQ(info.failures, 1);
  EXPECT_EQ(info.shards.size(), 4U);
  EXPECT_EQ(info.class_names, (std::vector<std::string>{"calm", "fight"}));
  const VideoOptions options{.shape = {4, 24, 24}, .frame_step = 2};
  const ManifestSource files(list(), options);
  for (std::int64_t i = 0; i < 5; ++i)
    EXPECT_EQ(from_pack(i, options).clip.pixels, files.read(i, 0, 1).clip.pixels) << i;
  EXPECT_NE(from_pack(6, options).failure.find("broken.mp4"), std::string::npos);
  const PackSource source(folder_ / "pack", read_manifest(folder_ / "pack"), options);
  EXPECT_EQ(source.group(1), source.group(0));
  EXPECT_NE(source.group(2), source.group(1));
}

TEST_F(PackWriterTest, HasEveryViewThatTheFilesHave) {
  pack({.short_side = 24});
  const VideoOptions options{.shape = {4, 24, 24}, .frame_step = 1, .views = 3};
  const ManifestSource files(list(), options);
  const PackSource source(folder_ / "pack", read_manifest(folder_ / "pack"), options);
  EXPECT_EQ(source.views(), 3);
  const ClipSet packed = source.read_all(1, 2), decoded = files.read_all(1, 2);
  ASSERT_EQ(packed.failure, "");
  ASSERT_EQ(packed.clips.size(), 6U);
  for (std::size_t k = 0; k < 6; ++k)
    EXPECT_EQ(packed.clips[k].pixels, decoded.clips[k].pixels) << k;
  EXPECT_NE(packed.clips[0].pixels, packed.clips[4].pixels);
  EXPECT_EQ(source.read_all(6, 2).failure, files.read_all(6, 2).failure);
  EXPECT_TRUE(source.read_all(6, 2).clips.empty());
  // Of what training sees there is one view.
  const Augmentation none, drawn{.spec = read_augment_spec(Json("pretraining"), "t"), .seed = 1};
  EXPECT_EQ(source.read_views(1, 2, none).clips.size(), 2U);
  EXPECT_EQ(source.read_views(1, 2, none).clips[1].pixels, source.read(1, 1, 2).clip.pixels);
  const ClipSet views = source.read_views(1, 2, drawn);
  ASSERT_EQ(views.clips.size(), 2U);
  EXPECT_EQ(views.clips[1].pixels, source.read_view(1, 1, 2, drawn).clip.pixels);
}

TEST_F(PackWriterTest, SmallPicturesStayAsTheyAre) {
  pack({.short_side = 24});
  const Pack packed(folder_ / "pack");
  EXPECT_EQ(packed.sample(5).height, 12);
  EXPECT_EQ(packed.sample(5).width, 20);
  EXPECT_EQ(packed.sample(5).frames, 1);
}

TEST_F(PackWriterTest, EveryNthFrame) {
  pack({.short_side = 24, .every = 4});
  const Pack packed(folder_ / "pack");
  EXPECT_EQ(packed.sample(0).frames, 9);
  EXPECT_EQ(packed.sample(0).stored.size(), 3U);
}

TEST_F(PackWriterTest, AVideoThatChangesItsSizeHasTheFirst) {
  write_test_video(folder_ / "clips/v0.mkv", {.frames = {slope(48, 64, 0), slope(64, 48, 3)}});
  EXPECT_EQ(pack({.short_side = 24}).failures, 1);
  const Pack packed(folder_ / "pack");
  EXPECT_EQ(packed.sample(0).frames, 2);
  EXPECT_EQ(packed.sample(0).width, 32);
  FrameDecoder decoder;
  EXPECT_EQ(decoder.frame(packed, 0, 1).width, 32);
}

TEST_F(PackWriterTest, JpegIsNearAndSmaller) {
  pack({.short_side = 48});
  pack({.coding = PackCoding::jpeg, .short_side = 48}, 1, "jpeg");
  const VideoOptions options{.shape = {4, 48, 48}, .frame_step = 2};
  const Clip raw = from_pack(1, options).clip, jpeg = from_pack(1, options, "jpeg").clip;
  ASSERT_EQ(jpeg.shape, raw.shape);
  double squares = 0;
  for (std::size_t i = 0; i < raw.pixels.size(); ++i) {
    const double d = double{1} * raw.pixels[i] - jpeg.pixels[i];
    squares += d * d;
  }
  EXPECT_GT(10 * std::log10(65025.0 * static_cast<double>(raw.pixels.size()) / squares), 30);
  EXPECT_LT(fs::file_size(folder_ / "jpeg/shard-000000.pfshard") * 2,
            fs::file_size(folder_ / "pack/shard-000000.pfshard"));
  EXPECT_NE(Pack(folder_ / "jpeg").info().identity, Pack(folder_ / "pack").info().identity);
}

TEST_F(PackWriterTest, DoesNotDependOnThreadsAndGoesOn) {
  const PackInfo one = pack({.short_side = 24});
  const PackInfo four = pack({.short_side = 24}, 4, "other");
  EXPECT_EQ(one.identity, four.identity);
  // As after a kill: no pack.json, one shard missing, one half written.
  fs::remove(folder_ / "pack/pack.json");
  fs::remove(folder_ / "pack/shard-000002.pfshard");
  write_file_atomically(folder_ / "pack/.partial-shard-000003.pfshard-Xy", "half");
  const auto before = fs::last_write_time(folder_ / "pack/shard-000001.pfshard");
  EXPECT_THROW(Pack(folder_ / "pack"), InputError);
  EXPECT_EQ(pack({.short_side = 24}).identity, one.identity);
  EXPECT_EQ(fs::last_write_time(folder_ / "pack/shard-000001.pfshard"), before);
  EXPECT_FALSE(fs::exists(folder_ / "pack/.partial-shard-000003.pfshard-Xy"));
  EXPECT_THROW(pack({.short_side = 32}), InputError);
  fs::remove(folder_ / "pack/pack.json");
  EXPECT_THROW(pack({.short_side = 32}), InputError);  // its shards tell
}

TEST_F(PackWriterTest, FailedSamplesAreTriedAgain) {
  const std::string whole = read_file(folder_ / "clips/v0.mkv");
  write_file_atomically(folder_ / "clips/v0.mkv", std::string(whole.size(), 'x'));
  EXPECT_EQ(pack({.short_side = 24}).failures, 2);
  const std::string reasons = read_file(folder_ / "pack" / kPackFailures);
  EXPECT_NE(reasons.find("v0.mkv: "), std::string::npos) << reasons;
  const auto time = [&] { return fs::last_write_time(folder_ / "pack/shard-000003.pfshard"); };
  const auto before = time();
  write_file_atomically(folder_ / "clips/v0.mkv", whole);  // of the same size: the same list
  const PackInfo mended = pack({.short_side = 24});
  EXPECT_EQ(mended.failures, 1);
  EXPECT_EQ(time(), before);  // its failure is as it was
  EXPECT_EQ(mended.identity, pack({.short_side = 24}, 1, "anew").identity);
  write_file_atomically(folder_ / "clips/list.csv", "v0.mkv,calm\n");
  pack({.short_side = 24}, 1, "one");
  EXPECT_FALSE(fs::exists(folder_ / "one" / kPackFailures));
}

TEST_F(PackWriterTest, BrokenShardsAreWrittenAnew) {
  const PackInfo whole = pack({.short_side = 24});
  const auto shard = [&](int k) {
    return folder_ / "pack" / ("shard-00000" + std::to_string(k) + ".pfshard");
  };
  const std::string bytes = read_file(shard(0));
  write_file_atomically(shard(0), bytes.substr(0, bytes.size() / 2));
  write_file_atomically(shard(1), "");
  write_file_atomically(shard(2), "X" + read_file(shard(2)).substr(1));
  std::string info = read_file(folder_ / "pack/pack.json");
  info.replace(info.find("\"calm\""), 6, "\"warm\"");
  write_file_atomically(folder_ / "pack/pack.json", info);
  std::vector<std::string> notices;
  const PackInfo mended = write_pack(
      list(), "list.csv", folder_ / "pack",
      {.spec = {.short_side = 24},
       .shard_samples = 2,
       .execution = {.notice = [&](const std::string& line) { notices.push_back(line); }}});
  EXPECT_EQ(mended.identity, whole.identity);
  EXPECT_EQ(mended.class_names, whole.class_names);
  EXPECT_EQ(read_file(shard(0)), bytes);
  ASSERT_EQ(notices.size(), 4U);
  EXPECT_NE(notices[0].find("pack.json: checksum"), std::string::npos) << notices[0];
  EXPECT_NE(notices[1].find("shard-000000.pfshard"), std::string::npos) << notices[1];
  EXPECT_NE(notices[1].find("written anew"), std::string::npos) << notices[1];
}

TEST_F(PackWriterTest, WhereNothingCanBeReadThereIsNoPack) {
  const auto refused = [&](const std::string& text) {
    write_file_atomically(folder_ / "clips/list.csv", text);
    const Manifest manifest =
        read_manifest(folder_ / "clips/list.csv", {.require_files = false, .name_classes = true});
    try {
      write_pack(manifest, "list.csv", folder_ / "pack", {});
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_status(), 1);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_NE(refused("gone.mp4,calm\nfar.mp4,calm\n").find("none of the 2 samples of list.csv"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "pack"));
  EXPECT_NE(refused("gone.mp4,calm\nbroken.mp4,calm\n").find("none of the 2"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(folder_ / "pack"));
}

TEST_F(PackWriterTest, FramesWithAGapAreAFailure) {
  for (const int k : {1, 2, 4})
    write_png(folder_ / "clips/f" / (std::to_string(k) + ".png"), Image(20, 12, 77));
  write_file_atomically(folder_ / "clips/list.csv", "f,calm\nv0.mkv,calm\n");
  EXPECT_EQ(pack({.short_side = 24}).failures, 1);
  EXPECT_NE(read_file(folder_ / "pack" / kPackFailures).find("2.png followed by 4.png"),
            std::string::npos);
}

TEST_F(PackWriterTest, FailedSamplesLeaveNothingBehind) {
  write_file_atomically(folder_ / "clips/list.csv", "broken.mp4,calm\nv0.mkv,calm\n");
  const PackInfo info = pack({.short_side = 24});
  const Pack packed(folder_ / "pack");
  EXPECT_EQ(info.failures, 1);
  EXPECT_EQ(packed.sample(1).stored[0].offset, 8U);
}

TEST_F(PackWriterTest, KeepsSetsOfClasses) {
  write_file_atomically(folder_ / "clips/sets.csv",
                        "path,labels\nv0.mkv,run;wave\nv1.mkv,\nv2.mkv,wave\n");
  const Manifest sets =
      read_manifest(folder_ / "clips/sets.csv", {.multi_label = true, .name_classes = true});
  write_pack(sets, "sets.csv", folder_ / "sets", {.spec = {.short_side = 24}});
  const Manifest packed = read_manifest(folder_ / "sets", {.multi_label = true});
  ASSERT_EQ(packed.entries.size(), 3U);
  for (std::size_t k = 0; k < 3; ++k)
    EXPECT_EQ(target_of(packed.entries[k]), target_of(sets.entries[k])) << k;
  EXPECT_EQ(packed.class_names, sets.class_names);
  EXPECT_THROW(read_manifest(folder_ / "sets"), InputError) << "not a class a sample";
  EXPECT_EQ(read_manifest(folder_ / "sets", {.labels_required = false, .labels_ignored = true})
                .entries.size(),
            3U);
}

}  // namespace pack_writer_test
}  // namespace permafrost
