// SPDX-License-Identifier: Apache-2.0
#include "datasets/tar/tar_index.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/files/files.h"
#include "common/files/png.h"
#include "common/testing/test_folder.h"
#include "datasets/check/file_check.h"
#include "datasets/clips/source.h"
#include "datasets/lists/manifest.h"
#include "datasets/rendered/video_writer.h"
#include "datasets/synthetic/source.h"
#include "datasets/tasks/task.h"
#include "datasets/testing/test_tar.h"
#include "datasets/video/frame_stream.h"

namespace permafrost {
namespace tar_index_test {

namespace fs = std::filesystem;

std::string error_of(const std::string& bytes) {
  try {
    read_tar_index(bytes, "a.tar");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(TarIndex, NamesAndPlaces) {
  const std::string long_name = "long/" + std::string(150, 'n') + ".mp4";
  const std::string bytes =
      tar_member("./a/1.mp4", "one") + tar_member("folder/", "", '5') +
      tar_member("2.mp4", std::string(600, '2'), '0', "some/prefix") +
      tar_member("pax", pax_record("mtime=1.5") + pax_record("path=" + long_name), 'x') +
      tar_member("cut", "three") + tar_member("././@LongLink", long_name + '\0', 'L') +
      tar_member("cut", "four") + tar_member("link", "", '2') +
      tar_member("global", pax_record("path=not me"), 'g') + tar_member("5.txt", "") + tar_end();
  const auto members = read_tar_index(bytes, "a.tar");
  ASSERT_EQ(members.size(), 5U);
  const auto content = [&](std::size_t k) {
    return bytes.substr(static_cast<std::size_t>(members[k].range.offset),
                        static_cast<std::size_t>(members[k].range.bytes));
  };
  EXPECT_EQ(members[0].name, "a/1.mp4");
  EXPECT_EQ(content(0), "one");
  EXPECT_EQ(members[1].name, "some/prefix/2.mp4");
  EXPECT_EQ(content(1), std::string(600, '2'));
  EXPECT_EQ(members[2].name, long_name);
  EXPECT_EQ(content(2), "three");
  EXPECT_EQ(members[3].name, long_name);
  EXPECT_EQ(content(3), "four");
  EXPECT_EQ(members[4].name, "5.txt");
  EXPECT_EQ(members[4].range.bytes, 0);
}

TEST(TarIndex, LargeSizesInOtherForms) {
  // Base 256, and the size in a pax header.
  std::string member = tar_member("a.mp4", "12345");
  member.replace(124, 12, std::string("\x80\0\0\0\0\0\0\0\0\0\0\x05", 12));
  member.replace(148, 8, "        ");
  unsigned sum = 0;
  for (std::size_t k = 0; k < 512; ++k) sum += static_cast<unsigned char>(member[k]);
  char number[16];
  std::snprintf(number, sizeof number, "%06o", sum);
  member.replace(148, 7, std::string(number) + '\0');
  EXPECT_EQ(read_tar_index(member + tar_end(), "a.tar")[0].range.bytes, 5);
  const std::string pax = tar_member("x", pax_record("size=3"), 'x') + tar_member("a", "abc");
  EXPECT_EQ(read_tar_index(pax, "a.tar")[0].range.bytes, 3);
}

TEST(TarIndex, EndsWithoutZerosToo) {
  EXPECT_TRUE(read_tar_index("", "a.tar").empty());
  EXPECT_TRUE(read_tar_index(tar_end(), "a.tar").empty());
  EXPECT_EQ(read_tar_index(tar_member("a", "b"), "a.tar").size(), 1U);
  // Not padded.
  EXPECT_EQ(read_tar_index(tar_member("a", "b").substr(0, 513), "a.tar").size(), 1U);
}

TEST(TarIndex, DamageIsRefused) {
  const std::string good = tar_member("a.mp4", std::string(700, 'x')) + tar_member("b", "c");
  EXPECT_NE(error_of(good.substr(0, 700)).find("the archive was cut off"), std::string::npos);
  EXPECT_NE(error_of(good.substr(0, 512 + 1024 + 100)).find("a header of 512 bytes"),
            std::string::npos);
  std::string bytes = good;
  bytes[3] = 'z';
  EXPECT_EQ(
      error_of(bytes),
      "a.tar: byte 0: expected a tar header, found something else (only uncompressed archives "
      "are read in place)");
  EXPECT_NE(error_of(std::string(600, 'g')), "no error");
  for (const char* record :
       {"5 pa", "x", "99 path=a\n", "0 a=b\n", "9 size=zz\n", "12 size=-5\n\n"})
    EXPECT_NE(error_of(tar_member("p", record, 'x') + tar_member("a", "b")), "no error") << record;
}

class TarList : public testing::Test {
 protected:
  void SetUp() override {
    for (int k = 0; k < 3; ++k) {
      write_png(folder_ / "p.png", Image(16, 16, static_cast<std::uint8_t>(50 * k)));
      pictures_.push_back(read_file(folder_ / "p.png"));
    }
    fs::remove(folder_ / "p.png");
    write_file_atomically(folder_ / "s-000.tar",
                          tar_member("000.cls", "1\n") + tar_member("000.png", pictures_[0]) +
                              tar_member("001.png", pictures_[1]) +
                              tar_member("001.json", R"({"label": "2", "group": "g"})") +
                              tar_member("lonely.cls", "0") + tar_end());
    write_file_atomically(folder_ / "s-001.tar", tar_member("sub/002.png", pictures_[2]) +
                                                     tar_member("sub/002.cls", "0") + tar_end());
  }
  const TestFolder folder_;
  std::vector<std::string> pictures_;
};

TEST_F(TarList, ShardsByRangeFolderOrName) {
  const Manifest manifest = read_manifest(folder_ / "s-{000..001}.tar");
  ASSERT_EQ(manifest.entries.size(), 3U);
  EXPECT_EQ(manifest.entries[0].name, "s-000.tar/000.png");
  EXPECT_EQ(manifest.entries[0].path, folder_ / "s-000.tar");
  EXPECT_EQ(manifest.entries[0].label, 1);
  EXPECT_EQ(manifest.entries[1].label, 2);
  EXPECT_EQ(manifest.entries[2].name, "s-001.tar/sub/002.png");
  EXPECT_EQ(manifest.entries[2].label, 0);
  EXPECT_EQ(manifest.entries[2].bytes, static_cast<std::int64_t>(pictures_[2].size()));
  EXPECT_EQ(read_manifest(folder_).entries.size(), 3U);
  EXPECT_EQ(read_manifest(folder_ / "s-001.tar").entries.size(), 1U);
  EXPECT_EQ(read_manifest(folder_ / "s-001.tar", {.split = "sub"}).entries.size(), 1U);
  EXPECT_THROW(read_manifest(folder_ / "s-001.tar", {.split = "su"}), InputError);
  EXPECT_THROW(read_manifest(folder_ / "s-{000..002}.tar"), InputError);
  EXPECT_THROW(read_manifest(folder_ / "s-{1..0}.tar"), InputError);
  EXPECT_EQ(read_manifest(folder_ / "s-{000..002}.tar", {.partial = true}).entries.size(), 3U);
  EXPECT_EQ(files_of_list(folder_ / "s-{000..002}.tar").size(), 3U);
  EXPECT_EQ(files_of_list(folder_), std::vector<fs::path>{folder_});
  EXPECT_EQ(files_of_list("none.csv"), std::vector<fs::path>{"none.csv"});
  // Another archive of the same content is the same list; other content is not.
  const std::string before = read_manifest(folder_ / "s-001.tar").identity;
  write_file_atomically(folder_ / "s-001.tar", tar_member("sub/002.png", pictures_[2] + "more") +
                                                   tar_member("sub/002.cls", "0"));
  EXPECT_NE(read_manifest(folder_ / "s-001.tar").identity, before);
}

TEST_F(TarList, LabelsOfFoldersAndWhatIsNoSample) {
  write_file_atomically(folder_ / "c.tar", tar_member("train/dog/1.png", pictures_[0]) +
                                               tar_member("train/cat/1.png", pictures_[1]) +
                                               tar_member("test/dog/2.png", pictures_[2]));
  const Manifest manifest =
      read_manifest(folder_ / "c.tar", {.name_classes = true, .split = "train"});
  EXPECT_EQ(manifest.class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(manifest.entries[0].label, 1);
  write_file_atomically(folder_ / "d.tar",
                        tar_member("1.png", pictures_[0]) + tar_member("1.jpg", "x"));
  EXPECT_THROW(read_manifest(folder_ / "d.tar"), InputError);  // two pictures of one sample
  write_file_atomically(folder_ / "d.tar", tar_member("1.png", pictures_[0]));
  EXPECT_THROW(read_manifest(folder_ / "d.tar"), InputError);  // no label
  EXPECT_EQ(read_manifest(folder_ / "d.tar", {.labels_required = false}).entries[0].label, -1);
  write_file_atomically(folder_ / "d.tar", tar_member("1.png", "x") + tar_member("1.json", "[]"));
  EXPECT_THROW(read_manifest(folder_ / "d.tar"), InputError);
}

TEST_F(TarList, AVideoGoesBeforePicturesOfItsSample) {
  const auto read = [&](const std::string& bytes) {
    write_file_atomically(folder_ / "d.tar", bytes + tar_member("7.CLS", "1"));
    return read_manifest(folder_ / "d.tar").entries.at(0);
  };
  const std::string video = tar_member("7.MP4", "video"), still = tar_member("7.jpg", "still"),
                    thumb = tar_member("7.thumb.jpg", "thumb");
  for (const auto& bytes : {video + still + thumb, still + thumb + video, still + video + thumb}) {
    EXPECT_EQ(read(bytes).name, "d.tar/7.MP4");
    EXPECT_EQ(read(bytes).label, 1);
    EXPECT_EQ(read(bytes).bytes, 5);
  }
  const auto error = [&](const std::string& bytes) -> std::string {
    try {
      read(bytes);
    } catch (const InputError& failure) {
      return failure.what();
    }
    return "no error";
  };
  EXPECT_NE(error(still + thumb)
                .find("d.tar: 7.thumb.jpg: expected one video, or else one image, "
                      "a sample, found \"7.jpg\" as well"),
            std::string::npos)
      << error(still + thumb);
  EXPECT_NE(error(still + video + tar_member("7.webm", "other")).find("\"7.MP4\" as well"),
            std::string::npos);
}

TEST_F(TarList, WithoutALabelTheMembersThatMayHoldItAreNamed) {
  write_file_atomically(folder_ / "d.tar", tar_member("1.png", pictures_[0]));
  try {
    read_manifest(folder_ / "d.tar", {.name_classes = true});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what())
                  .find("d.tar: 1.png: label: expected a .cls or .json member of the same name"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(TarList, NamesWithSeveralDotsAreToldWhatToDo) {
  const auto error = [&](const std::string& bytes) -> std::string {
    write_file_atomically(folder_ / "d.tar", bytes);
    try {
      read_manifest(folder_ / "d.tar", {.name_classes = true});
    } catch (const InputError& failure) {
      return failure.what();
    }
    return "no error";
  };
  const std::string dots = "the name of a sample ends at its first dot: rename the members";
  const std::string two = error(tar_member("v1.0.a.png", "x") + tar_member("v1.0.b.png", "x"));
  EXPECT_NE(two.find(dots), std::string::npos) << two;
  const std::string far = error(tar_member("dog/v1.0.png", "x") + tar_member("dog/v1.0.cls", "3"));
  EXPECT_NE(far.find("dog/v1.0.png: label: expected a member that holds it, found "
                     "\"dog/v1.0.cls\""),
            std::string::npos)
      << far;
  EXPECT_NE(far.find(dots), std::string::npos) << far;
  EXPECT_EQ(error(tar_member("1.png", "x") + tar_member("1.jpg", "x")).find(dots),
            std::string::npos);
}

TEST_F(TarList, ARangeIsTheListOfATask) {
#ifndef PERMAFROST_FFMPEG
  GTEST_SKIP() << "built without FFmpeg";
#endif
  Json json = {{"name", "t"}, {"kind", "manifest"}, {"manifest", "s-{000..001}.tar"}, {"folds", 3}};
  const auto open = [&] { return open_task(read_task_spec(json, "t"), {2, 16, 16}, folder_); };
  const Task task = open();
  ASSERT_TRUE(task.available()) << task.unavailable;
  EXPECT_EQ(task.source->size(), 3);
  json["manifest"] = "s-{000..003}.tar";
  EXPECT_NE(open().unavailable.find("s-002.tar: no such file"), std::string::npos)
      << open().unavailable;
}

TEST_F(TarList, MembersAreReadInPlace) {
#ifndef PERMAFROST_FFMPEG
  GTEST_SKIP() << "built without FFmpeg";
#endif
  write_file_atomically(folder_ / "s-002.tar",
                        tar_member("9.png", "no picture") + tar_member("9.cls", "0") + tar_end());
  const ManifestSource source(read_manifest(folder_), {.shape = {2, 16, 16}});
  for (int k = 0; k < 3; ++k) {
    const Sample sample = source.read(k, 0, 1);
    ASSERT_EQ(sample.failure, "");
    EXPECT_EQ(sample.clip.pixels[0], 50 * k);
  }
  EXPECT_NE(source.read(3, 0, 1).failure.find("s-002.tar/9.png: "), std::string::npos);
}

// A video as a file and as a member that begins anywhere: the same frames, checks and packs.
TEST_F(TarList, VideosAreThoseOfTheFiles) {
#ifndef PERMAFROST_FFMPEG
  GTEST_SKIP() << "built without FFmpeg";
#endif
  const synthetic::TaskSource drawn(synthetic::SyntheticTask::motion, synthetic::Split::test, 2,
                                    {12, 32, 48});
  std::string tar = tar_member("notes.txt", "first"), list;
  for (int k = 0; k < 2; ++k) {
    const std::string name = std::to_string(k) + ".mp4";
    const std::string bytes = encode_video(drawn.read(k, 0, 1).clip, {.coding = VideoCoding::h264});
    write_file_atomically(folder_ / "v" / name, bytes);
    tar += tar_member(name, bytes) + tar_member(std::to_string(k) + ".cls", std::to_string(k));
    list += name + " " + std::to_string(k) + "\n";
  }
  write_file_atomically(folder_ / "v/list.csv", list);
  write_file_atomically(folder_ / "v/all.tar", tar);
  const VideoOptions options{.shape = {4, 32, 32}, .frame_step = 2};
  const ManifestSource files(read_manifest(folder_ / "v/list.csv"), options);
  const Manifest members = read_manifest(folder_ / "v/all.tar");
  const ManifestSource archive(members, options);
  const Augmentation augmentation{.spec = read_augment_spec(Json("pretraining"), "t"), .seed = 1};
  for (int k = 0; k < 2; ++k) {
    ASSERT_EQ(archive.read(k, 1, 2).failure, "");
    EXPECT_EQ(archive.read(k, 1, 2).clip.pixels, files.read(k, 1, 2).clip.pixels);
    EXPECT_EQ(archive.read_view(k, 0, 1, augmentation).clip.pixels,
              files.read_view(k, 0, 1, augmentation).clip.pixels);
    const ManifestEntry& member = members.entries[static_cast<std::size_t>(k)];
    const FileCheck file = check_file(folder_ / "v" / (std::to_string(k) + ".mp4"));
    EXPECT_EQ(file.state, FileState::whole) << file.reason;
    EXPECT_EQ(check_file(member.path, member.range), file);
    int frames = 0;
    EXPECT_EQ(
        stream_frames(member.path, 5, [&](const ImageView&) { ++frames; }, {.range = member.range}),
        12);
    EXPECT_EQ(frames, 3);
  }
}

// CIFAR-10 as pictures in one archive, with folders for splits and classes.
TEST(TarListData, Cifar10) {
#ifndef PERMAFROST_FFMPEG
  GTEST_SKIP() << "built without FFmpeg";
#endif
  const char* named = std::getenv("PERMAFROST_DATA_DIR");
  const fs::path data = named != nullptr ? named : PERMAFROST_SOURCE_DIR "/../shared/data";
  if (!fs::exists(data / "cifar10_images/cifar10_jpg.tar"))
    GTEST_SKIP() << "no CIFAR-10 in " << data;
  const Json list = {{"manifest", "cifar10_images/cifar10_jpg.tar"}};
  Json train = list, test = list;
  train["split"] = "train";
  test["split"] = "test";
  const Task task = open_task(
      read_task_spec({{"name", "c"}, {"kind", "manifest"}, {"train", train}, {"test", test}}, "t"),
      {2, 32, 32}, data);
  ASSERT_TRUE(task.available()) << task.unavailable;
  EXPECT_EQ(task.folds[0].train.size(), 5000U);
  EXPECT_EQ(task.folds[0].test.size(), 1000U);
  EXPECT_EQ(task.class_names.front(), "airplane");
  for (const std::int64_t i : {0, 4999, 5000, 5999})
    EXPECT_EQ(task.source->read(i, 0, 1).failure, "");
}

}  // namespace tar_index_test
}  // namespace permafrost
