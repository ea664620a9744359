// SPDX-License-Identifier: Apache-2.0
// permafrost haystack, as a user runs it.
#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "models/encoders/encoder.h"
#include "probes/testing/test_clips.h"

namespace permafrost {
namespace haystack_cli_test {
namespace fs = std::filesystem;

class HaystackCli : public Cli {
 protected:
  HaystackCli() {
    EncoderSpec spec = tiny_spec();
    spec.depth = 1;
    Encoder encoder = random_encoder(spec, 1);
    save_encoder(folder_ / "e.safetensors", encoder.weights, spec, nullptr, false);
  }
  static constexpr const char* kSmall =
      " --needles 16 --hay 32 --train-needles 32 --train-hay 32 --steps 4 --lengths 56,560 "
      "--train-lengths 56 --quiet ";
};

TEST_F(HaystackCli, WritesGridsTablesAndFiguresOfEveryEncoder) {
  const std::string command =
      "haystack " + path("e.safetensors") + " raw-pixels random-init --out " + path("out") + kSmall;
  const Ran run = program(command + "--json");
  ASSERT_EQ(run.status, 0) << run.err;
  const Json json = Json::parse(run.out);
  ASSERT_EQ(json.at("results").size(), 3U);
  EXPECT_EQ(json.at("results")[1].at("encoder"), "raw-pixels");
  // Floors are made like the first encoder that is none.
  EXPECT_EQ(json.at("results")[2].at("encoder_spec").at("width"), 16);
  EXPECT_EQ(json.at("spec").at("lengths"), (Json{56, 560}));
  for (const char* name : {"haystack.json", "haystack.csv", "table111.md", "table111.csv",
                           "haystack.svg", "haystack-length.svg"})
    EXPECT_TRUE(fs::is_regular_file(folder_ / "out" / name)) << name;
  // 3 encoders, 5 readings, 2 lengths, 10 depths.
  const std::string csv = read_file(folder_ / "out/haystack.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 3 * 5 * 2 * 10);
  // The same again, by other threads.
  const std::string before = read_file(folder_ / "out/haystack.csv");
  ASSERT_EQ(program(command + "--threads 3").status, 0);
  EXPECT_EQ(read_file(folder_ / "out/haystack.csv"), before);
}

TEST_F(HaystackCli, LeavesFilmsAndSaysWhatWasDecoded) {
#ifndef PERMAFROST_FFMPEG
  GTEST_SKIP() << "built without FFmpeg";
#endif
  const Ran run = program("haystack " + path("e.safetensors") + " raw-pixels --out " + path("out") +
                          kSmall + "--films 3 --film-minutes 1 --json");
  ASSERT_EQ(run.status, 0) << run.err;
  // Of both encoders, whose clips have one shape: the same films.
  const Json report = Json::parse(run.out);
  for (const auto& result : report.at("results")) {
    const Json& films = result.at("films");
    EXPECT_EQ(films.at("films"), 3);
    EXPECT_EQ(films.at("frames"), 60);
    EXPECT_GT(films.at("token_change").get<double>(), 0);
    EXPECT_LT(films.at("token_change").get<double>(), 1);
  }
  EXPECT_NE(read_file(folder_ / "out/table111.md").find("decoded from H.264"), std::string::npos);
  // What features --window reads of them.
  const Ran features = program(
      "features --encoder " + path("e.safetensors") + " --window 4 --frame-step 1 --input " +
      path("out/films/4x16x16/film-002.mp4") + " --output " + path("f") + " --json --quiet");
  ASSERT_EQ(features.status, 0) << features.err;
  EXPECT_EQ(Json::parse(features.out).at("frames"), 60);
}

TEST_F(HaystackCli, RefusesWhatItCannotDo) {
  const std::string start = "haystack " + path("e.safetensors") + " --out " + path("out") + kSmall;
  expect_refusal("haystack nothing --out " + path("out"), {"ENCODER", "nothing"});
  expect_refusal(start + "--memory 0.00001", {"pools of clips", "GB of memory"});
  expect_refusal(start + "--full 56 --task needle_time", {"--full"});
  expect_refusal("haystack " + path("e.safetensors") + " --out " + path("out") + " --needles 7",
                 {"--needles", "a multiple of 8"});
  expect_refusal(start + "--films 17", {"--films", "at most as many as --needles, 16", "17"});
  fs::create_directories(folder_ / "out");
  write("out/films", "a file");
  expect_refusal(start + "--films 1", {"--films", "a folder that can be written to", "out/films"});
  write("costs", "{}\n");
  expect_refusal(start + "--costs " + path("costs"), {"costs:1", "features --window --json"});
}

}  // namespace haystack_cli_test
}  // namespace permafrost
