// SPDX-License-Identifier: Apache-2.0
// A run of tables in shards, and the run that collects them.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <thread>

#include "bench/run/dry_run.h"
#include "bench/run/runner.h"
#include "bench/testing/record_numbers.h"
#include "bench/testing/suite_folder.h"
#include "bench/testing/test_messages.h"
#include "common/error.h"
#include "common/files/folder_lock.h"
#include "common/testing/test_folder.h"
#include "models/encoders/encoder.h"

namespace permafrost {
namespace sharded_run_test {
namespace fs = std::filesystem;

// Six pieces: two encoders frozen on two tasks, and one of them fine-tuned with two seeds.
constexpr const char* kSuite = R"({
  "suite": "test", "seeds": 2,
  "encoders": {"first": "t/first", "second": "t/second", "gone": "t/gone",
               "later": {"obtain": "nowhere", "expected": {"width": 24, "depth": 1, "heads": 2,
                         "frames": 2, "patch": 8, "height": 16, "image_width": 16}}},
  "tasks": [
    {"name": "motion", "kind": "synthetic", "world": "motion", "train": 40, "test": 16},
    {"name": "object", "kind": "synthetic", "world": "object", "train": 30, "test": 16},
    {"name": "k400", "kind": "manifest", "dataset": "k400"}],
  "protocols": {
    "frozen": {"epochs": 2, "batch": 16, "learning_rates": [1e-3, 1e-2]},
    "tuned": {"kind": "finetune", "epochs": 1, "batch": 16, "gradient_shards": 2}},
  "quick": {"train": 30, "test": 8, "epochs": 1}
})";

constexpr const char* kTable1 = R"({
  "table": 1, "title": "One", "source": "nobody",
  "columns": [{"name": "motion", "protocol": "frozen"}, {"name": "object", "protocol": "frozen"}],
  "rows": [{"name": "First", "encoder": "first"}, {"name": "Second", "encoder": "second"},
           {"name": "Gone", "encoder": "gone"}]
})";

constexpr const char* kTable2 = R"({
  "table": 2, "title": "Two", "source": "nobody",
  "columns": [{"name": "motion", "protocol": "frozen"},
              {"name": "tuned", "task": "motion", "protocol": "tuned"}],
  "rows": [{"name": "First again", "encoder": "first"}]
})";

constexpr const char* kTable3 = R"({
  "table": 3, "title": "Three", "source": "nobody",
  "columns": [{"name": "motion", "protocol": "frozen"},
              {"name": "K400", "task": "k400", "protocol": "frozen"},
              {"name": "K400-ft", "task": "k400", "protocol": "tuned"}],
  "rows": [{"name": "First", "encoder": "first"}, {"name": "Later", "encoder": "later"}]
})";

constexpr int kCells = 10;  // two seeds each

class ShardedRun : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    at::set_num_threads(1);
    const fs::path machines = spec_folder() / "machines";
    suite_ =
        std::make_unique<SuiteFolder>(root().path(), SuiteText{kSuite, {kTable1, kTable2, kTable3}},
                                      std::vector<std::string>{"first", "second"});
    fs::copy(machines, root() / "specs/machines");
  }
  static void TearDownTestSuite() { suite_.reset(); }
  static inline std::unique_ptr<SuiteFolder> suite_;
  static const TestFolder& root() {
    static const TestFolder folder;
    return folder;
  }

  void SetUp() override {
    for (const auto* name : {"whole", "shared"}) fs::remove_all(root() / name);
  }
  static fs::path whole() { return root() / "whole"; }    // of one run
  static fs::path shared() { return root() / "shared"; }  // of shards

  TablesOptions options(const fs::path& out, const std::optional<WorkShard>& shard = {}) const {
    TablesOptions options{
        .tables = {1, 2}, .suite = "test", .out = out, .execution = {.quiet = true}};
    options.data = "/no/such/folder";
    options.shard = shard;
    return options;
  }

  static std::set<std::string> files_in(const fs::path& out) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(out))
      names.insert(entry.path().filename().string());
    return names;
  }
};

