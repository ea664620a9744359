// SPDX-License-Identifier: Apache-2.0
#include "datasets/lists/manifest.h"

#include <gtest/gtest.h>

#include <fstream>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace manifest_test {

namespace fs = std::filesystem;

class ManifestTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "clips");
    for (const char* name : {"a.mp4", "b.mp4", "my cat.mp4", "b, second.mp4", "say \"hi\".mp4"}) {
      std::ofstream(folder_ / "clips" / name) << name;
    }
  }

  fs::path write(const std::string& text) {
    const fs::path path = folder_ / "list.csv";
    write_file_atomically(path, text);
    return path;
  }
  Manifest read(const std::string& text, const ManifestOptions& options = {}) {
    return read_manifest(write(text), options);
  }
  // The message without the folder.
  std::string error_of(const std::string& text, const ManifestOptions& options = {}) {
    try {
      read(text, options);
    } catch (const InputError& error) {
      return folder_.without_path(error.what());
    }
    return "no error";
  }

  const TestFolder folder_;
};

TEST_F(ManifestTest, PathAndLabelByAnySeparator) {
  for (const char* text : {"clips/a.mp4 3\nclips/b.mp4 0\n", "clips/a.mp4,3\nclips/b.mp4,0",
                           "clips/a.mp4\t3\r\nclips/b.mp4\t0\r\n",
                           "\xEF\xBB\xBF# comment\n\n  clips/a.mp4, 3  \n\"clips/b.mp4\" 0\n\n"}) {
    const Manifest manifest = read(text);
    ASSERT_EQ(manifest.entries.size(), 2U) << text;
    EXPECT_EQ(manifest.entries[0].name, "clips/a.mp4");
    EXPECT_EQ(manifest.entries[0].path, folder_ / "clips/a.mp4");
    EXPECT_EQ(manifest.entries[0].label, 3);
    EXPECT_EQ(manifest.entries[0].bytes, 5);
    EXPECT_EQ(manifest.entries[1].label, 0);
    EXPECT_EQ(manifest.entries[1].group, 1);
    EXPECT_EQ(manifest.classes, 4);
  }
}

TEST_F(ManifestTest, PathsWithSpacesCommasAndQuotes) {
  const Manifest manifest = read(
      "clips/my cat.mp4 1\n"
      "clips/my cat.mp4,2\n"
      "\"clips/b, second.mp4\",3\n"
      "clips/b, second.mp4 4\n"
      "\"clips/say \"\"hi\"\".mp4\" 5\n");
  ASSERT_EQ(manifest.entries.size(), 5U);
  EXPECT_EQ(manifest.entries[1].name, "clips/my cat.mp4");
  EXPECT_EQ(manifest.entries[2].name, "clips/b, second.mp4");
  EXPECT_EQ(manifest.entries[3].name, "clips/b, second.mp4");
  EXPECT_EQ(manifest.entries[4].name, "clips/say \"hi\".mp4");
  EXPECT_EQ(manifest.entries[4].label, 5);
}

TEST_F(ManifestTest, AbsolutePaths) {
  const std::string path = (folder_ / "clips/a.mp4").string();
  EXPECT_EQ(read(path + " 1\n").entries[0].path, path);
}

TEST_F(ManifestTest, HeaderNamesColumns) {
  const Manifest manifest = read(
      "group,Label,frames,file\n"
      "g7,1,33,clips/a.mp4\n"
      "g2,0,12,\"clips/b, second.mp4\"\n"
      "g7,1,12,clips/my cat.mp4\n");
  ASSERT_EQ(manifest.entries.size(), 3U);
  EXPECT_EQ(manifest.entries[1].name, "clips/b, second.mp4");
  EXPECT_EQ(manifest.entries[0].label, 1);
  EXPECT_EQ(manifest.entries[0].group, 0);
  EXPECT_EQ(manifest.entries[1].group, 1);
  EXPECT_EQ(manifest.entries[2].group, 0);
  EXPECT_EQ(read("path label\n\"clips/my cat.mp4\" 1\n").entries[0].name, "clips/my cat.mp4");
  EXPECT_EQ(read("video\tclass\nclips/my cat.mp4\t1\n").entries[0].label, 1);
}

