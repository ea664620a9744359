// SPDX-License-Identifier: Apache-2.0
// permafrost features --window, as a user runs it.
#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "common/testing/sanitizers.h"
#include "datasets/clips/long_video.h"
#include "datasets/rendered/video_writer.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/encoder.h"
#include "models/testing/test_support.h"
#include "probes/testing/test_clips.h"

namespace permafrost {
namespace long_features_cli_test {

class LongFeaturesCli : public Cli {
 protected:
  LongFeaturesCli() {
    const EncoderSpec spec = tiny_spec();
    Encoder encoder = random_encoder(spec, 1);
    save_encoder(folder_ / "e.safetensors", encoder.weights, spec, nullptr, false);
  }

  std::string command(const std::string& rest) const {
    return "features --encoder " + path("e.safetensors") + " --output " + path("out") + " " + rest;
  }
  Json features(const std::string& rest) const {
    const Ran run = program(command(rest) + " --json --quiet");
    EXPECT_EQ(run.status, 0) << run.err;
    return run.status == 0 ? Json::parse(run.out) : Json();
  }
  SafetensorsFile output() const { return read_safetensors(path("out")); }
  at::Tensor tensor(const std::string& name = "features") const {
    return output().tensor(name, "out").clone();
  }
};

TEST_F(LongFeaturesCli, AVideoFileGivesWhatItsFramesGive) {
#ifndef PERMAFROST_FFMPEG
  GTEST_SKIP() << "built without FFmpeg";
#endif
  Clip film(ClipShape{26, 16, 16});
  std::size_t at = 0;
  long_video_of_world({synthetic::SyntheticTask::motion, synthetic::Split::test, 0}, {4, 16, 16},
                      26)
      .show([&](std::int64_t, const std::uint8_t* pixels) {
        at = static_cast<std::size_t>(
            std::copy_n(pixels, film.frame_bytes(),
                        film.pixels.begin() + static_cast<std::ptrdiff_t>(at)) -
            film.pixels.begin());
      });
  write_file_atomically(folder_ / "film.mp4", encode_video(film, {.fps = 8}));
  const std::string video = "--input " + path("film.mp4") + " --frame-step 1 ";
  for (const char* rest :
       {"--window 4", "--window 8 --stride 2", "--window full", "--window 4 --pool window"}) {
    SCOPED_TRACE(rest);
    const Json said = features(video + rest);
    const at::Tensor decoded = tensor(), frames = tensor("frames");
    EXPECT_EQ(said.at("frames"), 26);
    const auto metadata = output().metadata;
    EXPECT_EQ(metadata.at("fps"), "8.0");
    features(std::string("--input synthetic:motion --frames 26 ") + rest);
    EXPECT_TRUE(decoded.equal(tensor()));
    EXPECT_TRUE(frames.equal(tensor("frames")));
  }
}

TEST_F(LongFeaturesCli, MemoryDoesNotGrowWithTheLength) {
  SKIP_WITHOUT_MEMORY_FIGURES();
  const std::string start = "--input synthetic:motion --window 4 --frames ";
  const Json small = features(start + "400"), large = features(start + "24000");
  EXPECT_EQ(large.at("kept_tokens"), 60 * small.at("kept_tokens").get<int>());
  EXPECT_EQ(large.at("shape"), (Json{6000, 8, 16}));
  // The pixels alone are 18 MB.
  EXPECT_LT(
      large.at("peak_memory_bytes").get<double>() - small.at("peak_memory_bytes").get<double>(),
      6e6);
}

TEST_F(LongFeaturesCli, SaysWhatDoesNotFitBeforeItRuns) {
  const std::string start = "--input synthetic:motion ";
  expect_refusal(command(start + "--frames 4000000 --window full --memory 0.5"),
                 {"--window full: synthetic:motion: expected", "for 8000000 tokens at once",
                  "found 0.5 GB", "--window 4 takes the same memory"});
  expect_refusal(command(start + "--frames 400 --window 4 --memory 0.000001"),
                 {"--window: expected", "GB of memory", "fewer --threads"});
  expect_refusal(command(start + "--frames 3 --window 4"), {"at least a window of 4, found 3"});
  EXPECT_FALSE(std::filesystem::exists(path("out")));
}

TEST_F(LongFeaturesCli, RefusesFlagsThatDoNotGoTogether) {
  const std::string start = "--input synthetic:motion --frames 40 ";
  expect_refusal(command(start), {"--frames: expected --window beside it"});
  expect_refusal(command("--input a.mp4 --stride 4"), {"--stride: expected --window beside it"});
  expect_refusal(command(start + "--window x"), {"--window: expected a number of frames, or full"});
  expect_refusal(command(start + "--window 0"), {"--window: expected a number of frames, or full"});
  expect_refusal(command("--input synthetic:motion --window 4"), {"--frames", "found none"});
  expect_refusal(command("--input synthetic:moton --window 4 --frames 8"),
                 {"--input", "nearest: motion"});
  expect_refusal(command(start + "--window full --stride 4"), {"--stride"});
  expect_refusal(command(start + "--window 4 --layers 0"), {"--layers"});
  expect_refusal(command(start + "--window 4 --pool window --tokens all"), {"--pool"});
  expect_refusal(command(start + "--window 4 --size 8,16,16"), {"--size", "--window, 4"});
  expect_refusal(command(start + "--window 3"), {"frames", "multiple"});
  expect_refusal(command("--input x.safetensors --window 4"), {"x.safetensors", "a tensor"});
  EXPECT_FALSE(std::filesystem::exists(path("out")));
}

}  // namespace long_features_cli_test
}  // namespace permafrost
