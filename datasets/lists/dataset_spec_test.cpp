// SPDX-License-Identifier: Apache-2.0
#include "datasets/lists/dataset_spec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace dataset_spec_test {

std::string error_of(const Json& json) {
  try {
    read_dataset_spec(json, "d.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(DatasetSpec, EveryKnownDatasetIsReadAndComplete) {
  const auto names = known_datasets();
  EXPECT_EQ(names, (std::vector<std::string>{"diving48", "in1k", "inat21", "jester", "k400",
                                             "places205", "ssv2"}));
  for (const auto& name : names) {
    const DatasetSpec spec = dataset_named(name, "/data");
    EXPECT_EQ(spec.name, name);
    EXPECT_GT(spec.classes, 1);
    EXPECT_GT(spec.train.samples, spec.test.samples);
    EXPECT_GT(spec.test.samples, 0);
    EXPECT_TRUE(spec.count_missing);
    EXPECT_NE(spec.obtain, "");
    EXPECT_NE(spec.licence, "");
    EXPECT_NE(spec.counts_source, "");
    EXPECT_EQ(dataset_folder(spec, "/data"), "/data/" + name);
    // Hands that move left or right.
    EXPECT_EQ(spec.directional, name == "ssv2" || name == "jester") << name;
  }
}

TEST(DatasetSpec, UnknownNamesTellTheNearest) {
  try {
    dataset_named("k40", "/data");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("nearest: k400"), std::string::npos) << error.what();
  }
}

TEST(DatasetSpec, AFileOfOnesOwnIsRelativeToItself) {
  const TestFolder folder;
  write_file_atomically(folder / "sets/mine.json",
                        R"({"name": "mine", "manifest": {"manifest": "clips.csv", "root": "v"}})");
  const DatasetSpec spec = dataset_named("sets/mine.json", folder);
  EXPECT_EQ(dataset_folder(spec, folder).lexically_normal(), folder / "sets/");
  EXPECT_EQ(spec.all.manifest, "clips.csv");
  EXPECT_EQ(spec.all.root, "v");
  EXPECT_FALSE(spec.count_missing);
}

TEST(DatasetSpec, IsReadStrictly) {
  const Json good = {{"name", "a"}, {"train", "t.csv"}, {"test", "v.csv"}};
  EXPECT_EQ(error_of(good), "no error");
  Json json = good;
  json["trian"] = "x";
  EXPECT_NE(error_of(json).find("nearest valid key: \"train\""), std::string::npos);
  json = good;
  json.erase("test");
  EXPECT_NE(error_of(json).find("both, or one list"), std::string::npos);
  json = good;
  json["manifest"] = "all.csv";
  EXPECT_NE(error_of(json), "no error");
  json = good;
  json["classes"] = 3;
  json["class_names"] = {"a", "b"};
  EXPECT_NE(error_of(json).find("expected 3 names, found 2"), std::string::npos);
  json = good;
  json["class_names"] = {"a", "b"};
  json["labels"] = "l.txt";
  EXPECT_NE(error_of(json), "no error");
  json = good;
  json["train"] = {{"manifest", "t.csv"}, {"extension", "webm"}};
  EXPECT_NE(error_of(json).find("d.json:/train: extension"), std::string::npos) << error_of(json);
  json["train"] = {{"manifest", "t.csv"}, {"roots", "x"}};
  EXPECT_NE(error_of(json), "no error");
  json["train"] = "";
  EXPECT_NE(error_of(json), "no error");
}

TEST(DatasetSpec, ListsGoThroughJsonAndBack) {
  const ListSpec list{.manifest = "a.csv",
                      .root = "r",
                      .extension = ".webm",
                      .separator = ";",
                      .split = "train",
                      .samples = 7};
  EXPECT_EQ(read_list_spec(to_json(list), ""), list);
  EXPECT_EQ(read_list_spec("a.csv", "", {.root = "r"}),
            (ListSpec{.manifest = "a.csv", .root = "r"}));
}

}  // namespace dataset_spec_test
}  // namespace permafrost
