// SPDX-License-Identifier: Apache-2.0
#include "bench/run/runner.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <map>
#include <set>

#include "bench/records/cell_records.h"
#include "bench/records/record.h"
#include "bench/records/record_folder.h"
#include "bench/testing/record_numbers.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/files/folder_lock.h"
#include "common/testing/test_folder.h"
#include "models/encoders/encoder.h"
#include "models/testing/shadow_device.h"

namespace permafrost {
namespace runner_test {
namespace fs = std::filesystem;

constexpr const char* kSuite = R"({
  "suite": "test", "seeds": 2,
  "encoders": {"pair": ["t/first", "t/second"], "first": "t/first", "second": "t/second", "gone": "t/gone",
               "floor": {"random": {"like": "t/first", "seed": 5}}},
  "tasks": [
    {"name": "motion", "kind": "synthetic", "world": "motion", "train": 40, "test": 16},
    {"name": "boxed", "kind": "synthetic", "world": "localised_action", "train": 40, "test": 16},
    {"name": "stills", "kind": "manifest", "manifest": "stills/labels.csv", "folds": 2},
    {"name": "lists", "kind": "manifest", "train": "stills/train.csv", "test": "stills/test.csv"}],
  "protocols": {
    "frozen": {"epochs": 2, "batch": 16, "learning_rates": [1e-3, 1e-2]},
    "few": {"epochs": 2, "batch": 16, "learning_rates": [1e-3], "label_fraction": 0.5, "splits": 3},
    "kept_views": {"epochs": 3, "batch": 16, "learning_rates": [1e-2], "augmentation": "crop",
                   "training_views": 2},
    "online": {"epochs": 3, "batch": 16, "learning_rates": [1e-2], "augmentation": "crop",
               "training_views": "online"},
    "views": {"epochs": 2, "batch": 16, "learning_rates": [1e-3], "views": 3, "short_side": 30},
    "online_in_views": {"epochs": 2, "batch": 16, "learning_rates": [1e-2], "augmentation": "crop",
                        "training_views": "online", "views": 2},
    "tuned_views": {"kind": "finetune", "epochs": 1, "batch": 16, "augmentation": "crop", "clips": 2,
                    "views": 2, "mixup": 0.8},
    "tuned": {"kind": "finetune", "epochs": 1, "batch": 16, "gradient_shards": 2}},
  "quick": {"train": 30, "test": 8, "epochs": 1}
})";

constexpr const char* kTable1 = R"({
  "table": 1, "title": "One", "source": "nobody",
  "columns": [{"name": "motion", "protocol": "frozen"},
              {"name": "motion-ft", "task": "motion", "protocol": "tuned"}],
  "rows": [{"name": "First", "encoder": "first", "paper": {"motion": 50}},
           {"name": "Floor", "encoder": "floor", "floor": true}]
})";

constexpr const char* kClaim = R"({
  "claim": "table1.first-leads", "table": 1, "text": "first leads", "kind": "greater",
  "control": true, "better": "First", "worse": "Floor", "columns": ["motion"]
})";

constexpr const char* kTable2 = R"({
  "table": 2, "title": "Two", "source": "nobody",
  "columns": [{"name": "motion", "protocol": "frozen"}],
  "rows": [{"name": "Again first", "encoder": "first"}, {"name": "Second", "encoder": "second"},
           {"name": "Gone", "encoder": "gone"}]
})";

constexpr const char* kTable3 = R"({
  "table": 3, "title": "Three", "source": "nobody",
  "columns": [{"name": "stills", "protocol": "frozen"}, {"name": "motion", "protocol": "frozen"}],
  "rows": [{"name": "Second", "encoder": "second"}]
})";

constexpr const char* kTable5 = R"({
  "table": 5, "title": "Five", "source": "nobody",
  "columns": [{"name": "motion", "protocol": "frozen"}, {"name": "boxed", "protocol": "frozen"},
              {"name": "boxed-ft", "task": "boxed", "protocol": "tuned"}],
  "rows": [{"name": "Pair", "encoder": "pair"}]
})";

