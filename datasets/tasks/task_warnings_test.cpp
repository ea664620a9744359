// SPDX-License-Identifier: Apache-2.0
#include "datasets/tasks/task_warnings.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace task_warnings_test {

using Labels = std::vector<std::string>;

// A task of two official lists with these labels.
std::string warnings(const Labels& train, const Labels& test, Json more = Json::object()) {
  const TestFolder folder;
  const auto write = [&](const std::string& name, const Labels& labels) {
    std::string text = "path,label\n";
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const std::string file = name + std::to_string(i) + ".mp4";
      write_file_atomically(folder / file, file);
      text += file + ",\"" + labels[i] + "\"\n";
    }
    write_file_atomically(folder / (name + ".csv"), text);
  };
  write("train", train);
  write("test", test);
  Json json{{"name", "t"}, {"kind", "manifest"}, {"train", "train.csv"}, {"test", "test.csv"}};
  json.update(more);
  const Task task = open_task(read_task_spec(json, "t.json"), {2, 16, 16}, folder.path());
  std::string text;
  for (const auto& warning : warnings_of(task)) text += warning + "\n";
  EXPECT_EQ(task.warnings, warnings_of(task));
  return text;
}

TEST(TaskWarnings, AreNoneWhereEveryClassIsTrainedAndTested) {
  EXPECT_EQ(warnings({"a", "b", "a", "b"}, {"b", "a"}), "");
  EXPECT_EQ(warnings({"0", "1", "2"}, {"2"}), "") << "a class that is not tested is no fault";
}

TEST(TaskWarnings, OneClassAlone) {
  EXPECT_EQ(
      warnings({"a", "a"}, {"a"}),
      "all samples are of one class (a): every answer is right, and the number says nothing of "
      "the encoder\n");
}

TEST(TaskWarnings, NumbersThatAreLeftOut) {
  EXPECT_EQ(warnings({"0", "1", "5"}, {"5", "1"}),
            "3 classes have no sample (2, 3, 4): chance is that of 6 classes, of which 3 occur\n");
}

TEST(TaskWarnings, ClassesThatAreTestedAndNotTrained) {
  const Json names{{"class_names", {"a", "b", "c"}}};
  EXPECT_EQ(warnings({"a", "b", "b"}, {"b", "c"}, names),
            "1 class is tested without a sample to train on (c): what is said of it is right by "
            "chance only\n");
}

TEST(TaskWarnings, ATrainingSideOfOneClass) {
  const std::string text = warnings({"0", "0"}, {"0", "1"}, {{"class_names", {"x", "y"}}});
  EXPECT_NE(text.find("1 class is tested without a sample to train on (y)"), std::string::npos);
  EXPECT_NE(text.find("a training side has samples of one class alone"), std::string::npos);
}

TEST(TaskWarnings, LongListsAreCut) {
  const std::string text = warnings({"0", "9"}, {"9"});
  EXPECT_NE(text.find("8 classes have no sample (1, 2, 3, 4, 5, ...)"), std::string::npos) << text;
}

TEST(TaskWarnings, SetsOfClassesMayBeOfOneClass) {
  EXPECT_EQ(warnings({"0", "", "0"}, {"0", ""}, {{"multi_label", true}}), "");
}

}  // namespace task_warnings_test
}  // namespace permafrost