TEST_F(ShardedRun, GivesTheRecordsAndTablesOfOneRun) {
  EXPECT_EQ(run_tables(options(whole())).computed, kCells);
  const TablesResult first = run_tables(options(shared(), WorkShard{0, 2}));
  EXPECT_GT(first.computed, 0);
  EXPECT_EQ(first.reused, 0);
  EXPECT_EQ(first.computed + first.elsewhere, kCells);
  EXPECT_TRUE(first.tables.empty());
  const TablesResult second = run_tables(options(shared(), WorkShard{1, 2}));
  EXPECT_EQ(second.computed, first.elsewhere) << "no cell twice";
  EXPECT_EQ(second.elsewhere, first.computed);
  EXPECT_EQ(second.reused, 0);
  EXPECT_EQ(files_in(shared()), (std::set<std::string>{".lock", ".lock-0-of-2", ".lock-1-of-2",
                                                       "predictions", "records"}));
  EXPECT_EQ(numbers_of(shared()), numbers_of(whole()));
  const TablesResult collected = run_tables(options(shared()));
  EXPECT_EQ(collected.computed, 0);
  EXPECT_EQ(collected.reused, kCells);
  EXPECT_EQ(collected.elsewhere, 0);
  EXPECT_EQ(numbers_of(shared()), numbers_of(whole()));
  for (const auto* table : {"table1.json", "table1.md", "table2.json", "table2.md"})
    EXPECT_EQ(read_file(shared() / table), read_file(whole() / table)) << table;
}

TEST_F(ShardedRun, CellsThatShareFeaturesStayTogether) {
  std::map<std::string, std::set<int>> shards;  // of frozen cells, by encoder and task
  for (int index = 0; index < 3; ++index) {
    const fs::path out = shared() / std::to_string(index);
    run_tables(options(out, WorkShard{index, 3}));
    for (const auto& record : read_records(out))
      if (record.protocol["kind"] == "probe")
        shards[record.encoder.name + " on " + record.task.name].insert(index);
  }
  EXPECT_EQ(shards.size(), 4U);
  for (const auto& [group, of] : shards) EXPECT_EQ(of.size(), 1U) << group;
}

TEST_F(ShardedRun, WhatSharesNothingIsDealtCellByCell) {
  const DryRun run = dry_run(options(shared(), WorkShard{0, 6}));
  for (const auto& shard : run.shards) EXPECT_GE(shard.records, 1);
  for (const auto& cell : run.cells)
    EXPECT_EQ(cell.shards.size() == 2, cell.column == "tuned") << "a seed each";
}

TEST_F(ShardedRun, TheSplitIsTheSameWhateverIsDone) {
  const int mine = run_tables(options(shared(), WorkShard{1, 2})).computed;
  const auto before = numbers_of(shared());
  const TablesResult again = run_tables(options(shared(), WorkShard{1, 2}));
  EXPECT_EQ(again.computed, 0);
  EXPECT_EQ(again.reused, mine);
  EXPECT_EQ(numbers_of(shared()), before);
}

TEST_F(ShardedRun, AKilledShardIsStartedAgainAndFindsItsCells) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::thread killer([] {
      std::error_code ignored;
      while (!fs::is_directory(shared() / "records", ignored) || record_keys(shared()).empty())
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ::raise(SIGKILL);
    });
    run_tables(options(shared(), WorkShard{0, 1}));
    killer.join();  // which ends the process if the run was faster
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  const TablesResult again = run_tables(options(shared(), WorkShard{0, 1}));
  EXPECT_GE(again.reused, 1);
  EXPECT_EQ(again.reused + again.computed, kCells);
  run_tables(options(whole()));
  EXPECT_EQ(numbers_of(shared()), numbers_of(whole()));
}

// As on a cluster: processes that start together and know nothing of each other.
TEST_F(ShardedRun, ProcessesShareAFolder) {
  constexpr int kProcesses = 3;
  std::vector<pid_t> children;
  for (int index = 0; index < kProcesses; ++index) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    int status = 1;
    try {
      const TablesResult result = run_tables(options(shared(), WorkShard{index, kProcesses}));
      status = result.reused == 0 && result.failed.empty() ? 0 : 1;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "shard %d: %s\n", index, error.what());
    }
    ::_exit(status);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  EXPECT_EQ(run_tables(options(shared())).computed, 0);
  run_tables(options(whole()));
  EXPECT_EQ(numbers_of(shared()), numbers_of(whole()));
}

