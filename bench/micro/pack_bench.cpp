// SPDX-License-Identifier: Apache-2.0
// How fast clips come out of packs, and out of the videos that these were made of. Before anything
// is timed, the raw pack must give the pixels of the videos, and the JPEG pack pixels near them.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "common/files/files.h"
#include "datasets/clips/pack_source.h"
#include "datasets/clips/source.h"
#include "datasets/packing/pack_writer.h"
#include "datasets/rendered/video_writer.h"
#include "datasets/synthetic/source.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;

constexpr int kVideos = 8, kFrames = 64, kStored = 128;
constexpr double kMostError = 100;  // squared steps of 255: 28 dB
const VideoOptions kOptions{.shape = {16, 112, 112}, .frame_step = 4};

// H.264 videos of 64 frames of 240x240, packed with a short side of 128 and read as 16 frames of
// 112x112 behind a resize to 128: the frames that the view asks for.
struct Fixture {
  Fixture() {
    std::string list;
    const synthetic::TaskSource source(synthetic::SyntheticTask::motion, synthetic::Split::test,
                                       kVideos, {kFrames, 240, 240});
    for (int k = 0; k < kVideos; ++k) {
      const std::string name = std::to_string(k) + ".mp4";
      write_file_atomically(folder / name, encode_video(source.read(k, 0, 1).clip,
                                                        {.coding = VideoCoding::h264, .fps = 30}));
      list += name + " " + std::to_string(k) + "\n";
    }
    write_file_atomically(folder / "list.csv", list);
    const Manifest manifest = read_manifest(folder / "list.csv");
    VideoOptions options = kOptions;
    options.short_side = kStored;
    files = std::make_unique<ManifestSource>(manifest, options);
    const auto packed = [&](const char* name, PackCoding coding) {
      write_pack(manifest, "list.csv", folder / name,
                 {.spec = {.coding = coding, .short_side = kStored}, .shard_samples = 4});
      return std::make_unique<PackSource>(folder / name, read_manifest(folder / name), options);
    };
    raw = packed("raw", PackCoding::raw);
    jpeg = packed("jpeg", PackCoding::jpeg);
    verify();
  }
  ~Fixture() { fs::remove_all(folder); }

  void verify() const {
    for (int k = 0; k < kVideos; ++k) {
      const Clip video = files->read(k, 0, 1).clip, near = jpeg->read(k, 0, 1).clip;
      double squares = 0;
      for (std::size_t i = 0; i < video.pixels.size(); ++i)
        squares += std::pow(double{1} * video.pixels[i] - near.pixels[i], 2);
      // Most of it is colour at half the resolution.
      const double error = squares / static_cast<double>(video.pixels.size());
      const bool is_near = error < kMostError;
      if (video.pixels.empty() || raw->read(k, 0, 1).clip.pixels != video.pixels || !is_near) {
        std::fprintf(stderr,
                     "pack_bench: a pack does not give the pixels of the video (JPEG: mean squared "
                     "error %.1f)\n",
                     error);
        std::exit(1);
      }
    }
  }

  const fs::path folder = fs::temp_directory_path() / "permafrost_pack_bench";
  std::unique_ptr<ClipSource> files, raw, jpeg;
};

const Fixture& fixture() {
  static const Fixture made;
  return made;
}

void read(benchmark::State& state, const std::unique_ptr<ClipSource> Fixture::*source) {
  const ClipSource& clips = *(fixture().*source);
  std::int64_t index = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(clips.read(index++ % kVideos, 0, 1).clip.pixels.data());
  state.counters["clips/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(read, video, &Fixture::files)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(read, raw_pack, &Fixture::raw)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(read, jpeg_pack, &Fixture::jpeg)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace permafrost

BENCHMARK_MAIN();
