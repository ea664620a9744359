// SPDX-License-Identifier: Apache-2.0
// The program as a user runs it: good and bad input, exit status, one line on stderr.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "bench/testing/cli_fixture.h"

namespace permafrost {
namespace cli_test {
namespace fs = std::filesystem;

TEST_F(Cli, ListsItsCommands) {
  const Ran run = program("--help");
  EXPECT_EQ(run.status, 0);
  for (const char* name : {"tables", "pretrain", "features", "probe", "finetune", "evaluate",
                           "convert", "compare", "report", "inspect", "masks"})
    EXPECT_NE(run.out.find(name), std::string::npos) << name;
}

TEST_F(Cli, SaysWhatThisBuildIs) {
  const Ran run = program("doctor"), json = program("doctor --json");
  EXPECT_EQ(run.status, 0);
  const auto report = nlohmann::json::parse(json.out);
  const std::string count = std::to_string(report.at("encoders").size());
  EXPECT_NE(run.out.find("encoders     " + count + ", see permafrost inspect\n"), std::string::npos)
      << run.out;
  const bool video = report.at("video_files");
  EXPECT_EQ(report.at("codecs").empty(), !video);
  const std::string codecs = std::string("codecs       ") + (video ? "h264, " : "none\n");
  EXPECT_NE(run.out.find(codecs), std::string::npos) << run.out;
  EXPECT_EQ(static_cast<std::size_t>(std::count(run.out.begin(), run.out.end(), '\n')),
            report.size());
}

TEST_F(Cli, ListsTheZooInColumns) {
  const Ran run = program("inspect");
  ASSERT_EQ(run.status, 0) << run.err;
  std::istringstream lines(run.out);
  std::set<std::size_t> columns;
  for (std::string line; std::getline(lines, line);) columns.insert(line.find(" parameters "));
  EXPECT_EQ(columns.size(), 1U) << run.out;
}

TEST_F(Cli, RefusesWrongUsage) {
  expect_refusal("", {"permafrost"});
  expect_refusal("tabels", {"permafrost"});
  expect_refusal("tables --suite nope --out " + path("o"), {"--suite", "pico", "\"nope\""});
  expect_refusal("tables 99 --out " + path("o"), {"99"});
  for (const auto* shard : {"4/4", "0/0", "a/b", "1/", "''", "-1/4"})
    expect_refusal("tables --shard " + std::string(shard) + " --out " + path("o"), {"--shard"});
  expect_refusal("tables --dry-run --machine h100x9 --out " + path("o"),
                 {"--machine", "\"h100x9\"", "h100x8"});
  expect_refusal("tables --machine h100x8 --out " + path("o"), {"--machine", "--dry-run"});
  expect_refusal("tables --fresh --shard 0/4 --out " + path("o"), {"--fresh", "shard 0/4"});
  expect_refusal("tables --device gpu --out " + path("o"), {"--device", "\"gpu\""});
  EXPECT_FALSE(fs::exists(folder_ / "o")) << "something was written";
}

TEST_F(Cli, RefusesAnOutThatCannotBeWritten) {
  const std::string file = write("file", "x");
  expect_refusal("tables --out " + file + "/below", {"--out", "below"});
  expect_refusal("pretrain " + tiny_config() + " --out " + file + "/below", {"--out"});
}

TEST_F(Cli, AShardTellsHowManyCellsItHas) {
  const std::string tables = "tables 12 --quick --seeds 1 --data /no/data --out " + path("o");
  const Ran first = program(tables + " --shard 0/8 --json");
  ASSERT_EQ(first.status, 0) << first.err;
  const auto json = nlohmann::json::parse(first.out);
  EXPECT_EQ(json["shard"], 0);
  EXPECT_EQ(json["shards"], 8);
  EXPECT_GE(json["computed"].get<int>(), 1);
  EXPECT_GE(json["elsewhere"].get<int>(), 1);
  EXPECT_TRUE(json["failed"].empty());
  EXPECT_GT(json["encoding"]["seconds"].get<double>(), 0);
  EXPECT_LE(json["encoding"]["share_waiting"].get<double>(), 1);
  const Ran again = program(tables + " --shard 0/8");
  EXPECT_EQ(again.status, 0);
  EXPECT_EQ(again.out, "");
  EXPECT_NE(again.err.find("shard 0/8: 0 cells computed, " + json["computed"].dump() + " taken"),
            std::string::npos)
      << again.err;
  EXPECT_FALSE(fs::exists(path("o") + "/table12.md"));
  EXPECT_FALSE(fs::exists(path("o") + "/report.html"));
}

TEST_F(Cli, ADryRunOfAPretrainingWritesNothing) {
  const Ran run = program("pretrain " + tiny_config() +
                          " --dry-run --machine h100x8 --processes 2 --reduce exact --json");
  ASSERT_EQ(run.status, 0) << run.err;
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json["processes"], 2);
  // Two gradient shards: one a process, sent in parts and put together again.
  EXPECT_EQ(json["sent_bytes"].get<double>(), 4 * json["trained"].get<double>());
  EXPECT_GT(json["hours"].get<double>(), 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 2);  // ours, and stderr
  expect_refusal("pretrain " + tiny_config(), {"--out"});
  expect_refusal("pretrain " + tiny_config() + " --dry-run --processes 3", {"3", "2"});
  expect_refusal("pretrain " + tiny_config() + " --machine h100x8", {"--machine", "--dry-run"});
}

TEST_F(Cli, NamesTheNearestKeyOfAConfiguration) {
  const std::string config = write("c.json", R"({"objective": "vjepa", "bach": 8})");
  expect_refusal("pretrain " + config + " --out " + path("o"), {"c.json", "\"bach\"", "\"batch\""});
  expect_refusal("pretrain " + path("absent.json") + " --out " + path("o"), {"absent.json"});
  expect_refusal("pretrain " + tiny_config() + " --set batch=7 --out " + path("o"), {"batch", "7"});
  EXPECT_FALSE(fs::exists(folder_ / "o"));
}

TEST_F(Cli, PretrainsInspectsAndRefusesATruncatedFile) {
  const Ran run = program("pretrain " + tiny_config() + " --quiet --json --out " + path("run"));
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(nlohmann::json::parse(run.out).at("steps"), 6);
  const std::string encoder = path("run/encoder.safetensors");
  const Ran inspected = program("inspect --json " + encoder);
  ASSERT_EQ(inspected.status, 0) << inspected.err;
  EXPECT_EQ(nlohmann::json::parse(inspected.out).at("spec").at("width"), 24);

  const auto features = [&](const std::string& threads) {
    const Ran looked =
        program("inspect --json --on motion --clips 11 --threads " + threads + " " + encoder);
    EXPECT_EQ(looked.status, 0) << looked.err;
    return nlohmann::json::parse(looked.out).at("features");
  };
  const auto found = features("1");
  EXPECT_EQ(found, features("3"));
  EXPECT_EQ(found.at("clips"), 11);
  EXPECT_GT(found.at("feature_deviation_at_place"), 0);
  EXPECT_GT(found.at("feature_deviation_in_clip"), 0);
  EXPECT_GT(found.at("feature_rank"), 1);
  expect_refusal("inspect --on motion", {"--on", "an encoder", "none"});
  expect_refusal("inspect --on moton " + encoder, {"\"moton\"", "nearest: \"motion\""});

  const std::string bytes = read_file(encoder);
  const std::string cut = write("cut.safetensors", bytes.substr(0, bytes.size() - 100));
  expect_refusal("inspect " + cut, {"cut.safetensors", "truncated"});
  expect_refusal("features --encoder " + cut + " --input " + cut + " --output " + path("f"),
                 {"cut.safetensors"});
  expect_refusal("inspect " + write("short", "abc"),
                 {"short", "safetensors, or a file of torch.save"});
  expect_refusal("features --encoder nope --input x --output " + path("f"),
                 {"--encoder", "\"nope\""});
}

TEST_F(Cli, PretrainingSurvivesKills) {
  const std::string config = tiny_config();
  ASSERT_EQ(
      program("pretrain " + config + " --quiet --out " + path("whole") + " --set steps=40").status,
      0);
  for (int i = 0; i < 4; ++i)
    program("pretrain " + config + " --quiet --out " + path("cut") + " --set steps=40",
            "timeout -s KILL 0." + std::to_string(5 + 2 * i));
  ASSERT_EQ(
      program("pretrain " + config + " --quiet --out " + path("cut") + " --set steps=40").status,
      0);
  EXPECT_EQ(read_file(folder_ / "cut/encoder.safetensors"),
            read_file(folder_ / "whole/encoder.safetensors"));
}

TEST_F(Cli, RefusesFilesThatAreNoVideo) {
  ASSERT_EQ(program("pretrain " + tiny_config() + " --quiet --out " + path("run")).status, 0);
  const std::string encoder = "features --encoder " + path("run/encoder.safetensors") +
                              " --output " + path("f.safetensors") + " --input ";
  expect_refusal(encoder + write("text.mp4", "this is no video"), {"text.mp4"});
  expect_refusal(encoder + write("empty.mp4", ""), {"empty.mp4"});
  expect_refusal(encoder + path("absent.mp4"), {"absent.mp4"});
  EXPECT_FALSE(fs::exists(folder_ / "f.safetensors"));
}

TEST_F(Cli, RefusesBrokenManifests) {
  ASSERT_EQ(program("pretrain " + tiny_config() + " --quiet --out " + path("run")).status, 0);
  const std::string probe = "probe --encoder " + path("run/encoder.safetensors") + " --out " +
                            path("o") + " --task " +
                            write("mine.json", R"({"name": "mine", "kind": "manifest",
                                  "manifest": "clips.csv", "folds": 2})");
  write("a.mp4", "this is no video");
  write("clips.csv", "a.mp4 0\nabsent.mp4 1\n");
  expect_refusal(probe, {"clips.csv:2", "absent.mp4"});
  write("clips.csv", "path,label\na.mp4,0\na.mp4,cat\n");
  // Line 2 has a number for a label, the line behind it a name.
  expect_refusal(probe, {"clips.csv:3", "label", "\"cat\""});
  const std::string config = write("real.json", R"({"objective": "vjepa", "steps": 2, "batch": 4,
                             "real_clips": {"manifest": "clips.txt", "share": 1}})");
  write("clips.txt", "a.mp4\nabsent.mp4\n");
  expect_refusal("pretrain " + config + " --out " + path("p"), {"clips.txt:2", "absent.mp4"});
  EXPECT_FALSE(fs::exists(folder_ / "p"));
  expect_refusal("pretrain " + config + " --data " + path("d") + " --out " + path("p"),
                 {"d/clips.txt"});
  write("clips.txt", "a.mp4\n");
  expect_refusal("pretrain " + config + " --out " + path("p"), {"a.mp4"});
  EXPECT_FALSE(fs::exists(folder_ / "p/encoder.safetensors"));
  EXPECT_FALSE(fs::exists(folder_ / "p/config.json"));
}

TEST_F(Cli, ProbesAnEncoder) {
  ASSERT_EQ(program("pretrain " + tiny_config() + " --quiet --out " + path("run")).status, 0);
  const std::string task =
      write("task.json", R"({"name": "small", "kind": "synthetic", "world": "motion", "train": 48,
                             "test": 16})");
  const Ran run =
      program("probe --encoder " + path("run/encoder.safetensors") + " --task " + task +
              " --head attentive,mean_pool --set epochs=2 --json --quiet --out " + path("o"));
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(nlohmann::json::parse(run.out).at("columns").size(), 2U);
  int records = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder_ / "o/records"))
    ++records;
  EXPECT_EQ(records, 2);
}

TEST_F(Cli, ShowsMasks) {
  const Ran run = program("masks --strategy 'causal_multiblock(6)' --stats --png " + path("m.png"));
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_NE(run.out.find("mask 1"), std::string::npos);
  EXPECT_EQ(read_file(folder_ / "m.png").substr(1, 3), "PNG");
  expect_refusal("masks --strategy diagonal", {"--strategy", "\"diagonal\""});
}

}  // namespace cli_test
}  // namespace permafrost