TEST_F(ShardedRun, TheCollectorComputesWhatALostShardDidNot) {
  const int there = run_tables(options(shared(), WorkShard{0, 3})).computed;
  const TablesResult collected = run_tables(options(shared()));
  EXPECT_EQ(collected.reused, there);
  EXPECT_EQ(collected.computed, kCells - there);
  EXPECT_TRUE(collected.tables[0].cells[0][0].available());
}

TEST_F(ShardedRun, NobodyCollectsWhileAShardRuns) {
  fs::create_directories(shared());
  {
    const FolderLock shard(shared(), "--out", {1, 2});
    const std::string told = message_of([&] { run_tables(options(shared())); });
    EXPECT_TRUE(holds(told, "shard 1/2, process " + std::to_string(::getpid()))) << told;
    EXPECT_FALSE(fs::exists(shared() / "records"));
    EXPECT_TRUE(holds(message_of([&] {
                        run_tables(options(shared(), WorkShard{1, 2}));
                      }),
                      "held by"));
    EXPECT_GT(run_tables(options(shared(), WorkShard{0, 2})).computed, 0) << "beside the other";
  }
  const FolderLock alone(shared(), "--out");
  EXPECT_TRUE(holds(message_of([&] {
                      run_tables(options(shared(), WorkShard{1, 2}));
                    }),
                    "held by process " + std::to_string(::getpid())));
}

TEST_F(ShardedRun, AShardWithoutWorkComputesNothing) {
  int computed = 0;
  for (int index = 0; index < 7; ++index)
    computed += run_tables(options(shared(), WorkShard{index, 7})).computed;
  EXPECT_EQ(computed, kCells) << "in six pieces";
  EXPECT_EQ(run_tables(options(shared(), WorkShard{6, 7})).elsewhere, kCells);
}

TEST_F(ShardedRun, ShardsTakeTheirOwnCellsFromOthers) {
  TablesOptions theirs = options(whole(), WorkShard{0, 2});
  const int there = run_tables(theirs).computed;
  TablesOptions mine = options(shared(), WorkShard{0, 2});
  mine.from = whole();
  EXPECT_EQ(run_tables(mine).reused, there);
  mine.shard = WorkShard{1, 2};
  EXPECT_EQ(run_tables(mine).computed, kCells - there) << "none of them is theirs";
  EXPECT_EQ(read_records(shared()).size(), static_cast<std::size_t>(kCells));
}

TEST_F(ShardedRun, HeadsAreKeptByTheShardsAndFoundByTheCollector) {
  TablesOptions kept = options(shared());
  kept.keep_heads = true;
  for (int index = 0; index < 2; ++index) {
    kept.shard = WorkShard{index, 2};
    run_tables(kept);
  }
  EXPECT_TRUE(fs::exists(shared() / "heads"));
  kept.shard.reset();
  EXPECT_EQ(run_tables(kept).computed, 0);
}

TEST_F(ShardedRun, QuickCellsAreDealtLikeOthers) {
  int computed = 0;
  for (int index = 0; index < 2; ++index) {
    TablesOptions quick = options(shared(), WorkShard{index, 2});
    quick.quick = true;
    computed += run_tables(quick).computed;
  }
  EXPECT_EQ(computed, kCells);
}

TEST_F(ShardedRun, RefusesWhatWouldUndoOtherShards) {
  TablesOptions fresh = options(shared(), WorkShard{0, 2});
  fresh.fresh = true;
  TablesOptions verify = options(shared(), WorkShard{0, 2});
  verify.verify = 0.1;
  const auto both = {std::pair{fresh, "--fresh"}, std::pair{verify, "--verify"}};
  for (const auto& [refused, flag] : both) {
    const auto expected = std::string(flag) + ": expected no --shard beside it, found shard 0/2";
    EXPECT_TRUE(holds(message_of([&] { run_tables(refused); }), expected));
    EXPECT_TRUE(holds(message_of([&] { dry_run(refused); }), expected));
  }
}

