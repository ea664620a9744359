// SPDX-License-Identifier: Apache-2.0
// Tables, probes, fine-tuning and evaluation by several processes over loopback: the records of
// one.
#include <gtest/gtest.h>

#include "bench/testing/cli_fixture.h"
#include "bench/testing/rank_processes.h"
#include "bench/testing/record_numbers.h"
#include "bench/testing/suite_folder.h"
#include "models/encoders/encoder.h"

namespace permafrost {
namespace tables_ranks_cli_test {

namespace fs = std::filesystem;

constexpr const char* kSuite = R"({
  "suite": "test", "seeds": 2,
  "encoders": {"first": "t/first", "second": "t/second"},
  "tasks": [
    {"name": "motion", "kind": "synthetic", "world": "motion", "train": 40, "test": 20},
    {"name": "object", "kind": "synthetic", "world": "object", "train": 30, "test": 20}],
  "protocols": {
    "frozen": {"epochs": 2, "batch": 16, "learning_rates": [1e-3, 1e-2]},
    "finetuned": {"kind": "finetune", "epochs": 1, "batch": 16, "gradient_shards": 4}}
})";

constexpr const char* kTable = R"({
  "table": 1, "title": "One", "source": "nobody",
  "columns": [{"name": "motion", "protocol": "frozen"}, {"name": "object", "protocol": "frozen"},
              {"name": "tuned", "task": "motion", "protocol": "finetuned"}],
  "rows": [{"name": "First", "encoder": "first"}, {"name": "Second", "encoder": "second"}]
})";

class TablesRanks : public Cli {
 protected:
  std::vector<RankRan> as_ranks(int ranks, const std::string& arguments) const {
    const ServedStore store = serve_store();
    RankProcesses all(ranks, store, folder_.path(), [&](int) {
      return arguments + " --device cpu --threads 1 --quiet --rank-timeout 60";
    });
    return all.wait_all();
  }
  // All ranks end well, the first alone prints.
  void expect_well(const std::vector<RankRan>& ran, const std::string& printed) const {
    for (std::size_t rank = 0; rank < ran.size(); ++rank) {
      EXPECT_EQ(ran[rank].status, 0) << "rank " << rank << ": " << ran[rank].err;
      if (rank > 0) {
        EXPECT_EQ(ran[rank].out + ran[rank].err, "");
      }
    }
    EXPECT_EQ(ran[0].out, printed);
  }

  const SuiteFolder suite_{folder_.path(), {kSuite, {kTable}}, {"first", "second"}};
};

TEST_F(TablesRanks, TablesOfAnyNumberOfRanksHaveTheRecordsOfOneProcess) {
  const std::string tables = "tables 1 --suite test --out ";
  const Ran one = program(tables + path("one") + " --device cpu --threads 1 --quiet");
  ASSERT_EQ(one.status, 0) << one.err;
  const auto expected = numbers_of(folder_ / "one");
  EXPECT_EQ(expected.size(), 12u);
  for (const int ranks : {2, 3, 4}) {
    const auto ran = as_ranks(ranks, tables + path("out"));
    expect_well(ran, one.out);
    EXPECT_EQ(numbers_of(folder_ / "out"), expected) << ranks << " ranks";
    EXPECT_TRUE(fs::exists(folder_ / "out/table1.md"));
    EXPECT_TRUE(fs::exists(folder_ / "out/report.html"));
    for (const auto& entry : fs::directory_iterator(folder_ / "out"))
      EXPECT_FALSE(entry.path().filename().string().starts_with(".ranks")) << entry;
    fs::remove_all(folder_ / "out");
  }
}

TEST_F(TablesRanks, WhatIsThereIsTakenAndOptionsThatDoNotFitAreRefused) {
  const std::string tables = "tables 1 --suite test --out " + path("out");
  ASSERT_EQ(program(tables + " --quiet").status, 0);
  const auto before = numbers_of(folder_ / "out");
  const auto ran = as_ranks(2, tables);
  EXPECT_EQ(ran[0].status, 0) << ran[0].err;
  EXPECT_NE(ran[0].err.find("0 cells computed, 12 taken"), std::string::npos) << ran[0].err;
  EXPECT_EQ(numbers_of(folder_ / "out"), before);
  const auto fresh = as_ranks(2, tables + " --fresh");
  EXPECT_EQ(fresh[0].status, 2);
  EXPECT_NE(fresh[0].err.find("--fresh"), std::string::npos) << fresh[0].err;
  const auto shard = as_ranks(2, tables + " --shard 0/2");
  EXPECT_EQ(shard[0].status, 2);
  EXPECT_NE(shard[0].err.find("--shard: expected no ranks beside it"), std::string::npos)
      << shard[0].err;
}