constexpr const char* kTable6 = R"({
  "table": 6, "title": "Six", "source": "nobody",
  "columns": [{"name": "kept", "task": "motion", "protocol": "kept_views"},
              {"name": "online", "task": "motion", "protocol": "online"},
              {"name": "tuned", "task": "motion", "protocol": "tuned_views"}],
  "rows": [{"name": "First", "encoder": "first"}]
})";

constexpr const char* kTable4 = R"({
  "table": 4, "title": "Four", "source": "nobody",
  "columns": [{"name": "motion", "protocol": "frozen"},
              {"name": "motion-few", "task": "motion", "protocol": "few"}],
  "rows": [{"name": "First", "encoder": "first"}]
})";

constexpr const char* kTable7 = R"({
  "table": 7, "title": "Seven", "source": "nobody",
  "columns": [{"name": "lists", "protocol": "frozen"},
              {"name": "tuned", "task": "lists", "protocol": "tuned"}],
  "rows": [{"name": "First", "encoder": "first"}]
})";

constexpr const char* kTable8 = R"({
  "table": 8, "title": "Eight", "source": "nobody",
  "columns": [{"name": "folds", "task": "stills", "protocol": "views"},
              {"name": "lists", "protocol": "views"},
              {"name": "online", "task": "lists", "protocol": "online_in_views"},
              {"name": "tuned", "task": "lists", "protocol": "tuned_views"}],
  "rows": [{"name": "First", "encoder": "first"}]
})";

class Runner : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    at::set_num_threads(1);
    const EncoderSpec spec{.width = 24, .depth = 1, .frames = 2, .height = 16, .image_width = 16};
    for (const auto& [name, seed] : {std::pair{"first", 1}, std::pair{"second", 2}}) {
      Encoder encoder = random_encoder(spec, static_cast<std::uint64_t>(seed));
      save_encoder(zoo() / (std::string(name) + ".safetensors"), encoder.weights, spec, {}, false);
    }
    write_file_atomically(root() / "specs/suites/test.json", kSuite);
    write_file_atomically(root() / "specs/tables/table1.json", kTable1);
    write_file_atomically(root() / "claims/table1.first-leads.json", kClaim);
    write_file_atomically(root() / "specs/tables/table2.json", kTable2);
    write_file_atomically(root() / "specs/tables/table3.json", kTable3);
    write_file_atomically(root() / "specs/tables/table4.json", kTable4);
    write_file_atomically(root() / "specs/tables/table5.json", kTable5);
    write_file_atomically(root() / "specs/tables/table6.json", kTable6);
    write_file_atomically(root() / "specs/tables/table7.json", kTable7);
    write_file_atomically(root() / "specs/tables/table8.json", kTable8);
    ::setenv("PERMAFROST_ZOO", (root() / "zoo").c_str(), 1);
    ::setenv("PERMAFROST_SPECS", (root() / "specs").c_str(), 1);
    ::unsetenv("PERMAFROST_DATA");
  }
  // Of all tests: the encoders are made once.
  static const TestFolder& root() {
    static const TestFolder folder;
    return folder;
  }
  static fs::path zoo() { return root() / "zoo/t"; }

  void SetUp() override { fs::remove_all(out()); }
  static fs::path out() { return root() / "out"; }

  TablesResult run(const std::vector<int>& tables, const fs::path& folder = out()) {
    TablesOptions options{
        .tables = tables, .suite = "test", .out = folder, .execution = {.quiet = true}};
    options.data = data_;
    options.execution.threads = threads_;
    options.execution.device = device_;
    options.batch = batch_;
    options.features = features_;
    options.quick = quick_;
    options.fresh = fresh_;
    options.from = from_;
    options.memory_bytes = memory_;
    options.features_cache = cache_;
    options.features_cache_bytes = cache_bytes_;
    options.table_done = done_;
    options.verify = verify_;
    options.execution.notice = [this](const std::string& line) { notices_.push_back(line); };
    notices_.clear();
    return run_tables(options);
  }

  std::string data_ = "/no/such/folder";
  int threads_ = 2;
  std::string device_ = "cpu";
  std::int64_t batch_ = 16;
  FeatureStore features_ = FeatureStore::automatic;
  bool quick_ = false, fresh_ = false;
  fs::path from_, cache_;
  double memory_ = 0;
  double cache_bytes_ = 10e9;
  std::function<void(const TableModel&)> done_;
  double verify_ = 0;
  std::vector<std::string> notices_;
};

