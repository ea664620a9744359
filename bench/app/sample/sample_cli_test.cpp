// SPDX-License-Identifier: Apache-2.0
// permafrost sample as a user runs it, on a small denoiser with weights of no training.
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/testing/cli_fixture.h"
#include "datasets/video/decoder.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/denoiser_file.h"
#include "models/testing/toy_denoiser.h"

namespace permafrost {
namespace sample_cli_test {
namespace fs = std::filesystem;

class SampleCli : public Cli {
 protected:
  SampleCli() {
    write_denoiser("d.safetensors", Parametrisation::flow,
                   {{"config", {{"objective", "denoise"}}}, {"clips", 30}});
    EncoderSpec spec = toy::denoiser_spec().network;
    spec.depth = 1;
    Encoder encoder = random_encoder(spec, 2);
    save_encoder(path("e.safetensors"), encoder.weights, spec, {}, false);
  }

  void write_denoiser(const std::string& name, Parametrisation parametrisation,
                      const Json& provenance) const {
    Denoiser denoiser;
    denoiser.spec = toy::denoiser_spec(parametrisation);
    denoiser.weights = toy::denoiser(denoiser.spec);
    denoiser.space = measured_space(SpaceKind::pca, denoiser.spec.outputs,
                                    toy::denoiser_patches(denoiser.spec).flatten(0, 1), "test");
    auto metadata = denoiser_metadata(denoiser);
    metadata["provenance"] = provenance.dump();
    write_safetensors(path(name), denoiser_tensors(denoiser), metadata);
  }

  Ran sample(const std::string& out, const std::string& rest = "") const {
    return program("sample " + path("d.safetensors") + " --steps 3 --quiet --out " + path(out) +
                   " " + rest);
  }

  // The files of a folder with their bytes.
  std::map<std::string, std::string> files(const std::string& folder) const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::directory_iterator(path(folder)))
      if (entry.path().filename() != ".lock")
        found[entry.path().filename().string()] = read_file(entry.path());
    return found;
  }
};

TEST_F(SampleCli, WritesClipsAndASheet) {
  const Ran run = sample("a", "--count 3 --json");
  ASSERT_EQ(run.status, 0) << run.err;
  const Json json = parse_json(run.out, "stdout");
  ASSERT_EQ(json.at("clips").size(), 3U);
  EXPECT_EQ(json.at("clips")[2], path("a/sample-000002.mp4"));
  EXPECT_EQ(json.at("sheet"), path("a/sheet.png"));
  EXPECT_EQ(json.at("denoiser"), "d");
  EXPECT_EQ(json.at("frames"), 4);
  EXPECT_FALSE(json.contains("measures"));
  const auto found = files("a");
  EXPECT_EQ(found.size(), 5U);  // three clips, the sheet, samples.json
  EXPECT_EQ(found.at("sheet.png").substr(1, 3), "PNG");
  EXPECT_NE(found.at("sample-000000.mp4"), found.at("sample-000001.mp4"));
  const VideoInfo video = probe_video(path("a/sample-000000.mp4"));
  EXPECT_EQ(video.width, 8);
}

TEST_F(SampleCli, BytesDependOnSeedAndNumberAlone) {
  ASSERT_EQ(sample("a", "--count 11 --threads 1").status, 0);
  const auto expected = files("a");
  for (const char* threads : {"2", "3"}) {
    ASSERT_EQ(sample(threads, std::string("--count 11 --threads ") + threads).status, 0);
    EXPECT_EQ(files(threads), expected) << threads;
  }
  ASSERT_EQ(sample("few", "--count 2").status, 0);
  EXPECT_EQ(files("few").at("sample-000001.mp4"), expected.at("sample-000001.mp4"));
  ASSERT_EQ(sample("seed", "--count 2 --seed 2").status, 0);
  EXPECT_NE(files("seed").at("sample-000001.mp4"), expected.at("sample-000001.mp4"));
  ASSERT_EQ(sample("heun", "--count 2 --solver heun").status, 0);
  EXPECT_NE(files("heun").at("sample-000001.mp4"), expected.at("sample-000001.mp4"));
  // More of the same go into the folder of the first.
  ASSERT_EQ(sample("few", "--count 11").status, 0);
  EXPECT_EQ(files("few"), expected);
}

