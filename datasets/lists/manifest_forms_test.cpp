// SPDX-License-Identifier: Apache-2.0
// Lists in the forms that datasets come with; manifest_test.cpp has the plain ones.
#include <gtest/gtest.h>

#include <fstream>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"
#include "datasets/lists/manifest.h"

namespace permafrost {
namespace manifest_forms_test {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

class ManifestForms : public testing::Test {
 protected:
  void touch(const std::string& name) const { write_file_atomically(folder_ / name, name); }
  Manifest read(const std::string& name, const std::string& text,
                const ManifestOptions& options = {}) const {
    write_file_atomically(folder_ / name, text);
    return read_manifest(folder_ / name, options);
  }
  std::string error_of(const std::string& name, const std::string& text,
                       const ManifestOptions& options = {}) const {
    return error([&] { read(name, text, options); });
  }
  template <typename Call>
  std::string error(Call call) const {
    try {
      call();
    } catch (const InputError& failure) {
      return folder_.without_path(failure.what());
    }
    return "no error";
  }

  const TestFolder folder_;
};

TEST_F(ManifestForms, LabelsThatPlayNoPart) {
  for (const char* name : {"clips/a.mp4", "clips/my cat.mp4", "v17/1.png", "v17/2.png"})
    touch(name);
  ManifestOptions options;
  options.labels_required = false;
  options.labels_ignored = true;
  const auto names = [&](const std::string& text) {
    Names found;
    for (const auto& entry : read("list.txt", text, options).entries) {
      EXPECT_EQ(entry.label, -1);
      found.push_back(entry.name);
    }
    return found;
  };
  for (const char* line :
       {"clips/a.mp4", "clips/a.mp4 run", "clips/a.mp4,run", "clips/a.mp4, jump high",
        "clips/a.mp4 0 -1", "clips/a.mp4,0,-1", "clips/a.mp4::run", "\"clips/a.mp4\",0",
        "clips/a.mp4\t3", "path,label\nclips/a.mp4,run"})
    EXPECT_EQ(names(line), Names{"clips/a.mp4"}) << line;
  for (const char* line : {"clips/my cat.mp4", "clips/my cat.mp4 3", "clips/my cat.mp4 0 -1"})
    EXPECT_EQ(names(line), Names{"clips/my cat.mp4"}) << line;
  for (const char* line : {"v17", "v17 2 1", "v17 0 -1", "v17,run"})
    EXPECT_EQ(names(line), Names{"v17"}) << line;
  EXPECT_NE(error_of("list.txt", "clips/b.mp4 0 -1", options).find("clips/b.mp4\""),
            std::string::npos);
  // A folder a class.
  EXPECT_EQ(read_manifest(folder_, options).entries.at(0).label, -1);
}

TEST_F(ManifestForms, FramesThatAListTellsOf) {
  for (const char* name : {"v/1.png", "v/2.png"}) touch(name);
  const Manifest list = read("list.txt", "v 25 1\nv 1\n");
  EXPECT_EQ(list.entries[0].frames_told, 25);
  EXPECT_EQ(list.entries[1].frames_told, 0);
}

TEST_F(ManifestForms, KineticsOwnLists) {
  touch("train/abc-_1_000010_000020.mp4");
  touch("train/x_000000_000010.mp4");
  const std::string text =
      "label,youtube_id,time_start,time_end,split,is_cc\n"
      "\"air drumming\",abc-_1,10,20,train,0\n"
      "yoga,zz,5,15,val,0\n"
      "abseiling,x,0,10,train,1\n";
  const ManifestOptions options{
      .name_classes = true, .root = folder_ / "train", .extension = ".mp4", .split = "train"};
  const Manifest manifest = read("k400.csv", text, options);
  ASSERT_EQ(manifest.entries.size(), 2U);
  EXPECT_EQ(manifest.entries[0].path, folder_ / "train/abc-_1_000010_000020.mp4");
  EXPECT_EQ(manifest.entries[0].name, "abc-_1_000010_000020");
  EXPECT_EQ(manifest.entries[0].label, 1);
  EXPECT_EQ(manifest.entries[1].label, 0);
  EXPECT_EQ(manifest.class_names, (Names{"abseiling", "air drumming"}));
  EXPECT_EQ(manifest.missing(), 0);
  EXPECT_EQ(error_of("k.csv", text, {.name_classes = true, .root = folder_, .split = "dev"}),
            "k.csv: expected at least one line of split \"dev\", found none");
  EXPECT_EQ(error_of("k.csv", "label,youtube_id,time_start,time_end,split\nyoga,a,1.5,3,train\n"),
            "k.csv:2: time_start, time_end: expected whole seconds up to 999999, found \"1.5\"");
}

TEST_F(ManifestForms, FilesThatAreGoneAreCounted) {
  touch("a.mp4");
  const std::string text = "a.mp4 0\ngone.mp4 1\n";
  EXPECT_NE(error_of("l.csv", text), "no error");
  const Manifest with = read("l.csv", text, {.require_files = false});
  EXPECT_EQ(with.missing(), 1);
  touch("gone.mp4");
  EXPECT_NE(read("l.csv", text).identity, with.identity);
}

TEST_F(ManifestForms, SomethingSomething) {
  touch("v/7.webm");
  touch("v/12.webm");
  const std::string text = R"([
    {"id": "7", "label": "holding a cup", "template": "Holding [something]", "placeholders": ["a cup"]},
    {"id": "12", "label": "moving a pen up", "template": "Moving [something] up"}])";
  const ManifestOptions options{.class_names = {"Moving something up", "Holding something"},
                                .root = folder_ / "v",
                                .extension = ".webm"};
  const Manifest manifest = read("train.json", text, options);
  ASSERT_EQ(manifest.entries.size(), 2U);
  EXPECT_EQ(manifest.entries[0].path, folder_ / "v/7.webm");
  EXPECT_EQ(manifest.entries[0].label, 1);
  EXPECT_EQ(manifest.entries[1].label, 0);
  ManifestOptions fewer = options;
  fewer.class_names.pop_back();
  EXPECT_NE(error_of("train.json", text, fewer).find("train.json:/0: label: expected one of"),
            std::string::npos);
}

