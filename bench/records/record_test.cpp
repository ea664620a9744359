// SPDX-License-Identifier: Apache-2.0
#include "bench/records/record.h"

#include <gtest/gtest.h>

#include <functional>

#include "bench/records/record_folder.h"
#include "bench/records/record_json.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace record_test {
namespace fs = std::filesystem;

Record sample_record() {
  Record r;
  r.used_by = {{1, "Features", "motion", 66.2}, {4, "multi-block", "motion", std::nullopt}};
  r.encoder = {"pico/x", "zoo", "abc", {{"width", 96}, {"norm_eps", 1e-6}}};
  r.task = {.name = "motion", .manifest_sha256 = "m", .identity = "i", .version = 1, .classes = 3};
  r.protocol = {{"name", "frozen"}, {"kind", "probe"}, {"learning_rates", {3e-4, 1e-2}}};
  r.seed = 2;
  r.predictions = {
      {"a/1", 0, 0, 1}, {"b, \"odd\"\nname", 1, -1, 1}, {"c", 2, 2, 2}, {"d", 2, 1, 3}};
  r.failures = {{"b, \"odd\"\nname", "cannot be read"}};
  r.training_failures = {{"t/7", "no such file"}};
  r.selections = {{.learning_rate = 1e-2, .held_out_accuracy = {0.25, 0.75}}};
  r.encode_seconds = 1.5;
  r.threads = 2;
  r.build = {"0.1.0", "deadbeef", "2.11.0", "cpu", "a CPU, AVX2"};
  r.task.listed = {{.train = 90, .test = 4, .released_train = 100, .released_test = 6}};
  complete(r);
  return r;
}