TEST_F(ManifestTest, ClassNames) {
  const ManifestOptions options{.class_names = {"noFight", "fight"}};
  const Manifest manifest =
      read("file,label,group\nclips/a.mp4,fight,1\nclips/b.mp4,noFight,1\n", options);
  EXPECT_EQ(manifest.entries[0].label, 1);
  EXPECT_EQ(manifest.entries[1].label, 0);
  EXPECT_EQ(manifest.entries[1].group, 0);
  EXPECT_EQ(manifest.classes, 2);
  EXPECT_EQ(error_of("clips/a.mp4,fihgt\n", options),
            "list.csv:1: label: expected one of the classes noFight, fight, found \"fihgt\" (did "
            "you mean \"fight\"?)");
  EXPECT_EQ(read("clips/a.mp4,1\n", options).entries[0].label, 1);
  EXPECT_NE(error_of("clips/a.mp4,2\n", options), "no error");
}

TEST_F(ManifestTest, WithoutLabels) {
  const ManifestOptions options{.labels_required = false};
  const Manifest manifest = read("clips/a.mp4\nclips/my cat.mp4\nclips/b.mp4 2\n", options);
  ASSERT_EQ(manifest.entries.size(), 3U);
  EXPECT_EQ(manifest.entries[0].label, -1);
  EXPECT_EQ(manifest.entries[1].name, "clips/my cat.mp4");
  EXPECT_EQ(manifest.entries[2].label, 2);
  EXPECT_EQ(read("path\nclips/a.mp4\n", options).classes, 0);
}

TEST_F(ManifestTest, MissingFiles) {
  EXPECT_EQ(error_of("clips/a.mp4 1\nclips/none.mp4 1\n"),
            "list.csv:2: path: expected an existing file, found \"clips/none.mp4\"");
  EXPECT_EQ(error_of("clips 1\n"), "list.csv:1: path: expected an existing file, found \"clips\"");
  const Manifest manifest = read("clips/none.mp4 1\n", {.require_files = false});
  EXPECT_EQ(manifest.entries[0].bytes, -1);
}

TEST_F(ManifestTest, ErrorsNameLineAndColumn) {
  const std::string good = "clips/a.mp4 1\n\n";
  EXPECT_EQ(error_of(good + "clips/b.mp4 cat\n"),
            "list.csv:3: label: expected a whole number from 0, found \"cat\"");
  for (const char* label : {"-1", "1.5", "1e3", "99999999999", "0x1"}) {
    EXPECT_EQ(
        error_of(good + "clips/b.mp4," + label),
        "list.csv:3: label: expected a whole number from 0, found \"" + std::string(label) + "\"");
  }
  EXPECT_EQ(error_of(good + "clips/b.mp4\n"),
            "list.csv:3: label: expected a label after the path, found none");
  EXPECT_EQ(error_of("file,label\nclips/a.mp4,cat\n"),
            "list.csv:2: label: expected a whole number from 0, found \"cat\"");
  EXPECT_EQ(error_of("file,label\nclips/b, second.mp4,1\n"),
            "list.csv:2: columns: expected 2 as in the header, found 3 (a path that holds a "
            "separator needs quotes)");
  EXPECT_EQ(
      error_of("file,group\nclips/a.mp4,1\n"),
      "list.csv:1: header: expected a column named label or class, or label_name, class_name, "
      "category, found \"file,group\"");
  EXPECT_EQ(error_of(",1\n"), "list.csv:1: path: expected a path, found none");
}

TEST_F(ManifestTest, ANameMayBeginWithTheSignOfComments) {
  std::ofstream(folder_ / "#1.mp4") << "one";
  const Manifest manifest = read("# clips,0\n#\n#1.mp4,0\n#\ttabbed 3\nclips/a.mp4,1\n");
  ASSERT_EQ(manifest.entries.size(), 2U);
  EXPECT_EQ(manifest.entries[0].name, "#1.mp4");
  EXPECT_EQ(manifest.entries[0].line, 3);
  EXPECT_EQ(error_of("#comment\n"),
            "list.csv:1: label: expected a label after the path, found none");
}