TEST_F(ManifestForms, Diving48AndItsLike) {
  touch("rgb/a_00000.mp4");
  const Manifest manifest =
      read("d.json", R"([{"vid_name": "a_00000", "label": 26, "start_frame": 0, "group": "a"}])",
           {.classes = 48, .root = folder_ / "rgb", .extension = ".mp4"});
  EXPECT_EQ(manifest.entries[0].label, 26);
  EXPECT_EQ(manifest.classes, 48);
  EXPECT_EQ(error_of("d.json", R"([{"id": 3, "label": 48}])", {.classes = 48}),
            "d.json:/0: label: expected a class from 0 to 47, found \"48\"");
  EXPECT_NE(error_of("d.json", "{}").find("a list of objects"), std::string::npos);
  EXPECT_NE(error_of("d.json", "[]").find("at least one object"), std::string::npos);
  EXPECT_NE(error_of("d.json", "[3]").find("d.json:/0"), std::string::npos);
  EXPECT_NE(error_of("d.json", R"([{"label": 1}])").find("vid_name, found none"),
            std::string::npos);
  EXPECT_NE(error_of("d.json", R"([{"id": 1.5, "label": 1}])").find("a text or a whole number"),
            std::string::npos);
}

TEST_F(ManifestForms, JesterIsFoldersOfFrames) {
  touch("v/34870/00001.jpg");
  touch("v/34870/00002.jpg");
  fs::create_directories(folder_ / "v/9");
  const ManifestOptions options{
      .class_names = {"No gesture", "Drumming Fingers"}, .root = folder_ / "v", .separator = ";"};
  const Manifest manifest = read("train.csv", "34870;Drumming Fingers\n", options);
  EXPECT_EQ(manifest.entries[0].path, folder_ / "v/34870");
  EXPECT_EQ(manifest.entries[0].label, 1);
  EXPECT_EQ(manifest.entries[0].bytes, 2);
  EXPECT_NE(error_of("train.csv", "9;No gesture\n", options).find("an existing file"),
            std::string::npos);
}

TEST_F(ManifestForms, RawframesWithTheirNumber) {
  touch("frames/v17/img_1.jpg");
  const Manifest manifest = read("l.csv", "frames/v17 36 4\n");
  EXPECT_EQ(manifest.entries[0].path, folder_ / "frames/v17");
  EXPECT_EQ(manifest.entries[0].label, 4);
}

TEST_F(ManifestForms, DoubleColons) {
  touch("my clip, one.mp4");
  EXPECT_EQ(read("l.csv", "my clip, one.mp4::5\n").entries[0].label, 5);
  const Manifest named = read("l.csv", "my clip, one.mp4::air drumming\n", {.name_classes = true});
  EXPECT_EQ(named.class_names, Names{"air drumming"});
  // A name may hold them.
  touch("a::b.mp4");
  for (const char* text : {"a::b.mp4 2\n", "a::b.mp4,2\n", "\"a::b.mp4\" 2\n", "a::b.mp4::2\n"}) {
    const Manifest manifest = read("l.csv", text);
    EXPECT_EQ(manifest.entries[0].name, "a::b.mp4") << text;
    EXPECT_EQ(manifest.entries[0].label, 2) << text;
  }
}

