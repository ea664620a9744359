// SPDX-License-Identifier: Apache-2.0
#include "datasets/check/dataset_check.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/error.h"
#include "common/files/files.h"
#include "common/files/png.h"
#include "common/testing/test_folder.h"
#include "datasets/rendered/video_writer.h"
#include "datasets/synthetic/source.h"
#include "datasets/testing/test_video.h"

namespace permafrost {
namespace dataset_check_test {

namespace fs = std::filesystem;

std::string video_bytes(int frames, std::int64_t sample) {
  const synthetic::TaskSource source(synthetic::SyntheticTask::motion, synthetic::Split::test, 8,
                                     {frames, 32, 48});
  return encode_video(source.read(sample, 0, 1).clip);
}

class DatasetCheck : public testing::Test {
 protected:
  void SetUp() override {
    // What can be wrong, once each.
    write_file_atomically(folder_ / "good.mp4", video_bytes(20, 0));
    write_file_atomically(folder_ / "copy.mp4", video_bytes(20, 0));
    write_file_atomically(folder_ / "short.mp4", video_bytes(5, 1));
    write_file_atomically(folder_ / "text.mp4", "this is no video");
    write_test_video(folder_ / "whole.mkv", {.frames = grey_frames(12, 32, 24)});
    // Bytes in the middle of a picture are lost.
    std::string cut = read_file(folder_ / "whole.mkv");
    for (std::size_t i = cut.size() / 2; i < cut.size() / 2 + 40; ++i) cut[i] = '\0';
    write_file_atomically(folder_ / "cut.mkv", cut);
    write_png(folder_ / "image.png", Image(16, 16, 90));
    write_file_atomically(folder_ / "train.csv",
                          "good.mp4 0\ngone.mp4 0\nshort.mp4 1\ntext.mp4 1\ncut.mkv 1\n");
    write_file_atomically(folder_ / "test.csv", "copy.mp4 1\nimage.png 0\n");
    write_file_atomically(folder_ / "set.json",
                          Json{{"name", "set"},
                               {"classes", 3},
                               {"class_names", {"a", "b", "c"}},
                               {"train", {{"manifest", "train.csv"}, {"samples", 5}}},
                               {"test", {{"manifest", "test.csv"}, {"samples", 2}}}}
                              .dump());
  }

