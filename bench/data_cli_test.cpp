// SPDX-License-Identifier: Apache-2.0
// The data commands as a user runs them.
#include <nlohmann/json.hpp>

#include "bench/cli_fixture.h"
#include "common/json_object.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;

class DataCli : public Cli {
 protected:
  // Five clips in d/train.csv and three in d/test.csv.
  void synth() const {
    const Ran run = program("data synth --world motion --train 5 --test 3 --frames 4 --size 24 "
                            "--quiet --out " + path("d"));
    ASSERT_EQ(run.status, 0) << run.err;
    ASSERT_TRUE(fs::exists(path("d/test/000002.mp4")));
  }
};

TEST_F(DataCli, SynthMakesATaskThatCanBeProbed) {
  synth();
  const Ran run = program("probe --encoder random-init --task " + path("d/task.json") +
                          " --set epochs=1 --set clips=1 --head mean_pool --quiet --json --out " +
                          path("probe"));
  EXPECT_EQ(run.status, 0) << run.err;
  expect_refusal("data synth --world motion --train 6 --test 3 --frames 4 --size 24 --quiet --out " +
                     path("d"),
                 {"rendered.json", "the same set"});
  expect_refusal("data synth --world moton --out " + path("e"), {"--world", "nearest: motion"});
}

TEST_F(DataCli, CheckLeavesWithOneWhereSomethingIsWrong) {
  synth();
  const std::string command = "data check " + path("d/task.json") + " --least-frames 2 --quiet";
  Ran run = program(command + " --out " + path("report"));
  EXPECT_EQ(run.status, 1) << run.out;  // five clips are not of all eight classes
  EXPECT_NE(run.out.find("list train: 3 classes have no file"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("coverage 100.000 %"), std::string::npos) << run.out;
  run = program("data check " + path("d/train.csv") + " --least-frames 2 --quiet");
  EXPECT_EQ(run.status, 0) << run.out;  // its own names are the classes
  write_file_atomically(path("d/train/000001.mp4"), "no video");
  fs::remove(path("d/test/000000.mp4"));
  run = program(command + " --json --out " + path("report"));
  EXPECT_EQ(run.status, 1);
  const Json json = parse_json(run.out, "stdout");
  EXPECT_EQ(json["unreadable"][0]["file"], "train/000001.mp4");
  EXPECT_EQ(json["missing"][0]["file"], "test/000000.mp4");
  EXPECT_EQ(json["lists"][0]["manifest_sha256"].get<std::string>().size(), 64U);
  EXPECT_EQ(read_file(path("report/check.json")), run.out);
  EXPECT_NE(read_file(path("report/check.txt")).find("1 file is missing"), std::string::npos);
}

TEST_F(DataCli, WhatIsNoDataIsRefused) {
  expect_refusal("data check " + path("none.csv"), {"a list, a folder", "none.csv"});
  expect_refusal("data check k400 --data " + path("."), {"k400/train.csv: no such file"});
  expect_refusal("data check k400 --root x --data " + path("."), {"--root", "known dataset"});
  const std::string task = write("t.json", R"({"name": "m", "kind": "synthetic", "world": "motion",
    "train": 9, "test": 9})");
  expect_refusal("data check " + task, {"kind", "synthetic"});
  expect_refusal("data", {"permafrost"});
}

}  // namespace
}  // namespace permafrost