class RecordFiles : public testing::Test {
 protected:
  // What reading says after `change` of the record's JSON.
  std::string complaint(const std::function<void(Json&)>& change) const {
    const Record record = sample_record();
    write_record(out_, record);
    Json json = read_json(record_path(out_, record.key).string());
    change(json);
    write_file_atomically(record_path(out_, record.key), json.dump());
    return complaint_of(record.key);
  }
  std::string complaint_of(const std::string& key) const {
    try {
      read_record(out_, key);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }
  const TestFolder out_;
};

TEST_F(RecordFiles, GoThroughTheDiskAndBack) {
  const Record record = sample_record();
  write_record(out_, record);
  const Record found = read_record(out_, record.key);
  EXPECT_EQ(to_json(found).dump(), to_json(record).dump());
  EXPECT_EQ(found.predictions, record.predictions);
  EXPECT_EQ(found.used_by, record.used_by);
  EXPECT_EQ(read_records(out_).size(), 1U);
}

// As programs before measures wrote it.
void make_first_schema(Json& json) {
  json["schema"] = "permafrost.record.1";
  json["metric"] = json["measure"]["name"];
  json.erase("measure");
  json.erase("target");
}

TEST_F(RecordFiles, OfTheFirstSchemaAreReadAndWrittenInTheSecond) {
  const Record record = sample_record();
  EXPECT_EQ(complaint(make_first_schema), "");
  const Record found = read_record(out_, record.key);
  EXPECT_EQ(found.key, record.key);
  EXPECT_EQ(found.value, record.value);
  EXPECT_EQ(found.measure, record.measure);
  EXPECT_EQ(to_json(found).dump(), to_json(record).dump());
  EXPECT_EQ(to_json(found)["schema"], "permafrost.record.2");
}

TEST_F(RecordFiles, NameAMeasureAndATargetThatThereAre) {
  const auto of_first = complaint([](Json& j) {
    make_first_schema(j);
    j["metric"] = "top5";
  });
  for (const char* part : {".json:/metric", "one of top1, mAP", "\"top5\""})
    EXPECT_NE(of_first.find(part), std::string::npos) << of_first;
  const auto unknown = complaint([](Json& j) { j["measure"]["name"] = "top5"; });
  for (const char* part : {".json:/measure/name", "one of top1, mAP", "\"top5\""})
    EXPECT_NE(unknown.find(part), std::string::npos) << unknown;
  EXPECT_NE(complaint([](Json& j) { j["target"] = "segment"; }).find("target"), std::string::npos);
  EXPECT_NE(complaint([](Json& j) { j["schema"] = "permafrost.record.3"; }).find("schema"),
            std::string::npos);
  EXPECT_NE(complaint([](Json& j) { j["metric"] = "top1"; }).find("metric"), std::string::npos)
      << "a key of the other schema";
}

TEST_F(RecordFiles, HoldTheContractsFields) {
  const Record record = sample_record();
  const OrderedJson json = to_json(record);
  for (const auto* field : {"schema",   "key",      "table",   "row",         "column",  "encoder",
                            "task",     "protocol", "seed",    "measure",     "value",   "n",
                            "n_failed", "ci95",     "paper",   "predictions", "time",    "build",
                            "coverage", "failures", "used_by", "selection",   "threads", "target"})
    EXPECT_TRUE(json.contains(field)) << field;
  EXPECT_EQ(json["table"], 1);
  EXPECT_EQ(json["paper"], 66.2);
  EXPECT_EQ(json["value"], 50.0);  // two of four; the unread one is wrong
  EXPECT_EQ(json["n"], 4);
  EXPECT_EQ(json["n_failed"], 1);
  EXPECT_EQ(json["coverage"], 0.75);
  EXPECT_EQ(json["predictions"], "predictions/" + record.key + ".csv");
  write_record(out_, record);
  EXPECT_EQ(read_file(predictions_path(out_, record.key)),
            "sample,label,prediction,group\na/1,0,0,1\n\"b, \"\"odd\"\"\nname\",1,-1,1\nc,2,2,2\n"
            "d,2,1,3\n");
}

TEST_F(RecordFiles, KeepSetsOfClasses) {
  Record record = sample_record();
  record.target = TargetKind::class_set;
  record.measure = &default_measure(record.target);
  const std::vector<Target> targets{Target::of_set({0, 2}), Target::of_set({}), Target::of_set({2}),
                                    Target::of_set({1})};
  for (std::size_t k = 0; k < targets.size(); ++k) {
    auto& p = record.predictions[k];
    p.target = targets[k];
    p.scores.assign(p.predicted < 0 ? 0 : static_cast<std::size_t>(record.task.classes), 0.25F);
  }
  complete(record);
  write_record(out_, record);
  EXPECT_EQ(read_record(out_, record.key).predictions, record.predictions);
  const std::string text = read_file(predictions_path(out_, record.key));
  EXPECT_EQ(text.substr(0, text.find('\n')), "sample,labels,prediction,group,scores");
  EXPECT_NE(text.find("a/1,0 2,0,1,"), std::string::npos) << text;
  EXPECT_EQ(to_json(record)["target"], "class_set");
}

TEST_F(RecordFiles, OfProgramsThatDidNotNameTheProcessorAreRead) {
  EXPECT_EQ(complaint([](Json& j) { j["build"].erase("processor"); }), "");
}

TEST_F(RecordFiles, SayHowMuchOfTheReleasedDatasetIsHere) {
  const Record record = sample_record();
  EXPECT_EQ(to_json(record)["task"]["samples"]["released_test"], 6);
  Record other = record;
  other.task.listed.reset();
  EXPECT_EQ(key_of(other), record.key);
  EXPECT_EQ(complaint([](Json& j) { j["task"].erase("samples"); }), "");
  EXPECT_NE(complaint([](Json& j) {
              j["task"]["samples"].erase("released_test");
            }).find("/task/samples: released_test"),
            std::string::npos)
      << complaint([](Json& j) { j["task"]["samples"].erase("released_test"); });
}

TEST_F(RecordFiles, ThatAreDamagedAreRefused) {
  EXPECT_EQ(complaint([](Json&) {}), "");
  EXPECT_NE(complaint([](Json& j) { j["value"] = 51.0; }).find("value"), std::string::npos);
  EXPECT_NE(complaint([](Json& j) { j["seed"] = 3; }).find("key"), std::string::npos);
  EXPECT_NE(complaint([](Json& j) { j["schema"] = "other.1"; }).find("schema"), std::string::npos);
  EXPECT_NE(complaint([](Json& j) { j["n"] = 5; }).find("n"), std::string::npos);
  EXPECT_NE(complaint([](Json& j) { j["ci95"] = {0, 1}; }).find("ci95"), std::string::npos);
  EXPECT_NE(complaint([](Json& j) { j.erase("build"); }).find("build"), std::string::npos);
  EXPECT_NE(complaint([](Json& j) { j["extra"] = 1; }).find("extra"), std::string::npos);
  EXPECT_NE(complaint([](Json& j) { j["used_by"] = 1; }).find("used_by"), std::string::npos);
  EXPECT_NE(complaint([](Json& j) { j["failures"] = {1}; }).find("failures"), std::string::npos);
  EXPECT_NE(complaint([](Json& j) { j["training_failures"] = {1}; }).find("training_failures"),
            std::string::npos);
}

TEST_F(RecordFiles, WithoutTheirPredictionsAreRefused) {
  const Record record = sample_record();
  write_record(out_, record);
  const fs::path csv = predictions_path(out_, record.key);
  const std::string text = read_file(csv);
  write_file_atomically(csv, text.substr(0, text.size() - 8));  // the last line is gone
  EXPECT_NE(complaint_of(record.key).find("n"), std::string::npos);
  write_file_atomically(csv, "sample,label,prediction,group\na,zero,0,1\n");
  EXPECT_NE(complaint_of(record.key).find("label"), std::string::npos);
  write_file_atomically(csv, "");
  EXPECT_NE(complaint_of(record.key).find("header"), std::string::npos);
  fs::remove(csv);
  EXPECT_NE(complaint_of(record.key), "");
}

TEST_F(RecordFiles, UnderAForeignNameAreRefused) {
  const Record record = sample_record();
  write_record(out_, record);
  const std::string other(64, '0');
  fs::copy(record_path(out_, record.key), record_path(out_, other));
  fs::copy(predictions_path(out_, record.key), predictions_path(out_, other));
  EXPECT_NE(complaint_of(other).find("key"), std::string::npos);
}

TEST(Record, KeyFollowsWhatDecidesTheNumberAndNothingElse) {
  const Record base = sample_record();
  const auto changed = [&](const std::function<void(Record&)>& change) {
    Record r = base;
    change(r);
    return key_of(r) != base.key;
  };
  EXPECT_TRUE(changed([](Record& r) { r.encoder.sha256 = "x"; }));
  EXPECT_TRUE(changed([](Record& r) { r.encoder.spec["norm_eps"] = 1e-5; }));
  EXPECT_TRUE(changed([](Record& r) { r.task.identity = "x"; }));
  EXPECT_TRUE(changed([](Record& r) { r.protocol["kind"] = "finetune"; }));
  EXPECT_TRUE(changed([](Record& r) { r.seed = 3; }));
  EXPECT_TRUE(changed([](Record& r) { r.evaluation_version += 1; }));
  EXPECT_FALSE(changed([](Record& r) { r.threads = 9; }));
  EXPECT_FALSE(changed([](Record& r) { r.protocol["name"] = "another"; }));
  EXPECT_FALSE(changed([](Record& r) { r.encoder.name = "another"; }));
  EXPECT_FALSE(changed([](Record& r) { r.used_by.pop_back(); }));
  EXPECT_FALSE(changed([](Record& r) { r.build.commit = "x"; }));
}

TEST(Record, GroupsOfOneSampleAreNoGroups) {
  Record record = sample_record();
  EXPECT_EQ(groups_of(record), (std::vector<std::int64_t>{1, 1, 2, 3}));
  record.predictions[1].group = 9;
  EXPECT_TRUE(groups_of(record).empty());
}

Record scored_record() {
  Record r = sample_record();
  r.measure = &default_measure(TargetKind::boxed_class);
  r.target = TargetKind::boxed_class;
  r.predictions = {{"a", 0, 0, 0, {.7F, .2F, .1F}},
                   {"b", 1, 0, 1, {.5F, 1.F / 3, 1e-7F}},
                   {"c", 2, -1, 2},
                   {"d", 1, 1, 3, {.1F, .8F, .1F}}};
  complete(r);
  return r;
}

TEST_F(RecordFiles, OfAMeanAveragePrecisionKeepTheScores) {
  const Record record = scored_record();
  // Class 0: 1; class 1: b and d before a; class 2: its sample could not be read.
  EXPECT_NEAR(record.value, 100 * (1.0 + 1.0 + 0) / 3, 1e-9);
  write_record(out_, record);
  const Record found = read_record(out_, record.key);
  EXPECT_EQ(found.predictions, record.predictions);
  EXPECT_EQ(to_json(found)["measure"]["name"], "mAP");
  EXPECT_EQ(read_file(predictions_path(out_, record.key)).substr(0, 36),
            "sample,label,prediction,group,scores");
}

TEST_F(RecordFiles, ScoresAreReadStrictly) {
  const Record record = scored_record();
  write_record(out_, record);
  const fs::path csv = predictions_path(out_, record.key);
  for (const char* row : {"a,0,0,0,.7 .2\n", "a,0,0,0,.7 .2 x\n", "a,0,0,0,.7 .2 nan\n",
                          "a,0,-1,0,.7 .2 .1\n", "a,0,0,0\n"}) {
    write_file_atomically(csv, std::string("sample,label,prediction,group,scores\n") + row);
    EXPECT_NE(complaint_of(record.key).find("row 1"), std::string::npos) << row;
  }
}

}  // namespace record_test
}  // namespace permafrost