TEST_F(TablesRanks, AProbeAndAFineTuningAreSharedByRanks) {
  const std::string on = " --suite test --encoder first --task motion --seed 3 --out ";
  for (const std::string command : {"probe --features-cache off", "finetune"}) {
    const Ran one = program(command + on + path("one") + " --device cpu --threads 1 --quiet");
    ASSERT_EQ(one.status, 0) << one.err;
    for (const int ranks : {2, 4}) {
      expect_well(as_ranks(ranks, command + on + path("out")), one.out);
      EXPECT_EQ(numbers_of(folder_ / "out"), numbers_of(folder_ / "one"));
      fs::remove_all(folder_ / "out");
    }
    fs::remove_all(folder_ / "one");
  }
  const auto ran = as_ranks(3, "finetune" + on + path("out"));
  EXPECT_EQ(ran[0].status, 2);
  EXPECT_EQ(ran[0].err,
            "permafrost: gradient_shards: expected a multiple of the number of ranks, 3, found "
            "4\n");
}

TEST_F(TablesRanks, AnEvaluationIsSharedByRanks) {
  const std::string probe = "probe --suite test --encoder first --task motion --quiet --out ";
  ASSERT_EQ(program(probe + path("probe")).status, 0);
  std::string head;
  for (const auto& entry : fs::directory_iterator(folder_ / "probe/heads")) head = entry.path();
  const std::string evaluate =
      "evaluate --suite test --encoder t/first --task motion --head " + head + " --out ";
  const Ran one = program(evaluate + path("one") + " --device cpu --threads 1 --quiet");
  ASSERT_EQ(one.status, 0) << one.err;
  const auto ran = as_ranks(2, evaluate + path("out"));
  EXPECT_EQ(ran[0].status, 0) << ran[0].err;
  EXPECT_EQ(ran[1].out + ran[1].err, "");
  EXPECT_EQ(read_file(folder_ / "out/predictions.csv"), read_file(folder_ / "one/predictions.csv"));
}

TEST_F(TablesRanks, AFolderThatARankDoesNotSeeIsRefused) {
  const ServedStore store = serve_store();
  RankProcesses all(2, store, folder_.path(), [&](int rank) {
    // As on two machines without a file system between them.
    return "tables 1 --suite test --quiet --out " + path("out" + std::to_string(rank));
  });
  const auto ran = all.wait_all();
  EXPECT_EQ(ran[0].status, 2);
  EXPECT_NE(ran[0].err.find("a folder that all ranks share, found rank 1 ("), std::string::npos)
      << ran[0].err;
  EXPECT_EQ(ran[1].status, 2);
  EXPECT_EQ(ran[1].err, "");
  EXPECT_FALSE(fs::exists(folder_ / "out1"));
}

TEST_F(TablesRanks, AKilledRankLeavesTheCellsThatAreDone) {
  const std::string tables = "tables 1 --suite test --out " + path("out") + " --rank-timeout 10 ";
  const ServedStore store = serve_store();
  {
    RankProcesses all(2, store, folder_.path(),
                      [&](int) { return tables + "--device cpu --threads 1 --quiet"; });
    for (int i = 0; i < 3000 && !fs::exists(folder_ / "out/records"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    all.signal(1, SIGKILL);
    const RankRan first = all.wait(0, 90);
    EXPECT_EQ(first.status, 1) << first.err;
    EXPECT_TRUE(first.err.starts_with("permafrost: rank 1 (")) << first.err;
  }
  const auto done = numbers_of(folder_ / "out");
  EXPECT_GT(done.size(), 0u);
  const Ran again = program(tables + "--device cpu --threads 1 --quiet");
  EXPECT_EQ(again.status, 0) << again.err;
  const auto all = numbers_of(folder_ / "out");
  EXPECT_EQ(all.size(), 12u);
  for (const auto& [key, numbers] : done) EXPECT_EQ(all.at(key), numbers);
}

}  // namespace tables_ranks_cli_test
}  // namespace permafrost
