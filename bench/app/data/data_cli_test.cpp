// SPDX-License-Identifier: Apache-2.0
// The data commands as a user runs them.
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "common/files/folder_lock.h"
#include "common/json/json_object.h"
#include "datasets/testing/test_tar.h"

namespace permafrost {
namespace data_cli_test {

namespace fs = std::filesystem;

class DataCli : public Cli {
 protected:
  // Five clips in d/train.csv and three in d/test.csv.
  void synth() const {
    const Ran run = program(
        "data synth --world motion --train 5 --test 3 --frames 4 --size 24 "
        "--quiet --out " +
        path("d"));
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
  expect_refusal(
      "data synth --world motion --train 6 --test 3 --frames 4 --size 24 --quiet --out " +
          path("d"),
      {"rendered.json", "the same set"});
  expect_refusal("data synth --world moton --out " + path("e"), {"--world", "nearest: motion"});
  expect_refusal("data synth --coding h264 --size 33 --out " + path("e"), {"--size", "33"});
  EXPECT_FALSE(fs::exists(path("e")));
  EXPECT_EQ(program("data synth --help").out.find("localised_action"), std::string::npos);
}

TEST_F(DataCli, WhatWasRenderedIsWhole) {
  ASSERT_EQ(program("data synth --train 8 --test 8 --frames 4 --size 24 --seed 2 --quiet --out " +
                    path("d"))
                .status,
            0);
  const Ran run = program("data check " + path("d/task.json") + " --quiet --out " + path("report"));
  EXPECT_EQ(run.status, 0) << run.out;
  EXPECT_EQ(program("data check " + path("d/task.json") + " --least-frames 16 --quiet").status, 1);
  // The whole files can be named in a pretraining configuration.
  EXPECT_FALSE(fs::exists(path("report/whole.csv")));
  const std::string config = write("real.json", R"({"objective": "vjepa", "steps": 1, "batch": 4,
    "encoder": {"width": 24, "depth": 1, "heads": 2, "frames": 4, "height": 24, "image_width": 24},
    "predictor": {"width": 12, "depth": 1, "heads": 2},
    "real_clips": {"manifest": "report/whole-train.csv", "share": 1, "frame_step": 1}})");
  EXPECT_EQ(program("pretrain " + config + " --quiet --out " + path("p")).status, 0);
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

TEST_F(DataCli, CheckTakesListsForPretraining) {
  synth();
  write("d/bare.txt", "train/000000.mp4\ntrain/000001.mp4 0 -1\ntrain/000002.mp4 run\ngone.mp4\n");
  expect_refusal("data check " + path("d/bare.txt"), {"bare.txt:1", "label"});
  const Ran run =
      program("data check " + path("d/bare.txt") + " --no-labels --quiet --out " + path("report"));
  EXPECT_EQ(run.status, 1) << run.err;
  EXPECT_NE(run.out.find("4 entries, 3 found, 3 whole"), std::string::npos) << run.out;
  const std::string whole = read_file(path("report/whole.csv"));
  EXPECT_EQ(whole.substr(0, 6), "file\n\"") << whole;
  EXPECT_EQ(std::count(whole.begin(), whole.end(), '\n'), 4);
}

TEST_F(DataCli, PackIsCheckedInspectedAndProbed) {
  synth();
  const std::string command = "data pack " + path("d/task.json") +
                              " --short-side 24 --shard-samples 2 --quiet --out " + path("p");
  Ran run = program(command + " --json");
  ASSERT_EQ(run.status, 0) << run.err;
  const Json packs = parse_json(run.out, "stdout");
  ASSERT_EQ(packs.size(), 2U);
  EXPECT_EQ(packs[0]["samples"], 5);
  EXPECT_EQ(packs[0]["failures"], 0);
  fs::remove(path("p/train/shard-000001.pfshard"));
  EXPECT_EQ(program(command + " --json").out, run.out);
  expect_refusal("data pack " + path("d/task.json") + " --short-side 12 --quiet --out " + path("p"),
                 {"pack.json", "another list or other settings"});

  run = program("inspect " + path("p/train") + " --json");
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(parse_json(run.out, "stdout")["stored_frames"], 25);
  EXPECT_EQ(program("inspect " + path("p/train")).status, 0);
  // The packed clips are those of the files, and so is what is measured.
  const std::string probe = "probe --encoder random-init --set epochs=1 --set clips=1 --quiet ";
  const Ran files = program(probe + "--task " + path("d/task.json") + " --out " + path("f"));
  const Ran packed = program(probe + "--task " + path("p/task.json") + " --out " + path("q"));
  EXPECT_EQ(files.status, 0) << files.err;
  EXPECT_EQ(packed.status, 0) << packed.err;
  EXPECT_EQ(packed.out, files.out);

  EXPECT_EQ(program("data check " + path("p/train") + " --quiet").status, 0);
  run = program("data check " + path("p/task.json") + " --quiet --json");
  EXPECT_EQ(run.status, 0) << run.out;
  EXPECT_EQ(parse_json(run.out, "stdout").size(), 2U);
  std::string bytes = read_file(path("p/train/shard-000000.pfshard"));
  bytes[100] = static_cast<char>(bytes[100] ^ 1);
  write_file_atomically(path("p/train/shard-000000.pfshard"), bytes);
  run = program("data check " + path("p/train") + " --quiet");
  EXPECT_EQ(run.status, 1);
  EXPECT_NE(run.out.find("shard-000000.pfshard: train/000000.mp4, frame 0"), std::string::npos)
      << run.out;
  EXPECT_NE(run.out.find("1 damaged"), std::string::npos) << run.out;
}

TEST_F(DataCli, PackTellsEveryDamageAndIsMended) {
  synth();
  const std::string pack = "data pack " + path("d/train.csv") +
                           " --short-side 24 --shard-samples 1 --quiet --out " + path("p");
  ASSERT_EQ(program(pack).status, 0);
  const auto shard = [&](int k) { return path("p/shard-00000" + std::to_string(k) + ".pfshard"); };
  write_file_atomically(shard(0), "");
  write_file_atomically(shard(1), read_file(shard(1)).substr(0, 999));
  fs::remove(shard(3));
  Ran run = program("data check " + path("p") + " --quiet");
  EXPECT_EQ(run.status, 1);
  for (const char* part : {"shard-000000", "shard-000001", "shard-000003", "3 damaged"})
    EXPECT_NE(run.out.find(part), std::string::npos) << run.out;
  run = program("data check " + path("p/task.json") + " --quiet");
  EXPECT_EQ(run.status, 1);
  EXPECT_NE(run.out.find("3 damaged"), std::string::npos) << run.out;
  run = program(pack);
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_NE(run.err.find("shard-000001.pfshard"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("written anew"), std::string::npos) << run.err;
  EXPECT_EQ(program("data check " + path("p") + " --quiet").status, 0);
  fs::remove(path("p/pack.json"));
  expect_refusal("data check " + path("p"), {"pack.json", "data pack goes on"});
}

TEST_F(DataCli, PackLeavesWithOneWhereSamplesHaveNoFrames) {
  synth();
  write_file_atomically(path("d/train/000001.mp4"), "no video");
  const std::string out = " --quiet --out " + path("p");
  Ran run = program("data pack " + path("d/task.json") + out);
  EXPECT_EQ(run.status, 1);
  EXPECT_NE(run.err.find("1 of 5 samples have no frames"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("p/train/failures.txt"), std::string::npos) << run.err;
  EXPECT_NE(read_file(path("p/train/failures.txt")).find("train/000001.mp4: "), std::string::npos);
  for (const int k : {0, 2}) fs::remove(path("d/train/00000" + std::to_string(k) + ".mp4"));
  expect_refusal("data pack " + path("d/task.json") + out, {"train.csv:2", "2 of 5 missing"});
  write("h.csv", "a.mp4,0\nb.mp4,0\n");
  const std::string none = write("h.json", R"({"name": "h", "kind": "manifest",
    "manifest": "h.csv", "folds": 2, "missing_files": "count"})");
  run = program("data pack " + none + " --quiet --out " + path("q"));
  EXPECT_EQ(run.status, 1);
  EXPECT_NE(run.err.find("none of the 2 samples of h.csv"), std::string::npos) << run.err;
  EXPECT_FALSE(fs::exists(path("q/pack.json")));
  EXPECT_FALSE(fs::exists(path("q/task.json")));
}

TEST_F(DataCli, OnlyOnePackWritesToAFolder) {
  synth();
  fs::create_directories(path("p"));
  write_file_atomically(path("p/.partial-shard-000000.pfshard-Xy"), "half");
  const std::string pack = "data pack " + path("d/train.csv") + " --quiet --out " + path("p");
  {
    const FolderLock lock(path("p"), "--out");
    expect_refusal(pack, {"--out", "held by process"});
  }
  EXPECT_EQ(program(pack).status, 0);
  EXPECT_FALSE(fs::exists(path("p/.partial-shard-000000.pfshard-Xy")));
}

TEST_F(DataCli, ShowMakesAContactSheet) {
  synth();
  write_file_atomically(path("d/test/000001.mp4"), "no video");
  const std::string command = "data show " + path("d/task.json") +
                              " --list test --samples 9 --frames 4 --size 16 --out " +
                              path("sheet.png");
  Ran run = program(command + " --json");
  ASSERT_EQ(run.status, 0) << run.err;
  const Json rows = parse_json(run.out, "stdout");
  ASSERT_EQ(rows.size(), 3U);  // all there are
  int failures = 0;
  for (const auto& row : rows) {
    failures += row.contains("failure") ? 1 : 0;
    EXPECT_EQ(row["label"].get<std::string>().empty(), false);
  }
  EXPECT_EQ(failures, 1);
  const std::string png = read_file(path("sheet.png"));
  EXPECT_EQ(png.substr(1, 3), "PNG");
  EXPECT_EQ(program(command + " --json").out, run.out);
  EXPECT_EQ(read_file(path("sheet.png")), png);
  run = program("data show " + path("d/train.csv") + " --out " + path("s.png"));
  EXPECT_EQ(run.status, 0) << run.err;
  expect_refusal("data show " + path("d/task.json") + " --list dev", {"--list", "train, test"});
}

// A folder that data check takes can be looked at too.
TEST_F(DataCli, ShowTakesFoldersWithoutClassesAndWithEmptyOnes) {
  synth();
  const Ran loose = program("data show " + path("d/train") + " --out " + path("s.png"));
  EXPECT_EQ(loose.status, 0) << loose.err;
  EXPECT_NE(loose.out.find("no label"), std::string::npos) << loose.out;
  fs::create_directories(path("c/run"));
  fs::create_directories(path("c/empty"));
  fs::copy(path("d/train/000000.mp4"), path("c/run/0.mp4"));
  const Ran classes = program("data show " + path("c") + " --out " + path("s.png"));
  EXPECT_EQ(classes.status, 0) << classes.err;
  EXPECT_NE(classes.out.find("run"), std::string::npos) << classes.out;
  fs::remove_all(path("c/run"));
  expect_refusal("data show " + path("c") + " --out " + path("s.png"),
                 {"at least one image or video file"});
}

TEST_F(DataCli, AKnownNameIsTheDatasetWhateverLiesHere) {
  write_file_atomically(path("k400/train/a.mp4"), "no video");
  const Ran run = program("data check k400 --quiet --data " + path("."), "cd " + path(".") + " &&");
  EXPECT_EQ(run.status, 2) << run.out;
  EXPECT_NE(run.err.find("k400/train.csv: no such file"), std::string::npos) << run.err;
  const Ran folder = program("data check ./k400 --quiet", "cd " + path(".") + " &&");
  EXPECT_EQ(folder.status, 1) << folder.err;
  EXPECT_NE(folder.out.find("1 file cannot be read"), std::string::npos) << folder.out;
}

TEST_F(DataCli, ACheckTellsWhatOfADatasetIsMissing) {
  write_file_atomically(path("in1k/train/n01440764/a.JPEG"), "no picture");
  const Ran run = program("data check in1k --quiet --data " + path(".") + " --out " + path("c"));
  EXPECT_EQ(run.status, 1) << run.err;
  for (const char* part :
       {"in1k/val: no such file or folder (to obtain it", "1 classes found of 1000",
        "list train: 1 samples found of 1281167", "list test: 0 samples found of 50000"})
    EXPECT_NE(run.out.find(part), std::string::npos) << part << "\n" << run.out;
  EXPECT_EQ(read_file(path("c/check.txt")), run.out);
  fs::create_directories(path("nothing/a"));
  expect_refusal("data check " + path("nothing") + " --quiet",
                 {"at least one image or video file"});
}

TEST_F(DataCli, LargeLabelsAreRefusedBeforeTheyTakeMemory) {
  const std::string list = write("big.txt", "a.mp4 0\nb.mp4 20000000\n");
  // A sanitizer's program takes more than any such limit by itself.
  const std::string limit =
      program("doctor", "ulimit -v 3000000;").status == 0 ? "ulimit -v 3000000;" : "";
  const Ran run = program("data check " + list, limit);
  EXPECT_EQ(run.status, 2) << run.err;
  EXPECT_NE(run.err.find("big.txt:2: label: expected a class from 0 to 999999"), std::string::npos)
      << run.err;
}

TEST_F(DataCli, RangesOfArchivesAreLists) {
  for (const char* name : {"s-000.tar", "s-001.tar"})
    write_file_atomically(path(name), tar_member("1.mp4", "no video") + tar_member("1.cls", "0"));
  const Ran run = program("data check '" + path("s-{000..001}.tar") + "' --quiet");
  EXPECT_EQ(run.status, 1) << run.err;
  EXPECT_NE(run.out.find("2 entries, 2 found"), std::string::npos) << run.out;
  const Ran more = program("data check '" + path("s-{000..004}.tar") + "' --quiet");
  EXPECT_EQ(more.status, 1) << more.err;
  EXPECT_NE(more.out.find("s-002.tar: no such file or folder, nor 2 more of 5"), std::string::npos)
      << more.out;
  expect_refusal("data check '" + path("t-{0..1}.tar") + "'", {"a list, a folder", "t-{0..1}.tar"});
}

TEST_F(DataCli, PacksKeepWhatTheDatasetSaysOfItsLabels) {
  synth();
  write("d/set.json", R"({"name": "set", "directional": true, "train": "train.csv",
    "test": "test.csv"})");
  const std::string command =
      "data pack " + path("d/set.json") + " --short-side 24 --quiet --out " + path("p");
  const Ran run = program(command);
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(read_json(path("p/task.json")).at("directional"), true);
  // What a task over the packs would refuse is not packed.
  write("d/test.csv", read_file(path("d/train.csv")));
  expect_refusal(command, {"in both", "train.csv:"});
}

TEST_F(DataCli, ATaskFileThatIsNotThereIsCalledSo) {
  expect_refusal("probe --encoder random-init --task " + path("none.json") + " --out " + path("o"),
                 {"none.json", "no such file"});
}

TEST_F(DataCli, WhatIsNoDataIsRefused) {
  expect_refusal("data check " + path("none.csv"), {"a list, a folder", "none.csv"});
  ASSERT_EQ(::mkfifo(path("pipe.csv").c_str(), 0600), 0);
  expect_refusal("data check " + path("pipe.csv"), {"pipe.csv", "a named pipe"});
  expect_refusal("data check k400 --data " + path("."), {"k400/train.csv: no such file"});
  expect_refusal("data check k400 --root x --data " + path("."), {"--root", "known dataset"});
  const std::string task = write("t.json", R"({"name": "m", "kind": "synthetic", "world": "motion",
    "train": 9, "test": 9})");
  expect_refusal("data check " + task, {"kind", "synthetic"});
  expect_refusal("data", {"permafrost"});
}

}  // namespace data_cli_test
}  // namespace permafrost
