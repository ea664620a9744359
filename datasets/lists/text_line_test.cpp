// SPDX-License-Identifier: Apache-2.0
// Lines of text lists as people write them: which part is the path, and what is refused.
#include "datasets/lists/text_line.h"

#include <gtest/gtest.h>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace text_line_test {

using Names = std::vector<std::string>;

class TextLine : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"e0.mp4", "e1.mp4", "my cat.mp4", "sub/a.mp4", "v17/1.png"})
      write_file_atomically(folder_ / name, name);
  }
  Manifest read(const std::string& text, const ManifestOptions& options = {.name_classes = true},
                const std::string& name = "list.txt") const {
    write_file_atomically(folder_ / name, text);
    return read_manifest(folder_ / name, options);
  }
  std::string error_of(const std::string& text,
                       const ManifestOptions& options = {.name_classes = true},
                       const std::string& name = "list.txt") const {
    try {
      read(text, options, name);
    } catch (const InputError& failure) {
      return folder_.without_path(failure.what());
    }
    return "no error";
  }
  // "path=label" of the first line.
  std::string first(const std::string& text,
                    const ManifestOptions& options = {.name_classes = true}) const {
    const Manifest list = read(text, options);
    const auto& entry = list.entries.front();
    const auto label = static_cast<std::size_t>(entry.label);
    const std::string frames =
        entry.frames_told > 0 ? " of " + std::to_string(entry.frames_told) : "";
    return entry.path.lexically_relative(folder_.path()).string() + "=" +
           (label < list.class_names.size() ? list.class_names[label] : std::to_string(label)) +
           frames;
  }
  const TestFolder folder_;
};

TEST_F(TextLine, NamesOfSeveralWordsStandBehindAPath) {
  EXPECT_EQ(first("e0.mp4 playing guitar\n"), "e0.mp4=playing guitar");
  EXPECT_EQ(first("e0.mp4\tplaying guitar\n"), "e0.mp4=playing guitar");
  EXPECT_EQ(first("my cat.mp4 playing guitar\n"), "my cat.mp4=playing guitar");
  EXPECT_EQ(first("\"my cat.mp4\" playing the guitar\n"), "my cat.mp4=playing the guitar");
  EXPECT_EQ(first("v17 playing guitar\n"), "v17=playing guitar");
  EXPECT_EQ(first("e0.mp4 \"playing, guitar\"\n"), "e0.mp4=playing, guitar");
  EXPECT_EQ(first("e0 playing guitar\n", {.name_classes = true, .extension = ".mp4"}),
            "e0.mp4=playing guitar");
}

TEST_F(TextLine, SemicolonsPartPathAndLabel) {
  EXPECT_EQ(first("e0.mp4;3\n"), "e0.mp4=3");
  EXPECT_EQ(first("e0.mp4;playing guitar\n"), "e0.mp4=playing guitar");
  EXPECT_EQ(first("v17;3\n"), "v17=3");
  EXPECT_EQ(first("label;file;group\nplaying guitar;e0.mp4;1\n"), "e0.mp4=playing guitar");
  EXPECT_NE(error_of("clip;class\ne0.mp4;a\n").find("header: expected a column of files"),
            std::string::npos);
}

TEST_F(TextLine, TheLabelMayStandFirst) {
  EXPECT_EQ(first("3 e0.mp4\n"), "e0.mp4=3");
  EXPECT_EQ(first("3 my cat.mp4\n"), "my cat.mp4=3");
  EXPECT_EQ(first("3,my cat.mp4\n"), "my cat.mp4=3");
  EXPECT_EQ(first("playing guitar,sub/a.mp4\n"), "sub/a.mp4=playing guitar");
  EXPECT_EQ(first("run;sub/a.mp4\n"), "sub/a.mp4=run");
  EXPECT_EQ(first("run e0.mp4\n"), "e0.mp4=run");
  EXPECT_EQ(first("playing guitar e0.mp4\n"), "e0.mp4=playing guitar");
}

TEST_F(TextLine, WhatIsThereIsNotReadOtherwise) {
  write_file_atomically(folder_ / "e0.mp4 1", "x");
  EXPECT_EQ(first("e0.mp4 1 0\n"), "e0.mp4 1=0");
}

TEST_F(TextLine, ANumberOfFramesMayStandBeforeTheLabel) {
  EXPECT_EQ(first("e0.mp4 36 1\n"), "e0.mp4=1 of 36");
  EXPECT_EQ(first("e0.mp4,36,1\n"), "e0.mp4=1 of 36");
  EXPECT_EQ(first("my cat.mp4 36 1\n"), "my cat.mp4=1 of 36");
  EXPECT_EQ(first("e0.mp4 36 run\n"), "e0.mp4=run of 36");
  EXPECT_EQ(first("v17 36 1\n"), "v17=1 of 36");
  const ManifestOptions named{.class_names = {"run", "jump"}};
  EXPECT_EQ(first("e0.mp4 1 0\n", named), "e0.mp4=run of 1");
}

