// SPDX-License-Identifier: Apache-2.0
// Datasets checked and packed by several processes over loopback.
#include <gtest/gtest.h>

#include <set>

#include "bench/testing/cli_fixture.h"
#include "bench/testing/rank_processes.h"

namespace permafrost {
namespace data_ranks_cli_test {

namespace fs = std::filesystem;

class DataRanks : public Cli {
 protected:
  // Nine clips in d/train.csv, one of them damaged, and three in d/test.csv.
  DataRanks() {
    const Ran run = program(
        "data synth --world motion --train 9 --test 3 --frames 4 --size 24 "
        "--quiet --out " +
        path("d"));
    EXPECT_EQ(run.status, 0) << run.err;
    write("d/train/000004.mp4", "no video");
  }

  std::vector<RankRan> as_ranks(int ranks, const std::string& arguments) const {
    const ServedStore store = serve_store();
    RankProcesses all(ranks, store, folder_.path(),
                      [&](int) { return arguments + " --threads 1 --quiet --rank-timeout 60"; });
    return all.wait_all();
  }

  static std::multiset<std::string> lines_of(const fs::path& file) {
    std::istringstream text(read_file(file));
    std::multiset<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.insert(line);
    return lines;
  }
};

TEST_F(DataRanks, ACheckSaysWhatOneProcessSays) {
  const std::string check = "data check " + path("d/task.json") + " --out ";
  const Ran one = program(check + path("one") + " --quiet");
  EXPECT_EQ(one.status, 1);
  EXPECT_NE(one.out.find("000004.mp4"), std::string::npos) << one.out;
  for (const int ranks : {2, 3}) {
    const auto ran = as_ranks(ranks, check + path("out"));
    EXPECT_EQ(ran[0].status, 1) << ran[0].err;
    EXPECT_EQ(ran[0].out, one.out);
    EXPECT_EQ(ran[1].status, 0) << ran[1].err;
    EXPECT_EQ(ran[1].out + ran[1].err, "");
    EXPECT_EQ(lines_of(folder_ / "out/files.jsonl"), lines_of(folder_ / "one/files.jsonl"))
        << "every file is looked at once";
    fs::remove_all(folder_ / "out");
  }
}

TEST_F(DataRanks, ACheckGoesOnFromWhatIsNoted) {
  const std::string check = "data check " + path("d/task.json") + " --out " + path("out");
  EXPECT_EQ(program(check + " --quiet").status, 1);
  const auto before = lines_of(folder_ / "out/files.jsonl");
  EXPECT_EQ(as_ranks(2, check)[0].status, 1);
  EXPECT_EQ(lines_of(folder_ / "out/files.jsonl"), before);
}

TEST_F(DataRanks, APackIsThatOfOneProcess) {
  const std::string pack =
      "data pack " + path("d/task.json") + " --short-side 24 --shard-samples 2 --out ";
  const Ran one = program(pack + path("one") + " --quiet");
  EXPECT_EQ(one.status, 1) << "a sample has no frames";
  for (const int ranks : {2, 4}) {
    const auto ran = as_ranks(ranks, pack + path("out"));
    EXPECT_EQ(ran[0].status, 1) << ran[0].err;
    EXPECT_EQ(ran[1].status, 0) << ran[1].err;
    EXPECT_EQ(ran[1].out + ran[1].err, "");
    int files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "one")) {
      const fs::path name = fs::relative(entry.path(), folder_ / "one");
      if (!entry.is_regular_file() || name.filename() == ".lock") continue;
      ++files;
      EXPECT_EQ(read_file(folder_ / "out" / name), read_file(entry.path())) << name;
    }
    EXPECT_GE(files, 5 + 2 + 2 + 2) << "shards, indices, failures, the task";
    fs::remove_all(folder_ / "out");
  }
}

}  // namespace data_ranks_cli_test
}  // namespace permafrost
