// SPDX-License-Identifier: Apache-2.0
#include "datasets/tasks/task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"
#ifdef PERMAFROST_FFMPEG
#include "datasets/synthetic/source.h"
#include "datasets/testing/test_video.h"
#endif

namespace permafrost {
namespace task_test {
namespace fs = std::filesystem;

Json motion_json() {
  return {{"name", "motion"}, {"kind", "synthetic"}, {"world", "motion"},
          {"train", 20},      {"test", 9},           {"version", 1}};
}

Json fight_json() {
  return {{"name", "fight"},
          {"kind", "manifest"},
          {"manifest", "fight/labels.csv"},
          {"class_names", {"calm", "fight"}},
          {"folds", 3}};
}

std::string message_of(const Json& json) {
  try {
    read_task_spec(json, "t.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Task, SpecGoesThroughJsonAndBack) {
  for (const Json& json : {motion_json(), fight_json()}) {
    const Json once = to_json(read_task_spec(json, "t.json"));
    EXPECT_EQ(to_json(read_task_spec(once, "t.json")), once);
  }
}

TEST(Task, SpecIsReadStrictly) {
  Json json = motion_json();
  json["trian"] = 5;
  EXPECT_NE(message_of(json).find("nearest valid key: \"train\""), std::string::npos);
  json = motion_json();
  json["folds"] = 5;  // belongs to manifests
  EXPECT_NE(message_of(json), "");
  json = motion_json();
  json["world"] = "moton";
  EXPECT_NE(message_of(json).find("nearest: motion"), std::string::npos);
  json = fight_json();
  json["folds"] = 1;
  EXPECT_NE(message_of(json).find("folds"), std::string::npos);
}

TEST(Task, DirectionalIsAPropertyOfTheLabelsAndNotOfTheIdentity) {
  Json json = motion_json();
  json["world"] = "object";
  EXPECT_FALSE(to_json(read_task_spec(json, "")).contains("directional"));
  const Task plain = open_task(read_task_spec(json, ""), {2, 16, 16}, {});
  json["directional"] = true;
  EXPECT_EQ(to_json(read_task_spec(json, "")).at("directional"), true);
  const Task directional = open_task(read_task_spec(json, ""), {2, 16, 16}, {});
  EXPECT_FALSE(plain.directional);
  EXPECT_FALSE(plain.source->directional());
  EXPECT_TRUE(directional.directional);
  EXPECT_TRUE(directional.source->directional());
  EXPECT_EQ(directional.identity, plain.identity);
  // The world of motion is, whoever forgets to say so.
  EXPECT_TRUE(open_task(read_task_spec(motion_json(), ""), {2, 16, 16}, {}).directional);
}

TEST(Task, IsScoredByTheMeasureOfItsTargetsOrByTheOneItNames) {
  Json json = motion_json();
  const auto open = [&] { return open_task(read_task_spec(json, "t.json"), {2, 16, 16}, {}); };
  const Task plain = open();
  EXPECT_EQ(plain.measure->name(), "top1");
  EXPECT_EQ(plain.target, TargetKind::clip_class);
  json["measure"] = "top1";
  EXPECT_EQ(open().identity, plain.identity) << "the default, said aloud";
  json["measure"] = "mAP";
  EXPECT_EQ(to_json(read_task_spec(json, "")).at("measure"), "mAP");
  EXPECT_EQ(open().measure->name(), "mAP");
  EXPECT_NE(open().identity, plain.identity);
  json["measure"] = "map";
  EXPECT_NE(message_of(json).find("mAP"), std::string::npos) << message_of(json);
  json.erase("measure");
  json["world"] = "localised_action";
  EXPECT_EQ(open().measure->name(), "mAP");
  EXPECT_EQ(open().target, TargetKind::boxed_class);
}

TEST(Task, OfSeveralLabelsIsDealtOutByClass) {
  const TestFolder folder;
  std::string list = "path,labels\n";
  for (int i = 0; i < 24; ++i) {
    const std::string name = "c" + std::to_string(i) + ".mp4";
    write_file_atomically(folder / name, name);
    list += name + "," + (i % 2 == 0 ? "run" : "") + (i % 3 == 0 ? ";wave" : "") + "\n";
  }
  write_file_atomically(folder / "list.csv", list);
  const Json json{{"name", "several"},
                  {"kind", "manifest"},
                  {"manifest", "list.csv"},
                  {"multi_label", true},
                  {"folds", 2}};
  const TaskSpec spec = read_task_spec(json, "t.json");
  EXPECT_EQ(to_json(spec).at("multi_label"), true);
  const Task task = open_task(spec, {2, 16, 16}, folder.path());
  ASSERT_TRUE(task.available()) << task.unavailable;
  EXPECT_EQ(task.target, TargetKind::class_set);
  EXPECT_EQ(task.measure->name(), "mAP");
  EXPECT_EQ(task.loss(), HeadLoss::sigmoid);
  EXPECT_EQ(task.class_names, (std::vector<std::string>{"run", "wave"}));
  EXPECT_EQ(task.source->target(0).labels(), (std::vector<int>{0, 1}));
  EXPECT_EQ(task.source->target(1).labels(), std::vector<int>{});
  for (const auto& fold : task.folds) {
    std::map<int, int> found;
    for (const auto i : fold.test)
      for (const int label : task.source->target(i).labels()) ++found[label];
    EXPECT_EQ(found[0], 6);
    EXPECT_EQ(found[1], 4);
  }
}

TEST(Task, SyntheticHasOneFoldOfTrainAndTest) {
  const Task task = open_task(read_task_spec(motion_json(), ""), {2, 16, 16}, {});
  ASSERT_TRUE(task.available());
  EXPECT_EQ(task.classes, 8);
  EXPECT_EQ(task.source->size(), 29);
  ASSERT_EQ(task.folds.size(), 1U);
  EXPECT_EQ(task.folds[0].train.size(), 20U);
  EXPECT_EQ(task.folds[0].test.front(), 20);
  EXPECT_EQ(task.source->name(19), "motion/train/19");
  EXPECT_EQ(task.source->name(20), "motion/test/0");
  EXPECT_EQ(task.source->label(21), task.source->label(1));
  EXPECT_EQ(task.source->read(20, 0, 1).clip.shape, (ClipShape{2, 16, 16}));
}

TEST(Task, IdentityFollowsWhatIsMeasured) {
  const TaskSpec spec = read_task_spec(motion_json(), "");
  const auto identity = [](const TaskSpec& s, const ClipShape& shape) {
    return open_task(s, shape, {}).identity;
  };
  EXPECT_EQ(identity(spec, {2, 16, 16}), identity(spec, {2, 16, 16}));
  EXPECT_NE(identity(spec, {2, 16, 16}), identity(spec, {4, 16, 16}));
  TaskSpec other = spec;
  other.version = 2;
  EXPECT_NE(identity(spec, {2, 16, 16}), identity(other, {2, 16, 16}));
  other = spec;
  other.train = 21;
  EXPECT_NE(identity(spec, {2, 16, 16}), identity(other, {2, 16, 16}));
  EXPECT_EQ(open_task(spec, {2, 16, 16}, {}).manifest_sha256,
            open_task(spec, {4, 16, 16}, {}).manifest_sha256);
}

TEST(Task, AsksForAVersionOfTheSyntheticWorld) {
  Json json = motion_json();
  const TaskSpec first = read_task_spec(json, "t.json");
  EXPECT_EQ(first.world_version, 1);
  EXPECT_FALSE(to_json(first).contains("world_version"));
  json["world_version"] = 2;
  const TaskSpec second = read_task_spec(json, "t.json");
  EXPECT_EQ(to_json(second).at("world_version"), 2);
  const Task old_world = open_task(first, {2, 16, 16}, {});
  const Task new_world = open_task(second, {2, 16, 16}, {});
  EXPECT_NE(new_world.identity, old_world.identity);
  EXPECT_NE(new_world.manifest_sha256, old_world.manifest_sha256);
  EXPECT_NE(new_world.source->read(0, 0, 1).clip.pixels,
            old_world.source->read(0, 0, 1).clip.pixels);
  json["world_version"] = 3;
  EXPECT_NE(message_of(json).find("world_version"), std::string::npos) << message_of(json);
  json = fight_json();
  json["world_version"] = 2;
  EXPECT_NE(message_of(json), "") << "files have no such version";
}

TEST(Task, TakesSamplesThatNoOtherTaskHas) {
  Json json = motion_json();
  const TaskSpec usual = read_task_spec(json, "t.json");
  json["first"] = 500;
  const TaskSpec later = read_task_spec(json, "t.json");
  EXPECT_EQ(to_json(later).at("first"), 500);
  EXPECT_FALSE(to_json(usual).contains("first"));
  const Task from_start = open_task(usual, {2, 16, 16}, {}),
             task = open_task(later, {2, 16, 16}, {});
  EXPECT_NE(task.identity, from_start.identity);
  EXPECT_NE(task.manifest_sha256, from_start.manifest_sha256);
  using synthetic::TaskSource;
  const TaskSource expected_train(synthetic::SyntheticTask::motion, synthetic::Split::train, 1,
                                  {2, 16, 16}, 500);
  const TaskSource expected_test(synthetic::SyntheticTask::motion, synthetic::Split::test, 1,
                                 {2, 16, 16}, 500);
  EXPECT_EQ(task.source->read(0, 0, 1).clip.pixels, expected_train.read(0, 0, 1).clip.pixels);
  EXPECT_EQ(task.source->read(later.train, 0, 1).clip.pixels,
            expected_test.read(0, 0, 1).clip.pixels);
  json["first"] = 999'990;  // 20 samples more would be some that pretraining sees
  EXPECT_NE(message_of(json).find("first: expected at most 999980"), std::string::npos)
      << message_of(json);
  json["first"] = -1;
  EXPECT_NE(message_of(json).find("first"), std::string::npos);
}

// Keys of committed records hang on these.
TEST(Task, IdentitiesOfTheFirstWorldStay) {
  const Json json = {{"name", "motion"},
                     {"kind", "synthetic"},
                     {"world", "motion"},
                     {"train", 1500},
                     {"test", 600}};
  const Task task = open_task(read_task_spec(json, "t.json"), {8, 48, 48}, {});
  EXPECT_EQ(task.identity, "8b5ce8383d510d8efa891b69a7752d169206b330f3fcc9a302e8c26472af59fa");
  EXPECT_EQ(task.manifest_sha256,
            "1729421c4b46301291c25391aacf4d517aa7ab9ab9994ca1b2b53fa434494f4d");
}

TEST(Task, DataThatIsNotThereIsToldNotThrown) {
  const TaskSpec spec = read_task_spec(fight_json(), "");
  EXPECT_FALSE(open_task(spec, {2, 16, 16}, {}).available());
  EXPECT_FALSE(open_task(spec, {2, 16, 16}, "/no/such/folder").available());
}

TEST(Task, ManifestSamplesAreEachTestedOnce) {
#ifndef PERMAFROST_FFMPEG
  GTEST_SKIP() << "built without FFmpeg";
#endif
  const TestFolder data;
  std::string text = "file,label,group\n";
  for (int i = 0; i < 24; ++i) {
    const std::string name = "clip" + std::to_string(i) + ".mp4";
    text += name + "," + (i % 3 == 0 ? "fight" : "calm") + "," + std::to_string(i / 3) + "\n";
    write_file_atomically(data / "fight" / name, "this is no video");
  }
  write_file_atomically(data / "fight/labels.csv", text);
  const Task task = open_task(read_task_spec(fight_json(), ""), {2, 16, 16}, data);
  ASSERT_TRUE(task.available()) << task.unavailable;
  EXPECT_EQ(task.classes, 2);
  EXPECT_EQ(task.folds.size(), 3U);
  std::set<std::int64_t> tested;
  for (const auto& fold : task.folds)
    for (const auto i : fold.test) EXPECT_TRUE(tested.insert(i).second);
  EXPECT_EQ(tested.size(), 24U);
  // What cannot be decoded is a sample that fails; a file that is not there stops the run.
  EXPECT_NE(task.source->read(0, 0, 1).failure, "");
  fs::remove(data / "fight/clip7.mp4");
  EXPECT_THROW(open_task(read_task_spec(fight_json(), ""), {2, 16, 16}, data), InputError);
}

class TaskLists : public testing::Test {
 protected:
  void SetUp() override {
#ifndef PERMAFROST_FFMPEG
    GTEST_SKIP() << "built without FFmpeg";
#endif
    for (const char* name : {"tr/yoga/a.mp4", "tr/abseiling/b.mp4", "tr/abseiling/c.mp4",
                             "va/yoga/d.mp4", "va/abseiling/e.mp4"})
      write_file_atomically(data_ / name, name);
  }
  Task open(const Json& json) const {
    return open_task(read_task_spec(json, "t.json"), {2, 16, 16}, data_);
  }
  std::string error_of(const Json& json) const {
    try {
      open(json);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  }
  const TestFolder data_;
};

TEST_F(TaskLists, OfficialListsAreTheOnlyFold) {
  const Json json = {{"name", "k"}, {"kind", "manifest"}, {"train", "tr"}, {"test", "va"}};
  const Task task = open(json);
  ASSERT_TRUE(task.available()) << task.unavailable;
  ASSERT_EQ(task.folds.size(), 1U);
  EXPECT_EQ(task.folds[0].train, (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(task.folds[0].test, (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(task.class_names, (std::vector<std::string>{"abseiling", "yoga"}));
  EXPECT_EQ(task.classes, 2);
  EXPECT_EQ(task.source->label(4), 1);
  EXPECT_EQ(task.source->name(3), "abseiling/e.mp4");
  const Json once = to_json(read_task_spec(json, "t"));
  EXPECT_EQ(to_json(read_task_spec(once, "t")), once);
  EXPECT_EQ(open(once).identity, task.identity);
  EXPECT_NE(error_of({{"name", "k"}, {"kind", "manifest"}, {"train", "tr"}, {"test", "tr"}})
                .find("in both"),
            std::string::npos);
}

TEST_F(TaskLists, AFileComesOnceInTheListsOfATask) {
  const std::string list = (data_ / "l.csv").string();
  write_file_atomically(list, "tr/yoga/a.mp4,0\ntr/abseiling/b.mp4,1\n./tr/yoga/a.mp4,0\n");
  Json json = {{"name", "k"}, {"kind", "manifest"}, {"manifest", "l.csv"}, {"folds", 2}};
  EXPECT_EQ(error_of(json),
            list +
                ":3: path: expected every file once, found \"./tr/yoga/a.mp4\" twice "
                "(the same file as \"tr/yoga/a.mp4\" at " +
                list + ":1)");
  // Behind links too, of folders and of files.
  fs::create_directory_symlink(data_ / "tr/yoga", data_ / "other");
  write_file_atomically(list, "tr/yoga/a.mp4,0\nother/a.mp4,1\n");
  EXPECT_NE(error_of(json).find("l.csv:2: path: expected every file once"), std::string::npos);
  fs::create_symlink(data_ / "tr/yoga/a.mp4", data_ / "tr/abseiling/z.mp4");
  write_file_atomically(list, "tr/yoga/a.mp4,0\ntr/abseiling/z.mp4,1\n");
  EXPECT_NE(error_of(json).find("l.csv:2: path: expected every file once"), std::string::npos);

  write_file_atomically(list, "tr/yoga/a.mp4,0\ntr/abseiling/b.mp4,1\n");
  write_file_atomically(data_ / "t.csv", "va/yoga/d.mp4,1\nother/a.mp4,0\n");
  json = {{"name", "k"}, {"kind", "manifest"}, {"train", "l.csv"}, {"test", "t.csv"}};
  EXPECT_EQ(error_of(json),
            (data_ / "t.csv").string() +
                ":2: test: expected files that the training list does not hold, found "
                "\"other/a.mp4\" in both (the same file as \"tr/yoga/a.mp4\" at " +
                list + ":1)");
}

TEST_F(TaskLists, TestLabelsAreThoseOfTheTrainingList) {
  write_file_atomically(data_ / "tr.csv", "tr/yoga/a.mp4,0\ntr/abseiling/b.mp4,1\n");
  write_file_atomically(data_ / "va.csv", "va/yoga/d.mp4,1\nva/abseiling/e.mp4,5\n");
  const Json json = {{"name", "k"}, {"kind", "manifest"}, {"train", "tr.csv"}, {"test", "va.csv"}};
  EXPECT_NE(error_of(json).find("va.csv:2: label: expected a class from 0 to 1, found \"5\""),
            std::string::npos)
      << error_of(json);
}

TEST_F(TaskLists, TestLabelsFollowTheTrainingNames) {
  write_file_atomically(data_ / "tr.csv", "tr/yoga/a.mp4,yoga\ntr/abseiling/b.mp4,abseiling\n");
  write_file_atomically(data_ / "va.csv", "yoga/d.mp4,yoga\n");
  Json json = {{"name", "k"},
               {"kind", "manifest"},
               {"train", "tr.csv"},
               {"test", {{"manifest", "va.csv"}, {"root", "va"}}}};
  EXPECT_EQ(open(json).source->label(2), 1);
  write_file_atomically(data_ / "va.csv", "yoga/d.mp4,yogi\n");
  EXPECT_NE(error_of(json).find("did you mean \"yoga\"?"), std::string::npos);
  write_file_atomically(data_ / "names.txt", "yoga\nabseiling\n");
  write_file_atomically(data_ / "va.csv", "yoga/d.mp4,yoga\n");
  json["labels"] = "names.txt";
  EXPECT_EQ(open(json).source->label(2), 0);
  json["labels"] = "none.txt";
  EXPECT_NE(open(json).unavailable.find("none.txt: no such file"), std::string::npos);
}

TEST_F(TaskLists, MissingFilesAreSamplesWhereTheTaskSaysSo) {
  write_file_atomically(data_ / "va.csv", "va/yoga/d.mp4,yoga\nva/yoga/gone.mp4,yoga\n");
  Json json = {{"name", "k"}, {"kind", "manifest"}, {"train", "tr"}, {"test", "va.csv"}};
  EXPECT_NE(error_of(json).find("va.csv:2: path: expected an existing file"), std::string::npos);
  json["missing_files"] = "count";
  const Task task = open(json);
  EXPECT_EQ(task.folds[0].test.size(), 2U);
  EXPECT_NE(task.source->read(4, 0, 1).failure.find("no such file"), std::string::npos);
}

TEST_F(TaskLists, ADatasetGivesWhatTheTaskLeavesOpen) {
  Json dataset = {{"name", "two"},
                  {"classes", 2},
                  {"missing_files", "count"},
                  {"train", {{"manifest", "tr"}, {"samples", 10}}},
                  {"test", {{"manifest", "va"}, {"samples", 4}}}};
  write_file_atomically(data_ / "two.json", dataset.dump());
  const Json json = {{"name", "k"}, {"kind", "manifest"}, {"dataset", "two.json"}};
  const Task task = open(json);
  ASSERT_TRUE(task.available()) << task.unavailable;
  EXPECT_EQ(task.source->size(), 5);
  EXPECT_EQ(task.listed, (ListedSamples{3, 2, 10, 4}));
  // A file by its full path needs no folder of data.
  Json anywhere = json;
  anywhere["dataset"] = (data_ / "two.json").string();
  const Task found = open_task(read_task_spec(anywhere, "tasks.json"), ClipShape{2, 16, 16}, "");
  ASSERT_TRUE(found.available()) << found.unavailable;
  EXPECT_EQ(found.source->size(), 5);
  dataset["classes"] = 3;
  write_file_atomically(data_ / "two.json", dataset.dump());
  EXPECT_NE(error_of(json).find("classes: expected 3, found 2"), std::string::npos);
  // Where a label file is wrong, it is named, and no list.
  dataset["labels"] = "names.txt";
  write_file_atomically(data_ / "two.json", dataset.dump());
  write_file_atomically(data_ / "names.txt", "abseiling\nyoga\n");
  EXPECT_NE(error_of(json).find("names.txt: classes: expected 3 names, found 2"),
            std::string::npos);
  // The known ones are not here: told, with where to get them.
  const Json known = {{"name", "k"}, {"kind", "manifest"}, {"dataset", "k400"}};
  const std::string why = open(known).unavailable;
  EXPECT_NE(why.find("k400/train.csv: no such file"), std::string::npos) << why;
  EXPECT_NE(why.find("cvdfoundation"), std::string::npos) << why;
  EXPECT_NE(error_of({{"name", "k"}, {"kind", "manifest"}, {"dataset", "k401"}}).find("k400"),
            std::string::npos);
}

TEST_F(TaskLists, ADatasetSaysWhetherItsLabelsAreDirectional) {
  write_file_atomically(data_ / "two.json",
                        R"({"name": "two", "directional": true, "train": "tr", "test": "va"})");
  Json json = {{"name", "k"}, {"kind", "manifest"}, {"dataset", "two.json"}};
  EXPECT_TRUE(open(json).directional);
  EXPECT_FALSE(to_json(read_task_spec(json, "")).contains("directional"));
  json["directional"] = false;
  EXPECT_FALSE(open(json).directional);
  EXPECT_EQ(to_json(read_task_spec(json, "")).at("directional"), false);
  EXPECT_FALSE(
      open({{"name", "k"}, {"kind", "manifest"}, {"train", "tr"}, {"test", "va"}}).directional);
}

TEST(Task, ListsAreReadStrictly) {
  const Json base = {{"name", "k"}, {"kind", "manifest"}};
  const auto with = [&](const Json& more) {
    Json json = base;
    json.update(more);
    return message_of(json);
  };
  EXPECT_NE(with(Json::object()).find("manifest, or train and test, or dataset"),
            std::string::npos);
  EXPECT_NE(with({{"train", "a"}}).find("test"), std::string::npos);
  EXPECT_NE(with({{"train", "a"}, {"test", "b"}, {"manifest", "c"}}).find("both"),
            std::string::npos);
  EXPECT_NE(with({{"train", "a"}, {"test", "b"}, {"folds", 3}}).find("folds"), std::string::npos);
  EXPECT_NE(with({{"manifest", "a"}, {"missing_files", "skip"}}).find("count"), std::string::npos);
  EXPECT_EQ(with({{"manifest", "a"}, {"root", "r"}, {"missing_files", "count"}}), "");
}

// Labels and groups like those of the surveillance set: 30 groups of 1 to 17 samples.
struct Drawn {
  std::vector<int> labels;
  std::vector<std::int64_t> groups;
};

Drawn uneven_groups() {
  Drawn drawn;
  for (int g = 0; g < 30; ++g)
    for (int k = 0; k < 1 + g * 7 % 17; ++k) {
      drawn.labels.push_back((g * 5 + k * k) % 3 == 0 ? 1 : 0);
      drawn.groups.push_back(g);
    }
  return drawn;
}

TEST(GroupedFolds, KeepGroupsTogetherAndTestEverySampleOnce) {
  const Drawn drawn = uneven_groups();
  const auto folds =
      grouped_folds({drawn.labels.begin(), drawn.labels.end()}, drawn.groups, 5, "t");
  std::vector<int> tested(drawn.labels.size(), 0);
  for (const auto& fold : folds) {
    EXPECT_EQ(fold.train.size() + fold.test.size(), drawn.labels.size());
    std::set<std::int64_t> test_groups;
    for (const auto i : fold.test) {
      ++tested[static_cast<std::size_t>(i)];
      test_groups.insert(drawn.groups[static_cast<std::size_t>(i)]);
    }
    for (const auto i : fold.train)
      EXPECT_FALSE(test_groups.contains(drawn.groups[static_cast<std::size_t>(i)]));
  }
  EXPECT_TRUE(std::all_of(tested.begin(), tested.end(), [](int n) { return n == 1; }));
}

TEST(GroupedFolds, AreBalancedBySizeAndClass) {
  const Drawn drawn = uneven_groups();
  const double n = static_cast<double>(drawn.labels.size());
  const auto ones = static_cast<double>(std::count(drawn.labels.begin(), drawn.labels.end(), 1));
  for (const auto& fold :
       grouped_folds({drawn.labels.begin(), drawn.labels.end()}, drawn.groups, 5, "t")) {
    double one = 0;
    for (const auto i : fold.test) one += drawn.labels[static_cast<std::size_t>(i)];
    EXPECT_NEAR(static_cast<double>(fold.test.size()), n / 5, n / 25);
    EXPECT_NEAR(one, ones / 5, ones / 20);
  }
}

TEST(GroupedFolds, NeedAGroupForEachFold) {
  EXPECT_THROW(grouped_folds({0, 1, 0}, {1, 1, 2}, 3, "t"), InputError);
  const auto folds = grouped_folds({0, 1, 0}, {7, 8, 9}, 3, "t");
  for (const auto& fold : folds) EXPECT_EQ(fold.test.size(), 1U);
}

TEST(DataFolder, FlagComesBeforeEnvironment) {
  ::setenv("PERMAFROST_DATA", "/from/environment", 1);
  EXPECT_EQ(data_folder("/from/flag"), "/from/flag");
  EXPECT_EQ(data_folder(), "/from/environment");
  ::unsetenv("PERMAFROST_DATA");
}

#ifdef PERMAFROST_FFMPEG
TEST(Task, TwoNumbersBehindAPathAreFramesAndLabelOnlyWhereTheFramesAreThere) {
  const TestFolder folder;
  for (const char* name : {"a.mkv", "b.mkv", "c.mkv", "d.mkv"})
    write_test_video(folder / name, {.frames = grey_frames(20, 16, 16)});
  const auto open = [&](const std::string& list) {
    write_file_atomically(folder / "list.txt", list);
    const Json json{{"name", "t"}, {"kind", "manifest"}, {"manifest", "list.txt"}, {"folds", 2}};
    return open_task(read_task_spec(json, "t.json"), {2, 16, 16}, folder.path());
  };
  const Task counted = open("a.mkv 20 1\nb.mkv 19 0\nc.mkv 22 1\nd.mkv 20 0\n");
  EXPECT_EQ(counted.source->label(0), 1);
  EXPECT_EQ(counted.classes, 2);
  EXPECT_NO_THROW(open("a.mkv 999 1\nb.mkv 20 0\nc.mkv 20 1\nd.mkv 20 0\n"))
      << "one that is wrong is for data check to tell";
  try {
    open("a.mkv 1 0\nb.mkv 0 1\nc.mkv 1 0\nd.mkv 1 1\n");
    FAIL();
  } catch (const InputError& error) {
    const std::string text = error.what();
    for (const char* part : {"list.txt:1", "several labels on a line", "a.mkv 1 0", "multi_label"})
      EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}
#endif

}  // namespace task_test
}  // namespace permafrost