TEST_F(ShardedRun, ADryRunShowsTheSplit) {
  const int mine = run_tables(options(shared(), WorkShard{1, 2})).computed;
  const DryRun run = dry_run(options(shared(), WorkShard{0, 2}));
  ASSERT_EQ(run.shards.size(), 2U);
  EXPECT_EQ(run.shards[1].records, mine);
  EXPECT_EQ(run.shards[1].done, mine);
  EXPECT_EQ(run.shards[1].core_hours(), 0);
  EXPECT_EQ(run.shards[0].records, kCells - mine);
  EXPECT_EQ(run.shards[0].done, 0);
  EXPECT_NEAR(run.shards[0].core_hours(), run.total.core_hours(), 1e-12);
  for (const auto& cell : run.cells) {
    const std::size_t most = cell.column == "tuned" ? 2 : 1;  // fine-tuning shares nothing
    EXPECT_EQ(cell.shards.empty(), !cell.missing.empty()) << cell.row << " " << cell.column;
    EXPECT_LE(cell.shards.size(), most) << cell.row << " " << cell.column;
  }
  const std::string text = to_markdown(run);
  EXPECT_TRUE(holds(text, "| shard |")) << text;
  EXPECT_TRUE(holds(text, "| 0/2   |")) << text;
  EXPECT_EQ(to_json(run)["shards"].size(), 2U);
  EXPECT_FALSE(to_json(dry_run(options(shared()))).contains("shards"));
}

TEST_F(ShardedRun, ADryRunOnAMachineAddsUp) {
  const Machine machine = read_machine("h100x8", "--machine");
  const DryRun one = dry_run(options(shared()), machine);
  EXPECT_GT(one.total.work.frozen_flops, 0);
  EXPECT_GT(one.total.work.tuned_flops, 0);
  EXPECT_GT(one.total.work.head_flops, 0);
  const DryRun run = dry_run(options(shared(), WorkShard{0, 3}), machine);
  Work sum;
  for (const auto& shard : run.shards) sum += shard.work;
  EXPECT_NEAR(sum.flops() / one.total.work.flops(), 1, 1e-9) << "no group is computed twice";
  // Two tasks of 56 and 46 clips, drawn once by one process and by each shard that sees them.
  EXPECT_DOUBLE_EQ(one.total.work.pixels, (56 + 46) * 2 * 16 * 16);
  EXPECT_GE(sum.pixels, one.total.work.pixels);
  const std::string text = to_markdown(run);
  EXPECT_TRUE(holds(text, "8 NVIDIA H100")) << text;
  EXPECT_TRUE(holds(text, "The longest shard takes")) << text;
  const Json json = to_json(run);
  EXPECT_EQ(json["machine"], "h100x8");
  EXPECT_GT(json["shards"][0]["hours"].get<double>(), 0);
  EXPECT_GT(json["cells"][0]["flops"].get<double>(), 0);
}

TEST_F(ShardedRun, WhatIsMissingIsPlannedAsIfItWereThere) {
  TablesOptions asked = options(shared(), WorkShard{0, 2});
  asked.tables = {3};
  const DryRun run = dry_run(asked, read_machine("h100x8", "--machine"));
  EXPECT_EQ(run.total.records, 12);
  EXPECT_EQ(run.total.missing, 10) << "all but the first encoder on motion";
  for (const auto& cell : run.cells) {
    EXPECT_FALSE(cell.shards.empty()) << cell.row << " " << cell.column;
    if (cell.task != "k400") continue;
    EXPECT_EQ(cell.train, 246245) << "as it was released";
    EXPECT_EQ(cell.work.clips, 2 * (246245 + 20000)) << "of two seeds, each by itself";
  }
  EXPECT_EQ(run.total.work.clips, 246245 + 20000) << "small enough to be kept, and read once";
  int records = 0;
  for (const auto& shard : run.shards) {
    EXPECT_GT(shard.work.flops(), run.total.work.flops() / 3) << "divided nearly evenly";
    records += shard.records;
  }
  EXPECT_EQ(records, 12);
  EXPECT_TRUE(holds(to_markdown(run), "as if it were there"));
  EXPECT_TRUE(holds(to_markdown(run), "a run in which nothing is missing"));
}

}  // namespace sharded_run_test
}  // namespace permafrost