TEST_F(Runner, ComputesEachCellOnceAndThenNothing) {
  const TablesResult first = run({1, 2});
  // Table 1: two encoders, two columns; table 2 adds the second encoder. Two seeds each.
  EXPECT_EQ(first.computed, 10);
  EXPECT_EQ(first.reused, 0);
  const auto numbers = numbers_of(out());
  const std::string markdown = read_file(out() / "table1.md");
  const TablesResult again = run({1, 2});
  EXPECT_EQ(again.computed, 0);
  EXPECT_EQ(again.reused, 10);
  EXPECT_EQ(numbers_of(out()), numbers);
  EXPECT_EQ(read_file(out() / "table1.md"), markdown);
  for (const auto* end : {"md", "csv", "json", "tex", "svg"})
    EXPECT_TRUE(fs::exists(out() / (std::string("table2.") + end))) << end;
}

TEST_F(Runner, SharedCellsSayWhoUsesThem) {
  run({2});
  run({1});
  std::size_t shared = 0;
  for (const auto& record : read_records(out())) {
    if (record.used_by.size() != 2) continue;
    ++shared;
    EXPECT_EQ(record.used_by[0], (CellUse{1, "First", "motion", 50.0}));
    EXPECT_EQ(record.used_by[1], (CellUse{2, "Again first", "motion", std::nullopt}));
  }
  EXPECT_EQ(shared, 2U);  // one a seed
}

TEST_F(Runner, RecomputesAlone) {
  run({1});
  const auto numbers = numbers_of(out());
  const std::string gone = numbers.begin()->first;
  fs::remove(record_path(out(), gone));  // as if killed between predictions and record
  write_file_atomically(out() / "records/.partial-x.json-abc", "{");
  const TablesResult result = run({1});
  EXPECT_EQ(result.computed, 1);
  EXPECT_TRUE(notices_.empty());
  EXPECT_EQ(numbers_of(out()), numbers);
}

TEST_F(Runner, NeverTrustsADamagedRecord) {
  run({1});
  const auto numbers = numbers_of(out());
  auto it = numbers.begin();
  const fs::path record = record_path(out(), it->first);
  write_file_atomically(record, read_file(record).substr(0, 100));
  write_file_atomically(predictions_path(out(), (++it)->first), "sample,label,prediction,group\n");
  const TablesResult result = run({1});
  EXPECT_EQ(result.computed, 2);
  EXPECT_EQ(notices_.size(), 2U);
  EXPECT_EQ(numbers_of(out()), numbers);
}

TEST_F(Runner, GivesTheSameNumbersForAnyNumberOfThreads) {
  threads_ = 1;
  run({1}, out() / "one");
  threads_ = 3;
  run({1}, out() / "three");
  EXPECT_EQ(numbers_of(out() / "one"), numbers_of(out() / "three"));
  EXPECT_EQ(read_file(out() / "one/table1.json"), read_file(out() / "three/table1.json"));
}

TEST_F(Runner, FreshComputesAllAndQuickHasKeysOfItsOwn) {
  run({2});
  const auto numbers = numbers_of(out());
  fresh_ = true;
  EXPECT_EQ(run({2}).computed, 4);
  EXPECT_EQ(numbers_of(out()), numbers);
  fresh_ = false;
  quick_ = true;
  EXPECT_EQ(run({2}).reused, 0);
  EXPECT_EQ(numbers_of(out()).size(), 8U);
}

TEST_F(Runner, ChangedWeightsAreAnotherCell) {
  run({2});
  const std::string before = read_file(zoo() / "second.safetensors");
  Encoder other = random_encoder(load_encoder("t/second", "test").spec, 77);
  save_encoder(zoo() / "second.safetensors", other.weights, other.spec, {}, false);
  const TablesResult result = run({2});
  write_file_atomically(zoo() / "second.safetensors", before);
  EXPECT_EQ(result.computed, 2);
  EXPECT_EQ(result.reused, 2);
}