TEST_F(SampleCli, TakesAnyGridOfPatches) {
  const Ran run = sample("a", "--count 1 --frames 6 --size 12x20 --json");
  ASSERT_EQ(run.status, 0) << run.err;
  const VideoInfo video = probe_video(path("a/sample-000000.mp4"));
  EXPECT_EQ(video.width, 20);
  EXPECT_EQ(video.height, 12);
  EXPECT_EQ(sample("image", "--count 1 --frames 2 --size 16 --coding h264").status, 0);
  expect_refusal("sample " + path("d.safetensors") + " --frames 3 --out " + path("b"),
                 {"frames: expected a multiple of 2", "found 3"});
  expect_refusal("sample " + path("d.safetensors") + " --size 8x10 --out " + path("b"),
                 {"width: expected a multiple of 4", "found 10"});
  expect_refusal("sample " + path("d.safetensors") + " --size big --out " + path("b"),
                 {"--size: expected pixels a side, or HEIGHTxWIDTH, found \"big\""});
  EXPECT_FALSE(fs::exists(path("b")));
}

TEST_F(SampleCli, SamplesDdpm) {
  write_denoiser("d.safetensors", Parametrisation::eps, {});
  ASSERT_EQ(sample("a", "--count 1").status, 0);
  ASSERT_EQ(sample("b", "--count 1 --solver heun").status, 0);
  EXPECT_NE(files("a").at("sheet.png"), files("b").at("sheet.png"));
  expect_refusal("sample " + path("d.safetensors") + " --steps 1001 --out " + path("c"),
                 {"--steps: expected 1 to 1000 steps, found 1001"});
}

TEST_F(SampleCli, MeasuresSamplesAgainstClipsOfThePretraining) {
  const std::string rest = "--count 2 --measure " + path("e.safetensors") + " --against 20";
  const Ran run = sample("a", rest + " --json --threads 1");
  ASSERT_EQ(run.status, 0) << run.err;
  const Json measures = parse_json(run.out, "stdout").at("measures");
  EXPECT_EQ(measures.at("clips"), 20);
  EXPECT_EQ(measures.at("training_clips"), 20);
  EXPECT_GT(measures.at("samples").at("frechet_distance"),
            measures.at("real").at("frechet_distance"));
  EXPECT_TRUE(measures.at("real_in_space").at("frechet_distance").is_number());
  EXPECT_EQ(read_json(path("a/measures.json")), measures);
  EXPECT_EQ(files("a").size(), 5U);  // two clips, the sheet, samples.json and the measures
  const Ran text = sample("b", rest + " --threads 3");
  ASSERT_EQ(text.status, 0) << text.err;
  EXPECT_EQ(files("b"), files("a"));
  for (const char* row : {"Frechet distance", "power over space", "power over time",
                          "squared difference of frames", "nearest of 20 training clips"})
    EXPECT_NE(text.out.find(row), std::string::npos) << row << text.out;
}

TEST_F(SampleCli, RealClipsAreOfTheWorldOfThePretraining) {
  const std::string rest = "--count 1 --measure " + path("e.safetensors") + " --against 10 --json";
  const auto measures = [&](const std::string& out) {
    const Ran run = sample(out, rest);
    EXPECT_EQ(run.status, 0) << run.err;
    return parse_json(run.out, "stdout").at("measures").at("samples");
  };
  const Json first = measures("a");
  EXPECT_EQ(measures("b"), first);
  write_denoiser("d.safetensors", Parametrisation::flow,
                 {{"config", {{"objective", "denoise"}, {"world_version", 2}}}, {"clips", 30}});
  EXPECT_NE(measures("c"), first);
}