TEST_F(ManifestForms, LabelsByName) {
  touch("a.mp4");
  touch("b c.mp4");
  const ManifestOptions options{.name_classes = true};
  const Manifest manifest = read("l.csv", "a.mp4 yoga\nb c.mp4,air drumming\n", options);
  EXPECT_EQ(manifest.class_names, (Names{"air drumming", "yoga"}));
  EXPECT_EQ(manifest.entries[0].label, 1);
  EXPECT_EQ(manifest.entries[1].label, 0);
  const Manifest numbers = read("l.csv", "a.mp4 3\nb c.mp4 0\n", options);
  EXPECT_EQ(numbers.classes, 4);
  EXPECT_TRUE(numbers.class_names.empty());
  EXPECT_NE(error_of("l.csv", "a.mp4 yoga\nb c.mp4 3\n", options).find("l.csv:2: label"),
            std::string::npos);
  // A name that ends in a number is a name where the names are known.
  EXPECT_EQ(read("l.csv", "a.mp4,class 0\n", {.class_names = {"x", "class 0"}}).entries[0].label,
            1);
}

TEST_F(ManifestForms, AMistakenLabelIsNamedAndNotAGoodOne) {
  const ManifestOptions options{.require_files = false, .name_classes = true};
  for (const char* label : {"-1", "1.5", "99999999999", "-0.5", "1e3"})
    EXPECT_EQ(
        error_of("l.csv", "a.mp4 0\nb.mp4 " + std::string(label) + "\n", options),
        "l.csv:2: label: expected a whole number from 0, found \"" + std::string(label) + "\"");
  const std::string hint =
      " (a list whose classes have numbers for names needs class_names or labels)";
  EXPECT_EQ(error_of("l.csv", "a.mp4 run\nb.mp4 0\nc.mp4 1\n", options),
            "l.csv:1: label: expected a whole number as at l.csv:2 (\"0\"), found \"run\"" + hint);
  EXPECT_EQ(error_of("l.csv", "a.mp4 0\nb.mp4 run\n", options),
            "l.csv:2: label: expected a whole number as at l.csv:1 (\"0\"), found \"run\"" + hint);
  EXPECT_EQ(
      error_of("l.csv", "a.mp4 run\nb.mp4 jump\nc.mp4 -1\n", options),
      "l.csv:3: label: expected the name of a class as at l.csv:1 (\"run\"), found \"-1\"" + hint);
  EXPECT_EQ(read("l.csv", "a.mp4 inf\nb.mp4 nan\n", options).class_names, (Names{"inf", "nan"}));
}

TEST_F(ManifestForms, SplitsOfJson) {
  const std::string text = R"([{"file": "a.mp4", "label": 0, "split": "train"},
                               {"file": "b.mp4", "label": 1, "split": "test"}])";
  const Manifest manifest = read("l.json", text, {.require_files = false, .split = "test"});
  ASSERT_EQ(manifest.entries.size(), 1U);
  EXPECT_EQ(manifest.entries[0].name, "b.mp4");
  EXPECT_EQ(manifest.entries[0].line, 2);
  EXPECT_EQ(read("l.json", text, {.require_files = false}).entries.size(), 2U);
  EXPECT_EQ(error_of("l.json", text, {.require_files = false, .split = "dev"}),
            "l.json: expected at least one object of split \"dev\", found none");
  EXPECT_EQ(error_of("l.json", R"([{"file": "a.mp4", "label": 0}])", {.split = "train"}),
            "l.json:/0: split: expected a split, as \"train\" alone is asked for, found none");
  // A field that is not asked for may be anything.
  EXPECT_EQ(
      read("l.json", R"([{"file": "a.mp4", "label": 0, "split": [1]}])", {.require_files = false})
          .entries.size(),
      1U);
}

TEST_F(ManifestForms, EntriesWithoutAGroupStandApartFromThoseWithOne) {
  const Manifest manifest = read("l.json", R"([{"file": "a.mp4", "label": 0},
      {"file": "b.mp4", "label": 0, "group": "g"}, {"file": "c.mp4", "label": 1},
      {"file": "d.mp4", "label": 1, "group": "g"}])",
                                 {.require_files = false});
  std::vector<std::int64_t> groups;
  for (const auto& entry : manifest.entries) groups.push_back(entry.group);
  EXPECT_EQ(groups, (std::vector<std::int64_t>{0, 1, 2, 1}));
}

TEST_F(ManifestForms, ClassFoldersAreNoSplits) {
  touch("t/n01/z.mp4");
  EXPECT_NE(error([&] {
              read_manifest(folder_ / "t", {.split = "train"});
            }).find("t: split: expected a list that names the split"),
            std::string::npos);
}