  std::vector<NamedList> lists() const {
    TaskSpec spec{.name = "set", .kind = TaskKind::manifest, .dataset = "set.json"};
    spec.count_missing = true;
    return read_lists_apart(resolve_lists(spec, folder_));
  }
  DatasetReport report(CheckedFiles& files, int threads = 1, int* done = nullptr) const {
    return check_dataset(lists(),
                         {.least_frames = 16,
                          .threads = threads,
                          .done =
                              [done] {
                                if (done != nullptr) ++*done;
                              }},
                         files);
  }
  const TestFolder folder_;
};

TEST_F(DatasetCheck, TellsEverythingThatIsWrong) {
  CheckedFiles files{fs::path()};
  const DatasetReport r = report(files);
  ASSERT_EQ(r.lists.size(), 2U);
  const ListReport& train = r.lists[0];
  EXPECT_EQ(train.entries, 5);
  EXPECT_EQ(train.found, 4);
  EXPECT_EQ(train.whole, 2);
  EXPECT_EQ(train.damaged, 1);
  EXPECT_EQ(train.unreadable, 1);
  EXPECT_EQ(train.missing, 1);
  EXPECT_DOUBLE_EQ(train.coverage(), 0.6);
  EXPECT_EQ(train.class_sizes, (std::vector<std::int64_t>{1, 3, 0}));
  ASSERT_EQ(r.missing.size(), 1U);
  EXPECT_EQ(r.missing[0].name, "gone.mp4");
  EXPECT_EQ(r.missing[0].line, 2);
  ASSERT_EQ(r.unreadable.size(), 1U);
  EXPECT_EQ(r.unreadable[0].name, "text.mp4");
  EXPECT_NE(r.unreadable[0].check.reason, "");
  ASSERT_EQ(r.damaged.size(), 1U);
  EXPECT_EQ(r.damaged[0].name, "cut.mkv");
  // The damaged one has fewer than 16 frames as well.
  ASSERT_EQ(r.short_videos.size(), 2U);
  EXPECT_EQ(r.short_videos[0].check.frames, 5);
  ASSERT_EQ(r.duplicates.size(), 1U);
  EXPECT_TRUE(r.duplicates[0].across_lists);
  EXPECT_TRUE(r.duplicates[0].across_labels);
  EXPECT_EQ(r.images, 1);
  EXPECT_EQ(r.frames.most, 20);
  EXPECT_EQ(r.sizes.at("48x32"), 3);
  const std::string text = to_text(r);
  for (const char* part : {"1 file is missing", "1 file cannot be read", "1 file is damaged",
                           "2 videos have fewer than 16 frames", "1 content is in both lists",
                           "list train: 4 samples found of 5", "1 class has no file: c",
                           "coverage 60.000 %", "good.mp4 = test:copy.mp4"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  EXPECT_EQ(to_json(r)["lists"][0]["missing"], 1);
  EXPECT_EQ(to_json(r)["wrong"].size(), r.wrong.size());
}

TEST_F(DatasetCheck, IsTheSameForAnyThreads) {
  CheckedFiles one{fs::path()}, four{fs::path()};
  EXPECT_EQ(to_json(report(one)).dump(), to_json(report(four, 4)).dump());
}

TEST_F(DatasetCheck, GoesOnFromItsJournal) {
  const fs::path journal = folder_ / "out/files.jsonl";
  std::string first;
  {
    CheckedFiles files(journal);
    first = to_json(report(files)).dump();
  }
  // The last line was cut off, another file has changed.
  std::string text = read_file(journal);
  text.resize(text.size() - 30);
  write_file_atomically(journal, text);
  {
    CheckedFiles files(journal);
    EXPECT_EQ(files.known(), 5);
    EXPECT_EQ(to_json(report(files)).dump(), first);
  }
  write_file_atomically(folder_ / "text.mp4", video_bytes(20, 3));
  CheckedFiles files(journal);
  EXPECT_EQ(files.known(), 6);
  EXPECT_EQ(report(files).unreadable.size(), 0U);
  // What is known is not decoded again: the journal is believed.
  std::string changed = read_file(journal);
  const auto at = changed.find("\"frames\":5");
  ASSERT_NE(at, std::string::npos);
  changed.replace(at, 10, "\"frames\":6");
  write_file_atomically(journal, changed);
  CheckedFiles again(journal);
  EXPECT_EQ(report(again).short_videos[0].check.frames, 6);
  // The file of a damaged line is checked again; what has no line of a check is another file.
  const std::size_t second = changed.find('\n') + 1;
  changed.replace(second, 5, "\x01junk");
  write_file_atomically(journal, changed);
  CheckedFiles broken(journal);
  EXPECT_LT(broken.known(), again.known());
  EXPECT_EQ(report(broken).unreadable.size(), 0U);
  write_file_atomically(journal, "no json\nnor this\n");
  EXPECT_THROW(CheckedFiles other(journal), InputError);
}

TEST_F(DatasetCheck, NothingWrongIsSaidSo) {
  write_file_atomically(folder_ / "fine.csv", "good.mp4 0\nimage.png 1\n");
  const TaskSpec spec{.name = "f", .kind = TaskKind::manifest, .manifest = "fine.csv"};
  CheckedFiles files{fs::path()};
  const DatasetReport r =
      check_dataset(read_lists_apart(resolve_lists(spec, folder_)), {.threads = 2}, files);
  EXPECT_TRUE(r.wrong.empty()) << r.wrong[0];
  EXPECT_NE(to_text(r).find("nothing is wrong"), std::string::npos);
}

// In the middle of a download.
TEST_F(DatasetCheck, TellsWhatIsNotThereYet) {
  write_png(folder_ / "in/train/n01/a.png", Image(16, 16, 10));
  write_png(folder_ / "in/val/n01/b.png", Image(16, 16, 20));
  write_png(folder_ / "in/val/n03/c.png", Image(16, 16, 30));
  fs::create_directories(folder_ / "in/train/n02");
  Json set = {{"name", "in"},
              {"classes", 4},
              {"folder", "in"},
              {"train", {{"manifest", "train"}, {"samples", 9}}},
              {"test", {{"manifest", "val"}, {"samples", 2}}}};
  const auto check = [&] {
    write_file_atomically(folder_ / "in.json", set.dump());
    const TaskSpec spec{.name = "in", .kind = TaskKind::manifest, .dataset = "in.json"};
    const ResolvedLists lists = resolve_lists(spec, folder_, Completeness::partial);
    EXPECT_EQ(lists.unavailable, "");
    CheckedFiles files{fs::path()};
    return check_dataset(read_lists_apart(lists), {.classes = lists.classes, .wrong = lists.wrong},
                         files)
        .wrong;
  };
  using Sentences = std::vector<std::string>;
  EXPECT_EQ(check(), (Sentences{"3 classes found of 4 that were released",
                                "list train: 1 samples found of 9 that were released",
                                "list train: 2 classes have no file: n02, n03",
                                "list test: 1 class has no file: n02"}));
  fs::remove_all(folder_ / "in/train");
  set["labels"] = "names.txt";
  const std::string in = (folder_ / "in").string();
  Sentences wrong = check();
  ASSERT_EQ(wrong.size(), 4U);
  EXPECT_EQ(wrong[0], "list train: " + in + "/train: no such file or folder");
  EXPECT_EQ(wrong[1], "names of the classes: " + in + "/names.txt: no such file or folder");
  EXPECT_EQ(wrong[2], "2 classes found of 4 that were released");
  EXPECT_EQ(wrong[3], "list train: 0 samples found of 9 that were released");
  write_file_atomically(folder_ / "in/names.txt", "n01\nn02\nn03\n");
  wrong = check();
  EXPECT_EQ(wrong[1], in + "/names.txt: classes: expected 4 names, found 3");
  // What measures is refused all the same.
  const TaskSpec spec{.name = "in", .kind = TaskKind::manifest, .dataset = "in.json"};
  EXPECT_NE(resolve_lists(spec, folder_).unavailable, "");
  fs::remove_all(folder_ / "in");
  EXPECT_NE(resolve_lists(spec, folder_, Completeness::partial).unavailable, "");
}

TEST_F(DatasetCheck, WholeFilesAreAList) {
  write_file_atomically(folder_ / "odd \"name\", 1.mp4", video_bytes(20, 3));
  write_file_atomically(folder_ / "mine.csv",
                        "file,label,group\ngood.mp4,b,x\ntext.mp4,b,y\ngone.mp4,b,y\n"
                        "\"odd \"\"name\"\", 1.mp4\",\"a, of two\",x\nimage.png,b,y\n");
  TaskSpec spec{.name = "f", .kind = TaskKind::manifest, .manifest = "mine.csv"};
  spec.count_missing = true;
  const auto lists = read_lists_apart(resolve_lists(spec, folder_));
  CheckedFiles files{fs::path()};
  const DatasetReport r = check_dataset(lists, {}, files);
  fs::create_directories(folder_ / "check");
  write_file_atomically(folder_ / "check/whole.csv", whole_list(lists[0].manifest, r.lists[0]));
  const Manifest whole = read_manifest(folder_ / "check/whole.csv", {.name_classes = true});
  ASSERT_EQ(whole.entries.size(), 3U);
  EXPECT_EQ(whole.entries[1].path.filename(), "odd \"name\", 1.mp4");
  EXPECT_EQ(whole.class_names, (std::vector<std::string>{"a, of two", "b"}));
  EXPECT_EQ(whole.entries[1].label, 0);
  EXPECT_EQ(whole.entries[1].group, whole.entries[0].group);
  EXPECT_NE(whole.entries[2].group, whole.entries[0].group);
  // Without labels, a path a line.
  write_file_atomically(folder_ / "bare.txt", "good.mp4\n");
  const Manifest bare = read_manifest(folder_ / "bare.txt", {.labels_required = false});
  EXPECT_EQ(whole_list(bare, {.whole_entries = {0}}),
            "file\n\"" + (folder_ / "good.mp4").string() + "\"\n");
  EXPECT_EQ(whole_list(bare, {}), "");
}

TEST_F(DatasetCheck, FramesOfFoldersAreCountedAgainstTheList) {
  for (int k = 1; k <= 20; ++k)
    write_png(folder_ / "v" / (std::to_string(k) + ".png"), Image(16, 16, k));
  write_file_atomically(folder_ / "f.txt", "v 25 0\nv 20 0\nv 0\ngood.mp4 7 0\ncopy.mp4 20 0\n");
  const TaskSpec spec{.name = "f", .kind = TaskKind::manifest, .manifest = "f.txt"};
  CheckedFiles files{fs::path()};
  const DatasetReport r = check_dataset(read_lists_apart(resolve_lists(spec, folder_)), {}, files);
  ASSERT_EQ(r.damaged.size(), 2U);
  EXPECT_EQ(r.damaged[0].line, 1);
  EXPECT_EQ(r.damaged[0].check.reason, "the list tells of 25 frames, 20 are there");
  EXPECT_EQ(r.damaged[1].line, 4);
  EXPECT_EQ(r.damaged[1].check.reason,
            "the list tells of 7 frames, 20 are there (if both numbers are labels: several labels "
            "on a line are not supported)");
}

TEST_F(DatasetCheck, ManyCopiesAreAShortLineInTheText) {
  std::string list;
  for (int k = 0; k < 40; ++k) {
    const std::string name = "same-" + std::to_string(k) + ".png";
    write_png(folder_ / name, Image(16, 16, 7));
    list += name + " 0\n";
  }
  write_file_atomically(folder_ / "s.txt", list);
  const TaskSpec spec{.name = "s", .kind = TaskKind::manifest, .manifest = "s.txt"};
  CheckedFiles files{fs::path()};
  const DatasetReport r = check_dataset(read_lists_apart(resolve_lists(spec, folder_)), {}, files);
  ASSERT_EQ(r.duplicates.size(), 1U);
  EXPECT_EQ(to_json(r)["duplicates"][0]["files"].size(), 40U);
  const std::string text = to_text(r);
  EXPECT_NE(text.find("all:same-4.png and 35 more, 40 in all\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("same-5.png"), std::string::npos);
}

TEST_F(DatasetCheck, FilesOfOtherEndingsAreTold) {
  for (const char* name : {"t/a/1.png", "t/a/2.png", "t/b/3.png"})
    write_png(folder_ / name, Image(16, 16, name[4]));
  for (const char* name : {"t/a/notes.TXT", "t/b/more.txt", "t/readme", "t/b/.hidden"})
    write_file_atomically(folder_ / name, "x");
  const TaskSpec spec{.name = "t", .kind = TaskKind::manifest, .manifest = "t"};
  CheckedFiles files{fs::path()};
  const DatasetReport r = check_dataset(read_lists_apart(resolve_lists(spec, folder_)), {}, files);
  EXPECT_EQ(r.lists[0].left_out, (std::map<std::string, std::int64_t>{{".txt", 2}, {"none", 1}}));
  EXPECT_NE(to_text(r).find("left out, of other endings: .txt (2), none (1)\n"), std::string::npos)
      << to_text(r);
  EXPECT_EQ(to_json(r)["lists"][0]["left_out"][".txt"], 2);
}

// Without a number of frames in the container, a video that was cut short has fewer and no error.
TEST_F(DatasetCheck, VideosCutShortAreDamaged) {
  for (const char* name : {"a.ts", "a.mkv"}) {
    write_test_video(folder_ / name, {.frames = grey_frames(12, 64, 64),
                                      .mpeg4 = true,
                                      .headers_inside = std::string(name) == "a.ts"});
    const std::string bytes = read_file(folder_ / name);
    EXPECT_EQ(check_file(folder_ / name).state, FileState::whole)
        << name << ": " << check_file(folder_ / name).reason;
    int damaged = 0;
    for (int tenth = 5; tenth < 10; ++tenth) {
      const std::size_t size = bytes.size() * static_cast<std::size_t>(tenth) / 10 / 188 * 188 + 50;
      write_file_atomically(folder_ / "cut" / name, bytes.substr(0, size));
      const FileCheck check = check_file(folder_ / "cut" / name);
      EXPECT_NE(check.state, FileState::whole) << name << " " << tenth << " tenths";
      damaged += check.state == FileState::damaged ? 1 : 0;
    }
    EXPECT_GT(damaged, 2) << name;
  }
}

TEST_F(DatasetCheck, WhatIsNoFileIsSaidSo) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe.mp4").c_str(), 0600), 0);
  fs::create_symlink("loop.mp4", folder_ / "loop.mp4");
  CheckedFiles files{fs::path()};
  EXPECT_NE(files.check(folder_ / "pipe.mp4").reason.find("named pipe"), std::string::npos);
  EXPECT_NE(files.check(folder_ / "loop.mp4").reason.find("links"), std::string::npos);
  EXPECT_EQ(files.check(folder_ / "gone.mp4").state, FileState::missing);
}

TEST_F(DatasetCheck, NothingIsNoContent) {
  write_file_atomically(folder_ / "empty.mp4", "");
  fs::create_directories(folder_ / "folder");
  write_file_atomically(folder_ / "n.txt", "empty.mp4 0\nfolder 0\n");
  TaskSpec spec{.name = "n", .kind = TaskKind::manifest, .manifest = "n.txt"};
  spec.count_missing = true;
  CheckedFiles files{fs::path()};
  EXPECT_TRUE(
      check_dataset(read_lists_apart(resolve_lists(spec, folder_)), {}, files).duplicates.empty());
}

// What ffmpeg 5.1 makes of broken and whole files of many kinds.
TEST(DatasetCheckData, BrokenFilesOfManyKinds) {
  const char* named = std::getenv("PERMAFROST_DATA_DIR");
  const fs::path data = named != nullptr ? named : PERMAFROST_SOURCE_DIR "/../shared/data";
  if (!fs::exists(data / "decode_generated")) GTEST_SKIP() << "no " << data / "decode_generated";
  const auto state = [&](const char* name) {
    return name_of(check_file(data / "decode_generated" / name).state);
  };
  for (const char* name : {"corrupt_empty.mp4", "corrupt_header_only.mp4", "corrupt_text.mp4",
                           "corrupt_trunc60.mp4", "audio_only.m4a"})
    EXPECT_EQ(state(name), "unreadable") << name;
  EXPECT_EQ(state("corrupt_trunc60.avi"), "damaged");
  for (const char* name : {"h264_high_bf3_onekey.mp4", "hevc_main.mp4", "vp8.webm", "av1.mp4",
                           "rot_90.mp4", "vfr_dropped.mp4", "one_frame.mp4", "mpeg4_bf2.avi"})
    EXPECT_EQ(state(name), "whole") << name;
}

}  // namespace dataset_check_test
}  // namespace permafrost