TEST_F(ManifestTest, LabelsAreBounded) {
  EXPECT_EQ(read("clips/a.mp4 999999\n").classes, kMostClasses);
  for (const bool named : {false, true})
    EXPECT_EQ(error_of("clips/a.mp4 0\nclips/b.mp4 1000000\n", {.name_classes = named}),
              "list.csv:2: label: expected a class from 0 to 999999, found \"1000000\"");
}

TEST_F(ManifestTest, OtherNamesOfColumns) {
  for (const char* header : {"video_path,label", "label_name,file_name", "category,Video_Name"}) {
    const bool label_first = header[0] != 'v';
    const std::string row = label_first ? "1,clips/a.mp4" : "clips/a.mp4,1";
    const Manifest manifest = read(std::string(header) + "\n" + row + "\n");
    ASSERT_EQ(manifest.entries.size(), 1U) << header;
    EXPECT_EQ(manifest.entries[0].name, "clips/a.mp4");
    EXPECT_EQ(manifest.entries[0].label, 1);
  }
  // The usual name goes first.
  EXPECT_EQ(read("label_name,path,label\nrun,clips/a.mp4,7\n").entries[0].label, 7);
  for (const char* header : {"clip_uri,label", "clip_uri Class", "a,b,labels", "uri\tcategories"}) {
    const std::string message = error_of(std::string(header) + "\nclips/a.mp4,1\n",
                                         {.require_files = false, .name_classes = true});
    EXPECT_NE(message.find("list.csv:1: header: expected a column of files under path, file"),
              std::string::npos)
        << header << ": " << message;
  }
  // Further down it is a class.
  EXPECT_EQ(read("clips/a.mp4,x\nclips/b.mp4,label\n", {.name_classes = true}).class_names,
            (std::vector<std::string>{"label", "x"}));
}

TEST_F(ManifestTest, ASplitThatNoColumnTellsIsRefused) {
  for (const char* text : {"clips/a.mp4 1\n", "path,label\nclips/a.mp4,1\n"})
    EXPECT_NE(error_of(text, {.split = "train"})
                  .find("list.csv: split: expected a list that names the split of its entries, as "
                        "\"train\" alone is asked for"),
              std::string::npos)
        << text;
  const std::string text = "path,label,split\nclips/a.mp4,1,train\nclips/b.mp4,0,test\n";
  EXPECT_EQ(read(text, {.split = "test"}).entries[0].name, "clips/b.mp4");
}

TEST_F(ManifestTest, EmptyMissingOrBinaryManifest) {
  const std::string empty = "list.csv: expected at least one line \"path label\", found none";
  EXPECT_EQ(error_of(""), empty);
  EXPECT_EQ(error_of("\n# nothing\n\r\n"), empty);
  EXPECT_EQ(error_of("path,label\n"), empty);
  EXPECT_EQ(error_of(std::string("a\0b 1", 5)),
            "list.csv: expected a manifest of text lines, found binary data");
  EXPECT_THROW(read_manifest(folder_ / "none.csv"), InputError);
}

TEST_F(ManifestTest, IdentityIsThatOfTheContent) {
  const std::string base = read("clips/a.mp4 1\nclips/b.mp4 0\n").identity;
  EXPECT_EQ(base.size(), 64U);
  EXPECT_EQ(read("path,label\nclips/a.mp4,1\n./clips/b.mp4,0\n").identity, base);
  EXPECT_EQ(read((folder_ / "clips/a.mp4").string() + " 1\nclips/b.mp4 0\n").identity, base);
  EXPECT_NE(read("clips/b.mp4 0\nclips/a.mp4 1\n").identity, base);
  EXPECT_NE(read("clips/a.mp4 2\nclips/b.mp4 0\n").identity, base);
  std::ofstream(folder_ / "clips/a.mp4") << "another size";
  EXPECT_NE(read("clips/a.mp4 1\nclips/b.mp4 0\n").identity, base);
}

}  // namespace manifest_test
}  // namespace permafrost