TEST_F(Runner, RecordsThatATableNoLongerShowsSaySo) {
  run({1, 2});
  const auto uses = [&](int table) {
    std::multiset<std::string> keys;
    for (const auto& record : read_records(out()))
      for (const auto& use : record.used_by)
        if (use.table == table) keys.insert(record.key);
    return keys;
  };
  const auto first = uses(1), second = uses(2);
  quick_ = true;  // other cells
  run({2});
  EXPECT_EQ(uses(1), first);
  for (const auto& key : uses(2)) EXPECT_EQ(second.count(key), 0U) << key;
  EXPECT_EQ(uses(2).size(), second.size());
  EXPECT_FALSE(uses(0).empty());  // of Table 2 alone
  quick_ = false;
  EXPECT_EQ(run({2}).computed, 0);
  EXPECT_EQ(uses(2), second);
  EXPECT_EQ(uses(0).size(), second.size());  // the quick ones now
}

TEST_F(Runner, ARecordThatATableShowsElsewhereGivesUpItsOldPlace) {
  run({1, 2});
  const auto stale = [&](const Record& record) {
    return std::count(record.used_by.begin(), record.used_by.end(),
                      CellUse{1, "First", "motion", 50.0});
  };
  std::string moved;  // of an encoder that used to be the first of Table 1 and is the second of 2
  for (Record& record : read_records(out())) {
    if (record.used_by[0].row != "Second") continue;
    moved = record.key;
    record.used_by.insert(record.used_by.begin(), {1, "First", "motion", 50.0});
    write_record(out(), record);
  }
  run({2});  // Table 1 is not made: what it shows is not known here
  EXPECT_EQ(stale(read_record(out(), moved)), 1);
  run({1, 2});
  EXPECT_EQ(stale(read_record(out(), moved)), 0);
  EXPECT_EQ(read_record(out(), moved).used_by.size(), 1U);
}

TEST_F(Runner, ARecordThatATableShowsStaysTheProbesToo) {
  run({2});
  Record probed = read_records(out())[0];
  const CellUse probe{0, probed.encoder.name, "some protocol", std::nullopt};
  probed.used_by.insert(probed.used_by.begin(), probe);
  write_record(out(), probed);
  run({2});
  const Record again = read_record(out(), probed.key);
  EXPECT_EQ(again.used_by[0], probe);
  EXPECT_EQ(again.used_by.size(), 2U);
}

TEST_F(Runner, MissingEncodersAreNotAvailable) {
  const TablesResult result = run({2});
  EXPECT_TRUE(result.tables[0].cells[1][0].available());
  EXPECT_FALSE(result.tables[0].cells[2][0].available());
  ASSERT_EQ(notices_.size(), 1U);
  EXPECT_NE(notices_[0].find("t/gone.safetensors"), std::string::npos);
  EXPECT_NE(to_markdown(result.tables[0]).find("not available"), std::string::npos);
}

TEST_F(Runner, ATableWithoutAnyCellIsATable) {
  const TablesResult result = run({7});  // its lists are missing
  EXPECT_EQ(result.computed + result.reused, 0);
  for (const auto& cell : result.tables[0].cells[0]) EXPECT_FALSE(cell.available());
}

TEST_F(Runner, DamagedEncodersStopTheRun) {
  write_file_atomically(zoo() / "gone.safetensors", "not a model");
  EXPECT_THROW(run({2}), InputError);
  fs::remove(zoo() / "gone.safetensors");
}

TEST_F(Runner, UnknownNamesStopTheRun) {
  EXPECT_THROW(run({99}), InputError);
  EXPECT_THROW(run_tables({.suite = "nope", .out = out(), .execution = {.quiet = true}}),
               InputError);
}

TEST_F(Runner, MissingDataIsNotAvailable) {
  const TablesResult result = run({3});
  EXPECT_FALSE(result.tables[0].cells[0][0].available());
  EXPECT_TRUE(result.tables[0].cells[0][1].available());
  EXPECT_EQ(notices_.size(), 1U);
}

