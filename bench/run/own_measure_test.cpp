// SPDX-License-Identifier: Apache-2.0
// A measure that the program does not come with, from folds to the text of a table: nothing on the
// way knows it but its class here. As docs/adding-a-measure.md describes it.
#include <gtest/gtest.h>

#include <map>

#include "bench/records/comparison.h"
#include "bench/records/record_folder.h"
#include "bench/records/record_json.h"
#include "bench/report/tables/table_reader.h"
#include "bench/report/tables/table_report.h"
#include "bench/run/fold_result.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace own_measure_test {

// Mean over the classes of the share that is right of each, times ten.
class BalancedAccuracy : public Measure {
 public:
  std::string name() const override { return "balanced"; }
  std::string description() const override { return "balanced accuracy"; }
  std::string unit() const override { return "marks"; }
  double highest() const override { return 10; }
  double chance(int classes) const override { return 10.0 / classes; }
  std::vector<double> values(const std::vector<Prediction>& predictions) const override {
    std::map<int, double> sizes;
    for (const auto& p : predictions) sizes[p.target.label()] += 1;
    std::vector<double> values;
    const auto n = static_cast<double>(predictions.size());
    for (const auto& p : predictions)
      values.push_back(p.predicted == p.target.label()
                           ? 10 * n / (static_cast<double>(sizes.size()) * sizes[p.predicted])
                           : 0);
    return values;
  }
};

const Measure& balanced() {
  static const Measure& only = register_measure(std::make_unique<BalancedAccuracy>());
  return only;
}

// 8 training and 12 test samples: four classes are tested twice, four once.
Task task() {
  balanced();
  const Json json{{"name", "motion"}, {"kind", "synthetic"}, {"world", "motion"},
                  {"train", 8},       {"test", 12},          {"measure", "balanced"}};
  return open_task(read_task_spec(json, "task.json"), {2, 16, 16}, {});
}

// The first `right` test samples are right, the last could not be read.
Record record_of(const Task& task, int right) {
  FoldResult fold;
  for (const auto sample : task.folds[0].test) {
    const bool last = sample == task.folds[0].test.back();
    const int label = task.source->target(sample).label();
    fold.predictions.push_back(last ? -1 : (right-- > 0 ? label : (label + 1) % 8));
    fold.failures.emplace_back(last ? "cannot be read" : "");
  }
  Record record;
  record.used_by = {{1, "ours", "motion", std::nullopt}};
  record.encoder = {"tiny", "zoo", "abc", {{"width", 16}}};
  record.task = {.name = task.name,
                 .manifest_sha256 = task.manifest_sha256,
                 .identity = task.identity,
                 .classes = task.classes};
  record.protocol = {{"name", "frozen"}, {"kind", "probe"}};
  record.measure = task.measure;
  record.target = task.target;
  pool_folds({fold}, task, record);
  complete(record);
  return record;
}

TEST(OwnMeasure, GoesFromFoldsThroughTheRecordAndBack) {
  const TestFolder out;
  const Record record = record_of(task(), 8);
  // All of the four classes with two samples but their second ones, and all of the other four.
  EXPECT_NEAR(record.value, 10 * (4 * 0.5 + 4) / 8, 1e-9);
  EXPECT_EQ(record.n_failed(), 1);
  write_record(out, record);
  const Record found = read_record(out, record.key);
  EXPECT_EQ(found.measure, &balanced());
  EXPECT_EQ(to_json(found).dump(), to_json(record).dump());
  const OrderedJson json = to_json(found);
  EXPECT_EQ(json["measure"], OrderedJson::parse(R"({"name": "balanced",
      "description": "balanced accuracy", "unit": "marks", "chance": 1.25})"));
  EXPECT_LE(record.ci95.high, 10);
}

TEST(OwnMeasure, IsComparedByThePairedBootstrap) {
  const TestFolder before, after;
  const Task of = task();
  write_record(before, record_of(of, 8));
  write_record(after, record_of(of, 4));
  const Comparison comparison = compare_results(before, after, {});
  ASSERT_EQ(comparison.cells.size(), 1U);
  EXPECT_EQ(comparison.cells[0].method, ComparisonMethod::paired_bootstrap);
  EXPECT_NEAR(comparison.cells[0].change, -5, 1e-9);
  EXPECT_EQ(comparison.cells[0].outcome, CellOutcome::fallen);
}

TEST(OwnMeasure, IsSaidByTheTable) {
  TableSpec spec{.number = 1, .title = "One", .row_title = "encoder"};
  spec.rows = {{.name = "ours"}};
  spec.columns = {{.name = "motion", .task = "motion", .protocol = "frozen"}};
  const TableModel table =
      build_table(spec, {.suite = "s", .suite_title = "a suite"}, {{{{record_of(task(), 8)}, ""}}});
  const std::string text = to_markdown(table);
  EXPECT_NE(text.find("Balanced accuracy in marks: the mean over seeds"), std::string::npos)
      << text;
  EXPECT_NE(text.find("chance 1.2"), std::string::npos) << text;
  EXPECT_NE(to_csv(table).find(",balanced,"), std::string::npos) << to_csv(table);
  const TableModel read = read_table_json(Json::parse(to_json(table).dump()), "table1.json");
  EXPECT_EQ(read.columns[0].measure, &balanced());
}

TEST(OwnMeasure, OfAnotherProgramIsRefusedByName) {
  const TestFolder out;
  const Record record = record_of(task(), 8);
  const auto complaint = [&](const std::function<void(Json&)>& change) {
    write_record(out, record);
    Json json = read_json(record_path(out, record.key).string());
    change(json["measure"]);
    write_file_atomically(record_path(out, record.key), json.dump());
    try {
      read_record(out, record.key);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string unknown = complaint([](Json& measure) { measure["name"] = "balancd"; });
  for (const char* part : {".json:/measure/name", "\"balancd\"", "top1, mAP, balanced", "nearest"})
    EXPECT_NE(unknown.find(part), std::string::npos) << unknown;
  EXPECT_NE(complaint([](Json& measure) { measure["unit"] = "%"; }).find("unit"),
            std::string::npos);
  EXPECT_NE(complaint([](Json& measure) { measure = "balanced"; }).find("/measure"),
            std::string::npos);
  EXPECT_NE(complaint([](Json& measure) { measure.erase("name"); }).find("name"),
            std::string::npos);
  EXPECT_NE(complaint([](Json& measure) { measure["extra"] = 1; }).find("extra"),
            std::string::npos);
}

}  // namespace own_measure_test
}  // namespace permafrost
