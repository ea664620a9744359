// SPDX-License-Identifier: Apache-2.0
// Lists of several labels a sample, in the forms that people have.
#include "datasets/lists/label_sets.h"

#include <gtest/gtest.h>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"
#include "datasets/lists/manifest.h"

namespace permafrost {
namespace label_sets_test {

using Texts = std::vector<std::string>;
using Sets = std::vector<std::vector<int>>;

TEST(LabelsOfCell, ArePartedByWhatStandsBetween) {
  EXPECT_EQ(labels_of_cell("3"), Texts{"3"});
  for (const char* text : {"3;7", "3|7", "3,7", "3 7", "[3, 7]", " 3 ;; 7 ", "3\t7"})
    EXPECT_EQ(labels_of_cell(text), (Texts{"3", "7"})) << text;
  for (const char* text : {"", "  ", "[]", ";"}) EXPECT_EQ(labels_of_cell(text), Texts{}) << text;
}

TEST(LabelsOfCell, MayBeNamesOfSeveralWords) {
  EXPECT_EQ(labels_of_cell("riding a horse"), Texts{"riding a horse"});
  EXPECT_EQ(labels_of_cell("riding a horse|waving"), (Texts{"riding a horse", "waving"}));
}

TEST(LabelsOfCell, LeavesOutTheTimesOfCharades) {
  EXPECT_EQ(labels_of_cell("c092 11.90 21.20;c147 0.00 12.60"), (Texts{"c092", "c147"}));
  EXPECT_EQ(labels_of_cell("c092 11.90 21.20"), Texts{"c092"});
}

class LabelSets : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a.mp4", "my cat.mp4", "c.mp4"})
      write_file_atomically(folder_ / name, name);
  }
  Manifest read(const std::string& name, const std::string& text,
                ManifestOptions options = {.name_classes = true}) const {
    options.multi_label = true;
    write_file_atomically(folder_ / name, text);
    return read_manifest(folder_ / name, options);
  }
  std::string error_of(const std::string& name, const std::string& text) const {
    try {
      read(name, text);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  }
  static Sets sets_of(const Manifest& list) {
    Sets sets;
    for (const auto& entry : list.entries) {
      EXPECT_EQ(target_of(entry).kind(), TargetKind::class_set);
      sets.push_back(target_of(entry).labels());
    }
    return sets;
  }
  const TestFolder folder_;
};

TEST_F(LabelSets, StandBehindThePath) {
  for (const char* text :
       {"a.mp4 5 1 5\n\"my cat.mp4\"\nc.mp4 0\n", "a.mp4,1,5\nmy cat.mp4,\nc.mp4,0\n",
        "path,labels\na.mp4,1;5\nmy cat.mp4,\nc.mp4,0\n",
        "path,label\na.mp4,\"1,5\"\nmy cat.mp4,\nc.mp4,0\n"}) {
    const Manifest list = read("list.txt", text);
    EXPECT_EQ(sets_of(list), (Sets{{1, 5}, {}, {0}})) << text;
    EXPECT_EQ(list.classes, 6) << text;
    EXPECT_EQ(list.entries[1].name, "my cat.mp4") << text;
  }
}

TEST_F(LabelSets, MayBeNamesWhichBecomeTheClasses) {
  const Manifest list =
      read("list.csv", "id,actions\na.mp4,c092 1.0 2.5;c007 0.0 3.0\nc.mp4,c007 0.5 1.5\n");
  EXPECT_EQ(list.class_names, (Texts{"c007", "c092"}));
  EXPECT_EQ(sets_of(list), (Sets{{0, 1}, {0}}));
}

TEST_F(LabelSets, AreArraysInJson) {
  const Manifest list = read("list.json", R"([{"path": "a.mp4", "labels": ["run", "wave"]},
      {"path": "my cat.mp4", "label": []}, {"path": "c.mp4", "label": "run"}])");
  EXPECT_EQ(list.class_names, (Texts{"run", "wave"}));
  EXPECT_EQ(sets_of(list), (Sets{{0, 1}, {}, {0}}));
}

TEST_F(LabelSets, AreRefusedWhereTheyAreNoLabels) {
  EXPECT_NE(error_of("list.txt", "a.mp4 1 2\nc.mp4 run\n").find("a whole number as at"),
            std::string::npos);
  const std::string text = error_of("list.json", R"([{"path": "a.mp4", "labels": [1.5]}])");
  EXPECT_NE(text.find("texts or whole numbers"), std::string::npos) << text;
  write_file_atomically(folder_ / "plain.json", R"([{"path": "a.mp4", "label": [1, 2]}])");
  try {
    read_manifest(folder_ / "plain.json");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("multi_label"), std::string::npos) << error.what();
  }
}

TEST_F(LabelSets, ArePartOfTheIdentityWhateverTheirOrder) {
  const auto identity = [&](const char* text) { return read("list.txt", text).identity; };
  EXPECT_EQ(identity("a.mp4 1 5\n"), identity("a.mp4 5 1\n"));
  EXPECT_NE(identity("a.mp4 1 5\n"), identity("a.mp4 1 4\n"));
  EXPECT_NE(identity("a.mp4 1\n"), read_manifest(folder_ / "list.txt").identity)
      << "a set of one is no single label";
}

}  // namespace label_sets_test
}  // namespace permafrost