TEST_F(Runner, LowShotCellsHaveASplitASeedWhateverTheRunHas) {
  const TablesResult result = run({4});
  EXPECT_EQ(result.computed, 2 + 3);
  const CellModel& few = result.tables[0].cells[0][1];
  EXPECT_EQ(few.repeated.over, SpreadOver::splits);
  EXPECT_EQ(few.repeated.values.size(), 3U);
  EXPECT_EQ(result.tables[0].cells[0][0].repeated.over, SpreadOver::seeds);
  const std::string text = to_markdown(result.tables[0]);
  EXPECT_NE(text.find("50.0 % of the labels, spread over 3 splits"), std::string::npos) << text;
  EXPECT_NE(text.find("In motion-few the mean and ± are over splits"), std::string::npos) << text;
  std::set<std::string> subsets;
  for (const auto& record : read_records(out()))
    if (record.training) subsets.insert(record.training->sha256);
  EXPECT_EQ(subsets.size(), 3U);
  // Records with subsets are read back like any other.
  EXPECT_EQ(run({4}).computed, 0);
}

// Twelve files in six groups, `broken` is no picture.
void write_stills(const fs::path& folder, int broken = 5) {
  std::string manifest = "file,label,group\n", train, test;
  for (int i = 0; i < 12; ++i) {
    const std::string name = "p" + std::to_string(i) + ".ppm";
    manifest += name + "," + std::to_string(i % 2) + "," + std::to_string(i / 2) + "\n";
    (i < 8 ? train : test) += name + "," + std::to_string(i % 2) + "\n";
    std::string picture = "P6\n32 16\n255\n";
    for (int k = 0; k < 32 * 16 * 3; ++k)
      picture += static_cast<char>(i % 2 == 0 ? 3 * k + i : 255 - k / 3);
    write_file_atomically(folder / name, i == broken ? "this is no picture" : picture);
  }
  write_file_atomically(folder / "labels.csv", manifest);
  write_file_atomically(folder / "train.csv", train);
  write_file_atomically(folder / "test.csv", test);
}

TEST_F(Runner, PoolsFoldsAndCountsUnreadSamplesAsWrong) {
#ifndef PERMAFROST_FFMPEG
  GTEST_SKIP() << "built without FFmpeg";
#endif
  data_ = (root() / "data").string();
  write_stills(fs::path(data_) / "stills");
  const TablesResult result = run({3});
  const CellModel& cell = result.tables[0].cells[0][0];
  ASSERT_TRUE(cell.available()) << cell.unavailable;
  EXPECT_EQ(cell.n, 12);
  EXPECT_EQ(cell.n_failed, 1);
  EXPECT_TRUE(result.tables[0].columns[0].grouped);
  EXPECT_NE(to_markdown(result.tables[0]).find("11 of 12 samples"), std::string::npos);
  std::size_t seen = 0;
  for (const auto& record : read_records(out())) {
    if (record.task.name != "stills") continue;
    ++seen;
    ASSERT_EQ(record.failures.size(), 1U);
    EXPECT_EQ(record.failures[0].sample, "p5.ppm");
    EXPECT_NE(record.failures[0].reason, "");
    EXPECT_EQ(record.selections.size(), 2U);  // one a fold
    std::set<std::string> names;
    for (const auto& p : record.predictions) EXPECT_TRUE(names.insert(p.sample).second);
    EXPECT_EQ(names.size(), 12U);
  }
  EXPECT_EQ(seen, 2U);
}

TEST_F(Runner, TellsWhatCouldNotBeTrainedOn) {
#ifndef PERMAFROST_FFMPEG
  GTEST_SKIP() << "built without FFmpeg";
#endif
  data_ = (root() / "data").string();
  write_stills(fs::path(data_) / "stills");
  const TablesResult result = run({7});
  for (const auto& cell : result.tables[0].cells[0]) {
    ASSERT_TRUE(cell.available()) << cell.unavailable;
    EXPECT_EQ(cell.n, 4);
    EXPECT_EQ(cell.n_failed, 0);
    EXPECT_EQ(cell.n_untrained, 1);
  }
  EXPECT_EQ(run({7}).computed, 0);
  features_ = FeatureStore::streamed;
  fresh_ = true;
  run({7});
  for (const auto& record : read_records(out())) {
    EXPECT_EQ(record.coverage(), 1);
    ASSERT_EQ(record.training_failures.size(), 1U);
    EXPECT_EQ(record.training_failures[0].sample, "p5.ppm");
    EXPECT_NE(record.training_failures[0].reason, "");
  }
}

