// SPDX-License-Identifier: Apache-2.0
// How fast clips are read from files: 16 frames of every 4th, short side 256, centre 224x224, as
// normalised floats [3,16,224,224]; clips a second by the number of threads, one file a thread.
//
//   PERMAFROST_CLIPS=list.tsv decode_bench [--write FOLDER]
//
// A line of the list is "path<TAB>first frame". Every clip is first read the plain way, from the
// start of its file, and compared. --write puts the bytes [16,224,224,3] of each clip there, for
// scripts/compare_decoders, and measures nothing.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "common/files/files.h"
#include "common/machine/parallel.h"
#include "datasets/clips/normalised_clip.h"
#include "datasets/video/decoder.h"

namespace permafrost {
namespace {

constexpr int kFrames = 16, kSide = 224;

struct ClipStart {
  std::string path;
  std::int64_t first = 0;
};

std::vector<ClipStart> places() {
  std::vector<ClipStart> all;
  const char* list = std::getenv("PERMAFROST_CLIPS");
  if (list == nullptr) return all;
  std::ifstream file(list);
  for (std::string line; std::getline(file, line);) {
    const std::size_t tab = line.rfind('\t');
    if (tab == std::string::npos) throw std::runtime_error(line + ": expected path<TAB>frame");
    all.push_back({line.substr(0, tab), std::stoll(line.substr(tab + 1))});
  }
  return all;
}

Clip read(const ClipStart& place, bool random_access, DecodeStatistics& statistics) {
  const FrameRule rule = [&](std::int64_t frames) {
    std::vector<std::int64_t> indices;
    for (int k = 0; k < kFrames; ++k)
      indices.push_back(std::min<std::int64_t>(place.first + 4 * k, frames - 1));
    return indices;
  };
  const ViewSpec view{.height = kSide, .width = kSide, .short_side = 256};
  return std::move(read_clips(place.path, {clip_request(rule, view)},
                              {.random_access = random_access}, &statistics)
                       .front());
}

// What a clip costs to be ready for an encoder.
void produce(const ClipStart& place, std::vector<float>& out, DecodeStatistics& statistics) {
  const Clip clip = read(place, true, statistics);
  out.resize(clip.shape.bytes());
  normalise(clip, {}, out.data());
}

bool verified(const std::vector<ClipStart>& all) {
  DecodeStatistics ignored;
  std::vector<float> values;
  for (const auto& place : all) {
    const Clip plain = read(place, false, ignored);
    produce(place, values, ignored);
    for (int c = 0; c < 3; ++c)
      for (std::size_t k = 0; k < values.size() / 3; ++k) {
        const PixelNormalisation n;
        const float expected =
            (static_cast<float>(plain.pixels[k * 3 + static_cast<std::size_t>(c)]) / 255 -
             n.mean[c]) /
            n.deviation[c];
        if (std::abs(values[static_cast<std::size_t>(c) * values.size() / 3 + k] - expected) >
            1e-5F)
          return false;
      }
  }
  return true;
}

void read_all(benchmark::State& state) {
  static const std::vector<ClipStart> all = places();
  static const bool right = verified(all);
  if (all.empty()) return state.SkipWithError("PERMAFROST_CLIPS names no list of clips");
  if (!right) return state.SkipWithError("a clip differs from that of plain decoding");
  const int threads = static_cast<int>(state.range(0));
  std::vector<DecodeStatistics> counts(all.size());
  for (auto _ : state) {
    parallel_for(static_cast<std::int64_t>(all.size()), threads, [&](std::int64_t k) {
      thread_local std::vector<float> values;
      produce(all[static_cast<std::size_t>(k)], values, counts[static_cast<std::size_t>(k)]);
      benchmark::DoNotOptimize(values.data());
    });
  }
  const auto clips = static_cast<double>(state.iterations()) * static_cast<double>(all.size());
  DecodeStatistics sum;
  for (const auto& one : counts) {
    sum.decoded += one.decoded;
    sum.decode_seconds += one.decode_seconds;
    sum.scale_seconds += one.scale_seconds;
  }
  state.counters["clips/s"] = benchmark::Counter(clips, benchmark::Counter::kIsRate);
  state.counters["frames/clip"] = static_cast<double>(sum.decoded) / clips;
  state.counters["decode_ms"] = sum.decode_seconds / clips * 1e3;
  state.counters["scale_ms"] = sum.scale_seconds / clips * 1e3;
}
BENCHMARK(read_all)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

void write_all(const std::filesystem::path& folder) {
  DecodeStatistics ignored;
  int number = 0;
  for (const auto& place : places()) {
    const Clip clip = read(place, true, ignored);
    write_file_atomically(folder / (std::to_string(number++) + ".rgb"),
                          std::string(clip.pixels.begin(), clip.pixels.end()));
  }
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) {
  try {
    if (argc == 3 && std::string(argv[1]) == "--write") {
      permafrost::write_all(argv[2]);
      return 0;
    }
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "decode_bench: %s\n", error.what());
    return 2;
  }
  return 0;
}
