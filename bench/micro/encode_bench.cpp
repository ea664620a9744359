// SPDX-License-Identifier: Apache-2.0
// How fast a frozen encoder encodes clips that are in memory, from bytes to tokens:
//
//   encode_bench --size pico --clips 64 --threads 2
//
// prints a line of JSON with the milliseconds of a clip. --write FILE measures nothing and leaves
// there what scripts/lib/encode_step.py needs to do the same: weights, pixels, and the tokens to
// check against.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "bench/micro/pico_sizes.h"
#include "bench/records/build_info.h"
#include "common/error.h"
#include "common/json/json_object.h"
#include "common/machine/core_seconds.h"
#include "common/machine/stopwatch.h"
#include "datasets/clips/clip_source.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/encoder.h"
#include "probes/encode/features.h"

namespace permafrost {
namespace {

struct Options {
  std::string size = "pico", write;
  int clips = 64, threads = 1, rounds = 3;
};

// ViT-S/16 on 16 frames of 224x224.
EncoderSpec vit_s() {
  EncoderSpec spec;
  spec.width = 384;
  spec.depth = 12;
  spec.heads = 6;
  spec.frames = 16;
  spec.height = spec.image_width = 224;
  spec.patch = 16;
  return spec;
}

// Random pixels.
class ClipsInMemory : public ClipSource {
 public:
  ClipsInMemory(int clips, const ClipShape& shape) {
    RandomStream stream({.seed = 1, .purpose = "bench"});
    for (int k = 0; k < clips; ++k) {
      Clip clip(shape);
      for (auto& value : clip.pixels) value = static_cast<std::uint8_t>(stream.integer(256));
      clips_.push_back(std::move(clip));
    }
  }
  std::int64_t size() const override { return static_cast<std::int64_t>(clips_.size()); }
  Target target(std::int64_t) const override { return 0; }
  std::string name(std::int64_t index) const override { return std::to_string(index); }
  std::string identity() const override { return "random pixels"; }
  Sample read(std::int64_t index, int, int) const override {
    return {clips_[static_cast<std::size_t>(index)], ""};
  }
  const Clip& clip(std::int64_t index) const { return clips_[static_cast<std::size_t>(index)]; }

 private:
  std::vector<Clip> clips_;
};

struct Bench {
  Encoder encoder;
  ClipsInMemory source;
  std::vector<std::int64_t> samples;

  explicit Bench(const Options& options)
      : encoder(random_encoder(options.size == "pico" ? pico_encoder() : vit_s(), 1)),
        source(options.clips, encoder.spec.clip_shape()),
        samples(static_cast<std::size_t>(options.clips)) {
    std::iota(samples.begin(), samples.end(), 0);
  }
  at::Tensor tokens(int threads) const {
    std::vector<std::string> failures;
    return encode_raw(encoder, source, samples, {.threads = threads}, failures);
  }
};

void write(const Options& options) {
  Bench bench(options);
  const EncoderSpec& spec = bench.encoder.spec;
  const Json json{{"width", spec.width}, {"depth", spec.depth},        {"heads", spec.heads},
                  {"patch", spec.patch}, {"tubelet", spec.tubelet},    {"norm_eps", spec.norm_eps},
                  {"mean", spec.mean},   {"deviation", spec.deviation}};
  NamedTensors tensors;
  for (const auto& [name, tensor] : named_tensors(bench.encoder.weights))
    tensors.emplace_back("encoder." + name, tensor);
  if (!bench.encoder.weights.pos_is_weight)
    tensors.emplace_back("encoder.pos_embed", bench.encoder.weights.pos_embed);
  std::vector<at::Tensor> pixels;
  for (const auto k : bench.samples)
    pixels.push_back(at::tensor(at::ArrayRef<std::uint8_t>(bench.source.clip(k).pixels), at::kByte)
                         .view({spec.frames, spec.height, spec.image_width, 3}));
  tensors.emplace_back("pixels", at::stack(pixels));
  tensors.emplace_back("tokens", bench.tokens(1).slice(0, 0, 2));
  write_safetensors(options.write, tensors, {{"step", json.dump()}});
}

OrderedJson time_of(const Options& options) {
  const Bench bench(options);
  bench.tokens(options.threads);
  const double start = core_seconds();
  const Stopwatch watch;
  for (int round = 0; round < options.rounds; ++round) bench.tokens(options.threads);
  const double count = static_cast<double>(options.rounds) * options.clips;
  const double seconds = watch.seconds(), processor = core_seconds() - start;
  const BuildInfo build = build_info();
  return {{"clip_ms", seconds / count * 1e3}, {"processor_ms", processor / count * 1e3},
          {"clips", options.clips},           {"threads", options.threads},
          {"version", build.version},         {"commit", build.commit},
          {"libtorch", build.libtorch},       {"processor", build.processor}};
}

void add_options(CLI::App& app, Options& options) {
  const auto positive = CLI::Range(1, 1 << 20);
  app.add_option("--size", options.size, "pico, or vits: ViT-S/16 on 16x224x224")
      ->check(CLI::IsMember({"pico", "vits"}));
  app.add_option("--clips", options.clips, "that are encoded together")->check(positive);
  app.add_option("--threads", options.threads, "of the program")->check(positive);
  app.add_option("--rounds", options.rounds, "over the clips, after one that is not timed")
      ->check(positive);
  app.add_option("--write", options.write, "inputs for encode_step.py");
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) {
  CLI::App app("milliseconds of a clip that a frozen encoder encodes");
  permafrost::Options options;
  permafrost::add_options(app, options);
  try {
    app.parse(argc, argv);
    at::set_num_threads(1);
    if (options.write.empty())
      std::printf("%s\n", permafrost::time_of(options).dump().c_str());
    else
      permafrost::write(options);
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "encode_bench: %s\n", error.what());
    return 2;
  } catch (const permafrost::Error& error) {
    std::fprintf(stderr, "encode_bench: %s\n", error.what());
    return error.exit_status();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "encode_bench: internal error: %s\n", error.what());
    return 1;
  }
}