// Every sample is read once for its crops, and both ways see the same of them.
TEST_F(Runner, StreamedCropsGiveTheRecordsOfKeptOnes) {
#ifndef PERMAFROST_FFMPEG
  GTEST_SKIP() << "built without FFmpeg";
#endif
  data_ = (root() / "data").string();
  write_stills(fs::path(data_) / "stills", -1);
  batch_ = 1;
  features_ = FeatureStore::kept;
  const TablesResult result = run({8});
  for (const auto& cell : result.tables[0].cells[0])
    EXPECT_TRUE(cell.available()) << cell.unavailable;
  const auto kept = numbers_of(out());
  ASSERT_EQ(kept.size(), 8U);
  features_ = FeatureStore::streamed;
  fresh_ = true;
  run({8});
  EXPECT_EQ(numbers_of(out()), kept);
}

TEST_F(Runner, SeedsTakeTurnsAmongThePretrainings) {
  const TablesResult result = run({5});
  EXPECT_EQ(result.tables[0].cells[0][0].encoders, 2U);
  EXPECT_FALSE(result.tables[0].one_encoder_a_row);
  std::map<std::uint64_t, std::set<std::string>> names;
  for (const auto& record : read_records(out())) names[record.seed].insert(record.encoder.name);
  EXPECT_EQ(names[1], (std::set<std::string>{"t/first"}));
  EXPECT_EQ(names[2], (std::set<std::string>{"t/second"}));
  EXPECT_EQ(run({5}).computed, 0);
  // What one encoder was measured for is not measured again for the pair.
  EXPECT_EQ(run({1}).reused, 1);
}

TEST_F(Runner, TasksWithBoxesAreMeasuredInMeanAveragePrecision) {
  const TablesResult result = run({5});
  EXPECT_EQ(result.tables[0].columns[1].measure->name(), "mAP");
  EXPECT_EQ(result.tables[0].columns[0].measure->name(), "top1");
  const std::string text = to_markdown(result.tables[0]);
  EXPECT_NE(text.find("mean average precision in boxed, boxed-ft"), std::string::npos) << text;
  for (const auto& record : read_records(out())) {
    const bool boxed = record.task.name == "boxed";
    EXPECT_EQ(record.measure->name() == "mAP", boxed);
    EXPECT_EQ(record.predictions[0].scores.size(), boxed ? 8U : 0U);
  }
}

// What must change nothing but the last bits of the features: batch, threads, and whether other
// tables asked for the features before.
TEST_F(Runner, BatchesAndThreadsAndCachesChangeNoNumber) {
  run({1, 5});
  const auto expected = read_records(out());
  std::map<std::string, Record> by_key;
  for (const auto& record : expected) by_key[record.key] = record;
  int flips = 0, predictions = 0;
  for (const std::int64_t batch : {1, 7, 64}) {
    for (const int threads : {1, 2}) {
      fs::remove_all(out());
      batch_ = batch;
      threads_ = threads;
      features_ = threads == 1 ? FeatureStore::kept : FeatureStore::streamed;
      run({5});  // features for one table alone ...
      run({1});  // ... then again for the other
      for (const auto& record : read_records(out())) {
        const Record& other = by_key.at(record.key);
        ASSERT_TRUE(same_samples(record, other));
        for (std::size_t i = 0; i < record.predictions.size(); ++i) {
          ++predictions;
          flips += record.predictions[i].predicted != other.predictions[i].predicted;
        }
      }
    }
  }
  RecordProperty("flips", flips);
  RecordProperty("predictions", predictions);
  // Rounding of a matrix product may move a sample that lies on the border of two classes.
  EXPECT_LE(flips, predictions / 200);
}

TEST_F(Runner, OneRunAFolder) {
  fs::create_directories(out());
  const FolderLock other(out(), "--out");
  EXPECT_THROW(run({1}), InputError);
  EXPECT_FALSE(fs::exists(out() / "records"));
}