TEST_F(SampleCli, MeasuresSamplesAgainstATask) {
  const std::string measure = "sample " + path("d.safetensors") +
                              " --steps 2 --count 1 --quiet --measure " + path("e.safetensors");
  const std::string task = " --task " + write("t.json", R"({"name": "m", "kind": "synthetic",
    "world": "motion", "train": 24, "test": 12})");
  const Ran run = program(measure + task + " --against 10 --json --out " + path("a"));
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(parse_json(run.out, "stdout").at("measures").at("against"), "the task m");
  expect_refusal(measure + task + " --against 13 --out " + path("b"),
                 {"--against: expected at most the 12 clips of the smaller side of m", "found 13"});
  expect_refusal("sample " + path("d.safetensors") + task + " --out " + path("b"),
                 {"--task: expected --measure beside it"});
  write_denoiser("d.safetensors", Parametrisation::flow, {});
  expect_refusal(measure + " --out " + path("b"), {"d.safetensors: provenance", "--task names"});
  write_denoiser("d.safetensors", Parametrisation::flow,
                 {{"config", {{"real_clips", {{"manifest", "a.csv"}}}}}, {"clips", 30}});
  expect_refusal(measure + " --out " + path("b"), {"found one on lists of clips", "--task names"});
  EXPECT_FALSE(fs::exists(path("b")));
}

TEST_F(SampleCli, RefusesWhatItCannotSample) {
  const std::string end = " --out " + path("b");
  expect_refusal("sample " + path("e.safetensors") + end,
                 {"e.safetensors: metadata format: expected \"permafrost.denoiser.1\"",
                  "found \"permafrost.encoder.1\""});
  expect_refusal("sample no/such" + end, {"DENOISER: expected a denoiser", "\"no/such\""});
  const std::string start = "sample " + path("d.safetensors") + end;
  expect_refusal(start + " --steps 0", {"--steps: expected 1 to 100000 steps, found 0"});
  expect_refusal(start + " --solver rk4", {"--solver", "euler", "heun"});
  expect_refusal(start + " --count 0", {"--count"});
  expect_refusal(start + " --measure no/such", {"--measure: expected", "\"no/such\""});
  EXPECT_FALSE(fs::exists(path("b")));
}

TEST_F(SampleCli, RefusesAFolderOfOtherThings) {
  write("b/notes.txt", "mine");
  expect_refusal("sample " + path("d.safetensors") + " --out " + path("b"),
                 {"--out: ", "a folder that holds other files"});
  EXPECT_EQ(files("b").size(), 1U);
  ASSERT_EQ(sample("a", "--count 1").status, 0);
  const auto before = files("a");
  expect_refusal("sample " + path("d.safetensors") + " --steps 4 --out " + path("a"),
                 {"samples.json", "\"steps\":3", "give another folder"});
  EXPECT_EQ(files("a"), before);
}

TEST_F(SampleCli, StopsBetweenSteps) {
  const std::string out = path("a"), errors = path("stderr"), denoiser = path("d.safetensors");
  const pid_t child = ::fork();
  if (child == 0) {
    std::freopen(errors.c_str(), "w", stderr);
    ::execl(PERMAFROST_PROGRAM, "permafrost", "sample", denoiser.c_str(), "--out", out.c_str(),
            "--steps", "100000", "--count", "1", "--quiet", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  for (int wait = 0; wait < 1200 && !fs::exists(out + "/samples.json"); ++wait)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ::kill(child, SIGTERM);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 143);
  const std::string said = read_file(errors);
  EXPECT_NE(said.find("stopped by SIGTERM after 0 of 1 clips"), std::string::npos) << said;
  EXPECT_EQ(files("a").size(), 1U);  // samples.json
}

}  // namespace sample_cli_test
}  // namespace permafrost
