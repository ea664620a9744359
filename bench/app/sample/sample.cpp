// SPDX-License-Identifier: Apache-2.0
// permafrost sample: clips out of a denoiser, as files, and how like real ones they are.
#include <ATen/ATen.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/app/commands.h"
#include "bench/app/device.h"
#include "bench/app/sample/real_clips.h"
#include "bench/app/sample/sample_files.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/files/folder_lock.h"
#include "common/machine/progress.h"
#include "common/machine/stop_signal.h"
#include "models/encoders/denoiser_file.h"
#include "models/network/denoiser/sampler.h"
#include "probes/encode/clip_chunk.h"
#include "probes/generation/generation_measures.h"

namespace permafrost {
namespace {

struct SampleCommand {
  std::string denoiser, out, size, solver = "euler", coding = "lossless";
  std::int64_t count = 8, against = 2000;
  int steps = 50, frames = 0, fps = 8;
  std::string measure, suite = "pico", task, data;
};

bool is_number(const std::string& text, int& number) {
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  return read.ec == std::errc() && read.ptr == end && number > 0;
}

// "48" or "48x96", height before width; empty: the denoiser's own.
ClipShape asked_shape(const SampleCommand& command, const ClipShape& own) {
  ClipShape shape = own;
  if (command.frames != 0) shape.frames = command.frames;
  if (command.size.empty()) return shape;
  const auto cross = command.size.find('x');
  const std::string height = command.size.substr(0, cross);
  const std::string width = cross == std::string::npos ? height : command.size.substr(cross + 1);
  if (!is_number(height, shape.height) || !is_number(width, shape.width))
    throw InputError("--size", "", "pixels a side, or HEIGHTxWIDTH", quoted(command.size));
  return shape;
}

DenoiserReading opened(const SampleCommand& command) {
  DenoiserReading reading = load_denoiser(command.denoiser, "DENOISER");
  require_steps(reading.denoiser.spec, command.steps, "--steps");
  const ClipShape shape = asked_shape(command, reading.denoiser.spec.network.clip_shape());
  reading.denoiser = at_size(reading.denoiser, shape, "--frames, --size");
  return reading;
}

Json description_of(const CommonOptions& common, const SampleCommand& command,
                    const DenoiserReading& reading) {
  const ClipShape shape = reading.denoiser.spec.network.clip_shape();
  return {{"denoiser", reading.name}, {"denoiser_sha256", reading.sha256},
          {"seed", common.seed},      {"solver", command.solver},
          {"steps", command.steps},   {"frames", shape.frames},
          {"height", shape.height},   {"width", shape.width},
          {"fps", command.fps},       {"coding", command.coding}};
}

// What --measure needs, so that nothing is sampled where it is not there.
struct Measuring {
  Encoder encoder;
  RealClips clips;
};

std::optional<Measuring> measuring_of(const CommonOptions& common, const SampleCommand& command,
                                      const DenoiserReading& reading) {
  if (command.measure.empty()) {
    if (!command.task.empty()) throw InputError("--task", "", "--measure beside it", "none");
    return std::nullopt;
  }
  const ClipShape shape = reading.denoiser.spec.network.clip_shape();
  Encoder encoder = at_size(load_encoder(command.measure, "--measure"), shape);
  for (const auto& note : encoder.notes) std::fprintf(stderr, "%s\n", note.c_str());
  RealClips clips = command.task.empty() ? clips_of_pretraining(reading.provenance, shape,
                                                                command.against, reading.source)
                                         : clips_of_task(command.suite, command.task, command.data,
                                                         shape, command.against, common.seed);
  return Measuring{std::move(encoder), std::move(clips)};
}

at::Tensor pixels_of_clips(const std::vector<Clip>& clips, std::int64_t count) {
  const ClipShape shape = clips.at(0).shape;
  at::Tensor pixels = at::empty({count, shape.frames, shape.height, shape.width, 3}, at::kByte);
  std::uint8_t* out = pixels.data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < count; ++i)
    out = std::copy_n(clips[static_cast<std::size_t>(i)].pixels.begin(), shape.bytes(), out);
  return pixels;
}

at::Tensor pixels_at(const ClipSource& source, const std::vector<std::int64_t>& indices,
                     const ClipShape& shape, int threads) {
  std::vector<std::string> failures(indices.size());
  auto pixels = read_chunk(source, shape, indices, 1, Views::shown, failures, threads);
  for (const auto& failure : failures)
    if (!failure.empty()) throw InputError("--task", "", "clips that can be read", failure);
  return pixel_tensor(pixels.data(), static_cast<std::int64_t>(indices.size()), shape).clone();
}

GenerationMeasures measured(const Measuring& measuring, const Denoiser& denoiser,
                            const std::vector<Clip>& clips, std::int64_t n, int threads) {
  const ClipShape shape = clips.at(0).shape;
  const auto read = [&](const std::vector<std::int64_t>& indices) {
    return pixels_at(*measuring.clips.source, indices, shape, threads);
  };
  const at::Tensor real = read(measuring.clips.real);
  return measured_generation(measuring.encoder,
                             {.samples = pixels_of_clips(clips, n),
                              .real = real,
                              .other = read(measuring.clips.other),
                              .kept = through_space(denoiser, real),
                              .train = read(measuring.clips.train)},
                             threads);
}

int stopped(const StopSignal& signal, std::size_t clips, std::int64_t wanted) {
  std::fprintf(stderr, "permafrost: stopped by %s after %zu of %lld clips; none was written\n",
               signal.name(), clips, static_cast<long long>(wanted));
  return signal.exit_status();
}

int run(const CommonOptions& common, const SampleCommand& command) {
  const DenoiserReading reading = opened(command);
  const auto measuring = measuring_of(common, command, reading);
  const std::filesystem::path out = command.out;
  const Json description = description_of(common, command, reading);
  const StopSignal signal;
  claim_sample_folder(out, description);
  const FolderLock lock(out, "--out");

  const std::int64_t wanted = measuring ? std::max(command.count, command.against) : command.count;
  const int threads = common.thread_count();
  Progress progress("sample", wanted, "clips", common.quiet);
  Sampling sampling{.seed = common.seed, .threads = threads};
  sampling.solver = {.solver = command.solver == "heun" ? Solver::heun : Solver::euler,
                     .steps = command.steps,
                     .stop = [&] { return signal.asked(); }};
  sampling.done = [&](std::int64_t clips) { progress.advance(clips); };
  const Denoiser placed = to_device(reading.denoiser, at::Device(chosen_device(common.device)));
  std::vector<Clip> clips = sampled_clips(placed, sampling, wanted);
  progress.finish();
  if (static_cast<std::int64_t>(clips.size()) < wanted)
    return stopped(signal, clips.size(), wanted);

  std::optional<GenerationMeasures> measures;
  if (measuring) measures = measured(*measuring, reading.denoiser, clips, command.against, threads);
  clips.resize(static_cast<std::size_t>(command.count));
  const SampleFiles files = write_samples(
      out, clips,
      {.coding = command.coding == "lossless" ? VideoCoding::lossless : VideoCoding::h264,
       .fps = command.fps},
      threads);
  Json result = description;
  result["clips"] = files.clips;
  result["sheet"] = files.sheet;
  if (measures) {
    result["measures"] = to_json(*measures);
    result["measures"]["against"] = measuring->clips.name;
    write_file_atomically(out / "measures.json", result["measures"].dump(2) + "\n");
  }
  if (common.json) {
    std::printf("%s\n", json_text(result).c_str());
    return 0;
  }
  std::printf("%zu clips of %d frames of %dx%d in %s; %s shows them\n", files.clips.size(),
              clips[0].shape.frames, clips[0].shape.height, clips[0].shape.width,
              command.out.c_str(), files.sheet.c_str());
  if (measures)
    std::printf("\nagainst %s:\n\n%s", measuring->clips.name.c_str(), text_of(*measures).c_str());
  return 0;
}

void add_measure_flags(CLI::App* sub, const std::shared_ptr<SampleCommand>& command) {
  sub->add_option("--measure", command->measure,
                  "frozen encoder (zoo name, file or folder) by whose features samples and real "
                  "clips are compared");
  sub->add_option("--against", command->against, "how many samples and real clips are compared")
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{100'000}))
      ->capture_default_str();
  sub->add_option(
      "--task", command->task,
      "task whose clips are the real ones; else the synthetic clips of the pretraining");
  sub->add_option("--suite", command->suite, "suite in which the task is looked up")
      ->capture_default_str();
  sub->add_option("--data", command->data, "folder of real datasets");
}

}  // namespace

void add_sample(CommandLine& line) {
  const auto command = std::make_shared<SampleCommand>();
  CLI::App* sub = line.add("sample", "clips out of a denoiser, and how like real ones they are",
                           [&line, command] { return run(line.common(), *command); });
  sub->add_option("denoiser", command->denoiser, "denoiser.safetensors, or one of the zoo")
      ->required();
  sub->add_option("--out", command->out, "folder to write")->required();
  sub->add_option("--count", command->count, "clips that are written")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100'000}))
      ->capture_default_str();
  sub->add_option("--steps", command->steps, "steps from noise to a clip")->capture_default_str();
  sub->add_option("--solver", command->solver, "heun: two looks a step")
      ->check(CLI::IsMember({"euler", "heun"}))
      ->capture_default_str();
  sub->add_option("--frames", command->frames, "frames of a clip, other than the denoiser's")
      ->check(CLI::Range(1, 1024));
  sub->add_option("--size", command->size,
                  "pixels a side, or HEIGHTxWIDTH, other than the denoiser's");
  sub->add_option("--fps", command->fps, "frames per second")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->add_option("--coding", command->coding, "h264: 4:2:0, which every player shows")
      ->check(CLI::IsMember({"lossless", "h264"}))
      ->capture_default_str();
  add_measure_flags(sub, command);
}

}  // namespace permafrost