TEST_F(Runner, RecordsOfAnotherVersionAreNotMixedIn) {
  run({2});
  auto records = read_records(out());
  fs::remove_all(out());
  for (auto& record : records) {
    record.evaluation_version += 1;
    for (auto& prediction : record.predictions) prediction.predicted = prediction.target.label();
    complete(record);
    write_record(out(), record);
  }
  const TablesResult result = run({2});
  EXPECT_EQ(result.reused, 0);
  EXPECT_LT(result.tables[0].cells[0][0].repeated.mean, 100);
}

// One encoder batch of one size makes no difference at all.
TEST_F(Runner, StreamedFeaturesGiveTheRecordsOfKeptOnes) {
  batch_ = 1;
  features_ = FeatureStore::kept;
  run({1, 4, 5, 6});
  const auto kept = numbers_of(out());
  fs::remove_all(out());
  features_ = FeatureStore::streamed;
  run({1, 4, 5, 6});
  EXPECT_EQ(numbers_of(out()), kept);
}

// Frozen, fine-tuned, augmented, in boxes: what a GPU is given to do, without one.
TEST_F(Runner, DoesTheSameOnAnotherDevice) {
  const auto values = [&] {
    std::map<std::string, double> found;
    for (const auto& record : read_records(out())) found[record.key] = record.value;
    return found;
  };
  for (const auto features : {FeatureStore::kept, FeatureStore::streamed}) {
    features_ = features;
    fresh_ = true;
    device_ = "cpu";
    run({1, 4, 5, 6});
    const auto host = values();
    device_ = shadow_device().str();
    EXPECT_GT(run({1, 4, 5, 6}).encoding.encoding, 0) << "the clock is told of every batch";
    const auto there = values();
    ASSERT_EQ(there.size(), host.size());
    // One test sample of 16 may lie where rounding decides.
    for (const auto& [key, value] : host) EXPECT_NEAR(there.at(key), value, 100.0 / 16 + 0.1);
    for (const auto& record : read_records(out())) EXPECT_EQ(record.build.device, device_);
  }
}

TEST_F(Runner, AugmentedViewsAreTheSameForAnyNumberOfThreads) {
  threads_ = 1;
  run({6});
  const auto one = numbers_of(out());
  ASSERT_EQ(one.size(), 6U);
  threads_ = 3;
  fs::remove_all(out());
  run({6});
  EXPECT_EQ(numbers_of(out()), one);
  std::set<std::string> views;
  for (const auto& record : read_records(out()))
    if (record.protocol.contains("training_views"))
      views.insert(record.protocol["training_views"].dump());
  EXPECT_EQ(views, (std::set<std::string>{"2", "\"online\""}));
}

// Files may grow to `bytes` and no further, as on a disk that fills up.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    handler_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = SIG_DFL;
};

TEST_F(Runner, AFullDiskEndsTheRunAndNothingElse) {
  run({1});
  const auto whole = numbers_of(out());
  fs::remove_all(out());
  run({2});  // two records of which one is in table 1 as well
  const auto before = numbers_of(out());
  {
    const FullDisk full(900);  // predictions of 16 samples fit, a record does not
    try {
      run({1});
      FAIL() << "ran on a full disk";
    } catch (const InputError&) {
      FAIL() << "a full disk is no bad input";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("cannot write"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("records/"), std::string::npos) << error.what();
    }
  }
  EXPECT_EQ(numbers_of(out()), before);
  for (const auto& entry : fs::recursive_directory_iterator(out()))
    EXPECT_EQ(entry.path().filename().string().find(".partial"), std::string::npos) << entry.path();
  run({1});
  const auto after = numbers_of(out());
  for (const auto& [key, text] : whole) EXPECT_EQ(after.count(key), 1U) << key;
}