TEST_F(TextLine, SeveralLabelsAreRefused) {
  const std::string several =
      ": label: expected one label a line, or the number of frames and a label, found several "
      "labels on a line: ";
  const std::string hint =
      " (several labels a sample are read with \"multi_label\": true of the task, or "
      "--multi-label)";
  for (const char* line :
       {"e0.mp4 1 0 2", "e0.mp4,1,0,2", "e0.mp4 1 0 2 5", "e0.mp4 1,0", "e0.mp4,1;0", "e0.mp4 1|0"})
    EXPECT_EQ(error_of(std::string(line) + "\n"),
              "list.txt:1" + several + "\"" + line + "\"" + hint);
  // As many labels as a sample has.
  EXPECT_EQ(error_of("e0.mp4 1\ne1.mp4 2 3\n"), "list.txt:2" + several + "\"e1.mp4 2 3\"" + hint);
  EXPECT_EQ(error_of("v17 1 2 3\n"), "list.txt:1" + several + "\"v17 1 2 3\"" + hint);
}

TEST_F(TextLine, FurtherColumnsNeedAHeader) {
  EXPECT_NE(error_of("e0.mp4,playing guitar,train\n").find("columns: expected a path and a label"),
            std::string::npos)
      << error_of("e0.mp4,playing guitar,train\n");
  const ManifestOptions named{.class_names = {"moving a, then b"}};
  EXPECT_EQ(first("e0.mp4,moving a, then b\n", named), "e0.mp4=moving a, then b");
}

TEST_F(TextLine, LabelsMayBeWrittenAsFractions) {
  EXPECT_EQ(first("e0.mp4 3.0\n"), "e0.mp4=3");
  EXPECT_EQ(first("path,label\ne0.mp4,3.0\n"), "e0.mp4=3");
  EXPECT_NE(error_of("e0.mp4 3.5\n", {}).find("a whole number from 0, found \"3.5\""),
            std::string::npos);
}

TEST_F(TextLine, WhereMostPathsAreMissingTheSplitIsShown) {
  const std::string text = "x playing guitar\ny playing guitar\ne0.mp4 run\n";
  EXPECT_EQ(error_of(text),
            "list.txt:1: path: expected an existing file, found \"x playing\" (2 of 3 are missing: "
            "is the list split as it should be, and do its paths start where it lies? list.txt:1 "
            "is read as path \"x playing\" and label \"guitar\")");
  EXPECT_EQ(error_of("e0.mp4 0\ne1.mp4 0\nx.mp4 0\n"),
            "list.txt:3: path: expected an existing file, found \"x.mp4\"");
}

TEST_F(TextLine, PathsFromWindowsAndAddresses) {
  EXPECT_EQ(first("sub\\a.mp4 1\n"), "sub/a.mp4=1");
  EXPECT_NE(error_of("https://host/a.mp4 1\n").find("expected a file on this machine"),
            std::string::npos);
  EXPECT_NE(error_of("s3://bucket/a.mp4,1\n").find("expected a file on this machine"),
            std::string::npos);
}

TEST_F(TextLine, TextInUtf16IsRead) {
  const std::string text = "e0.mp4 caf\xE9\n";  // Latin 1, so every byte is a unit
  std::string little = "\xFF\xFE", big = "\xFE\xFF";
  for (const char c : text) {
    (little += c) += '\0';
    (big += '\0') += c;
  }
  EXPECT_EQ(first(little), "e0.mp4=caf\xC3\xA9");
  EXPECT_EQ(first(big), "e0.mp4=caf\xC3\xA9");
}

TEST_F(TextLine, JsonLinesAreKnownByContent) {
  const std::string text =
      "{\"file_name\": \"e0.mp4\", \"label\": \"run\"}\n\n{\"file_name\": \"e1.mp4\", \"label\": "
      "\"jump\"}\n";
  for (const char* name : {"a.jsonl", "a.json", "a.txt"}) {
    const Manifest list = read(text, {.name_classes = true}, name);
    ASSERT_EQ(list.entries.size(), 2U) << name;
    EXPECT_EQ(list.entries[1].name, "e1.mp4");
    EXPECT_EQ(list.entries[1].line, 3);
    EXPECT_EQ(list.class_names, (Names{"jump", "run"}));
  }
  EXPECT_TRUE(is_json_lines("{\"path\": \"e0.mp4\"}"));
  EXPECT_FALSE(is_json_lines("{\"kind\": \"manifest\", \"manifest\": \"a\"}"));
  EXPECT_FALSE(is_json_lines("[{\"path\": \"e0.mp4\"}]"));
  EXPECT_NE(error_of("{\"path\": \"e0.mp4\"}\n{\"path\" \"e1.mp4\"}\n", {.labels_required = false})
                .find("list.txt:2"),
            std::string::npos);
}

TEST_F(TextLine, CompressedListsAndTablesOfOtherProgramsAreNamed) {
  for (const char* name : {"a.tar.gz", "a.tgz", "a.tar.xz"}) {
    const std::string text = error_of("x", {}, name);
    EXPECT_NE(text.find("a tar archive that is not compressed, found a compressed one"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("gunzip"), std::string::npos);
  }
  EXPECT_NE(error_of("x", {}, "a.csv.gz").find("a compressed file (unpack it first)"),
            std::string::npos);
  EXPECT_NE(error_of("x", {}, "a.XLSX").find("save it as CSV"), std::string::npos);
  EXPECT_NE(error_of("x", {}, "a.parquet").find("to_csv"), std::string::npos);
  EXPECT_NE(error_of("x", {}, "e9.mp4").find("found a video or image"), std::string::npos);
}

}  // namespace text_line_test
}  // namespace permafrost