TEST_F(ManifestForms, ClassFoldersThatAreNotAllThereYet) {
  touch("t/n01/z.mp4");
  fs::create_directories(folder_ / "t/n02");
  const Manifest some = read_manifest(folder_ / "t", {.partial = true});
  EXPECT_EQ(some.class_names, (Names{"n01", "n02"}));
  EXPECT_EQ(some.entries.size(), 1U);
  const ManifestOptions others{
      .class_names = {"n02", "n05"}, .partial = true, .further_classes = true};
  const Manifest more = read_manifest(folder_ / "t", others);
  EXPECT_EQ(more.class_names, (Names{"n02", "n05", "n01"}));
  EXPECT_EQ(more.entries[0].label, 2);
  fs::create_directories(folder_ / "empty");
  EXPECT_TRUE(read_manifest(folder_ / "empty", {.partial = true}).entries.empty());
  EXPECT_NE(error([&] { read_manifest(folder_ / "empty"); }), "no error");
}

TEST_F(ManifestForms, ClassFolders) {
  for (const char* name : {"t/n02/b.JPEG", "t/n02/deep/a.png", "t/n01/z.mp4", "t/n10/q.webp",
                           "t/n02/notes.txt", "t/.cache/x.jpg", "t/readme.md"})
    touch(name);
  const Manifest manifest = read_manifest(folder_ / "t");
  EXPECT_EQ(manifest.class_names, (Names{"n01", "n02", "n10"}));
  ASSERT_EQ(manifest.entries.size(), 4U);
  EXPECT_EQ(manifest.entries[0].name, "n01/z.mp4");
  EXPECT_EQ(manifest.entries[1].name, "n02/b.JPEG");
  EXPECT_EQ(manifest.entries[2].name, "n02/deep/a.png");
  EXPECT_EQ(manifest.entries[2].label, 1);
  EXPECT_EQ(manifest.entries[3].label, 2);
  // As a test set of other names: indices are those of the names given.
  EXPECT_EQ(read_manifest(folder_ / "t", {.class_names = {"n02", "n10", "n01"}}).entries[0].label,
            2);
  EXPECT_NE(error([&] {
              read_manifest(folder_ / "t", {.class_names = {"n01", "n02"}});
            }),
            "no error");
  touch("t/7/x.jpg");  // no index
  EXPECT_NE(error([&] { read_manifest(folder_ / "t", {.class_names = Names(9, "n01")}); }),
            "no error");
  fs::remove_all(folder_ / "t/7");
  fs::create_directories(folder_ / "t/n11");
  EXPECT_EQ(error([&] { read_manifest(folder_ / "t"); }),
            "t/n11: expected at least one image or video file of this class, found none");
  fs::remove(folder_ / "t/n11");
  touch("t/loose.jpg");
  EXPECT_NE(error([&] { read_manifest(folder_ / "t"); }).find("loose.jpg"), std::string::npos);
  const Manifest all = read_manifest(folder_ / "t", {.labels_required = false});
  EXPECT_EQ(all.entries.size(), 5U);
  EXPECT_EQ(all.entries[0].label, -1);
  EXPECT_NE(error([&] { read_manifest(folder_ / "t/.cache"); }), "no error");
}

TEST_F(ManifestForms, LinksInACircleAreNamed) {
  touch("t/a/1.png");
  fs::create_directory_symlink("..", folder_ / "t/a/up");
  EXPECT_EQ(
      error([&] { read_manifest(folder_ / "t"); }),
      "t/a/up: expected a folder, found a link to a folder that it lies in, whose files would "
      "come for ever");
  fs::remove(folder_ / "t/a/up");
  touch("elsewhere/2.png");
  fs::create_directory_symlink(folder_ / "elsewhere", folder_ / "t/a/other");
  EXPECT_EQ(read_manifest(folder_ / "t").entries.size(), 2U);
}

TEST_F(ManifestForms, MoreEndingsOfVideosAndPictures) {
  for (const char* name : {"t/a/1.y4m", "t/a/2.H264", "t/a/3.MTS", "t/a/4.avif", "t/a/5.vob"})
    touch(name);
  EXPECT_EQ(read_manifest(folder_ / "t").entries.size(), 5U);
}

TEST_F(ManifestForms, TwoListsAreOneThatKeepsThemApart) {
  for (const char* name : {"a.mp4", "b.mp4", "c.mp4"}) touch(name);
  const Manifest train = read("t.csv", "path,label,group\na.mp4,0,g\nb.mp4,1,g\n");
  const Manifest test = read("v.csv", "path,label,group\nc.mp4,2,g\n");
  const Manifest both = joined_lists(train, test);
  ASSERT_EQ(both.entries.size(), 3U);
  EXPECT_EQ(both.entries[1].group, 0);
  EXPECT_EQ(both.entries[2].group, 1);
  EXPECT_EQ(both.classes, 3);
  EXPECT_NE(both.identity, joined_lists(test, train).identity);
}

}  // namespace manifest_forms_test
}  // namespace permafrost