TEST_F(Runner, BeginsWithTheRecordsOfOthersAndVerifiesSome) {
  const fs::path theirs = root() / "theirs";
  run({1}, theirs);
  from_ = theirs;
  verify_ = 0.3;
  const TablesResult result = run({1, 2});
  EXPECT_EQ(result.reused, 8);
  EXPECT_EQ(result.computed, 2) << "what they have not";
  ASSERT_EQ(result.verified.size(), 3U) << "a share is rounded up";
  for (const auto& cell : result.verified) {
    EXPECT_TRUE(cell.holds()) << cell.name;
    EXPECT_EQ(cell.recorded, cell.computed) << cell.name;
    EXPECT_EQ(cell.other_answers, 0) << cell.name;
  }
  EXPECT_FALSE(fs::exists(out() / "verification"));
  from_.clear();
  verify_ = 0;
  EXPECT_EQ(run({1, 2}).computed, 0);
  fs::remove_all(theirs);
}

TEST_F(Runner, TellsOfRecordsThatDoNotHold) {
  run({2});
  for (const auto& key : record_keys(out())) {
    Record record = read_record(out(), key);
    for (auto& prediction : record.predictions) prediction.predicted = prediction.target.label();
    complete(record);
    write_record(out(), record);
  }
  verify_ = 1;
  const TablesResult result = run({2});
  ASSERT_EQ(result.verified.size(), 4U);
  for (const auto& cell : result.verified) {
    EXPECT_EQ(cell.recorded, 100);
    EXPECT_FALSE(cell.holds()) << cell.name;
    EXPECT_GT(cell.other_answers, 0) << cell.name;
  }
  EXPECT_EQ(result.tables[0].cells[0][0].repeated.mean, 100) << "the records stay as they are";
}

TEST_F(Runner, RefusesRecordsOfNoneOfItsCells) {
  const fs::path theirs = root() / "theirs";
  run({3}, theirs);
  from_ = theirs;
  EXPECT_THROW(run({1}), InputError);
  from_ = root() / "specs";
  EXPECT_THROW(run({1}), InputError) << "no folder of records";
  fs::remove_all(theirs);
}

TEST_F(Runner, TellsOfATableAsSoonAsItsCellsAreThere) {
  std::vector<int> told;
  std::vector<std::size_t> records;  // that were there by then
  done_ = [&](const TableModel& table) {
    told.push_back(table.spec.number);
    records.push_back(fs::is_directory(out() / "records") ? record_keys(out()).size() : 0);
    EXPECT_TRUE(fs::exists(out() / ("table" + std::to_string(table.spec.number) + ".md")));
  };
  threads_ = 1;
  run({5, 1, 2});
  EXPECT_EQ(told, (std::vector<int>{5, 1, 2}));
  EXPECT_LT(records[0], records[2]);
  told.clear();
  run({1, 2});
  EXPECT_EQ(told, (std::vector<int>{1, 2})) << "from records as well";
}

TEST_F(Runner, TakesFeaturesOfAnEarlierRun) {
  if (build_info().commit.ends_with("-dirty")) GTEST_SKIP() << "built from changed sources";
  cache_ = root() / "cache";
  run({2, 5});
  const auto numbers = numbers_of(out());
  double encoding = 0;
  for (const auto& record : read_records(out())) encoding += record.encode_seconds;
  EXPECT_GT(encoding, 0);
  fs::remove_all(out());
  run({2, 5});
  EXPECT_EQ(numbers_of(out()), numbers);
  for (const auto& record : read_records(out())) EXPECT_EQ(record.encode_seconds, 0);
  fs::remove_all(out());
  cache_bytes_ = 1000;  // too small for the run: nothing is written, nor thrown out
  run({1});
  fs::remove_all(out());
  cache_bytes_ = 10e9;
  run({2, 5});
  for (const auto& record : read_records(out())) EXPECT_EQ(record.encode_seconds, 0);
  fs::remove_all(cache_);
}

TEST_F(Runner, WithLittleMemoryStreamsFeaturesAndGivesTheSameNumbers) {
  run({1, 2});
  const auto numbers = numbers_of(out());
  fs::remove_all(out());
  memory_ = 1000;
  run({1, 2});
  EXPECT_EQ(numbers_of(out()), numbers);
  EXPECT_TRUE(std::any_of(notices_.begin(), notices_.end(), [](const std::string& line) {
    return line.find("encoded anew in every epoch") != std::string::npos;
  })) << "and says so";
}

}  // namespace runner_test
}  // namespace permafrost
