// SPDX-License-Identifier: Apache-2.0
#include "bench/app/long_video/long_features.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/app/device.h"
#include "common/error.h"
#include "common/machine/core_seconds.h"
#include "common/machine/memory.h"
#include "common/machine/progress.h"
#include "common/machine/stopwatch.h"
#include "datasets/synthetic/source.h"
#include "models/encoders/checkpoints/growing_safetensors.h"
#include "probes/encode/long_features.h"

namespace permafrost {
namespace {

constexpr const char* kSynthetic = "synthetic:";

bool is_full(const LongFeaturesOptions& options) { return options.window == "full"; }

int window_frames(const LongFeaturesOptions& options) {
  int frames = 0;
  const char* const end = options.window.data() + options.window.size();
  const auto read = std::from_chars(options.window.data(), end, frames);
  if (read.ec != std::errc() || read.ptr != end || frames < 1)
    throw InputError("--window", "", "a number of frames, or full", quoted(options.window));
  return frames;
}

// Of a window; with full, of the encoder's own windows.
ClipShape window_shape(const LongFeaturesOptions& options, const EncoderSpec& spec) {
  ClipShape shape = spec.clip_shape();
  if (!is_full(options)) shape.frames = window_frames(options);
  if (options.size.empty()) return shape;
  if (!is_full(options) && options.size[0] != shape.frames)
    throw InputError("--size", "", "as many frames as --window, " + options.window,
                     std::to_string(options.size[0]));
  shape.height = options.size[1];
  shape.width = options.size[2];
  return shape;
}

Pooling pooling_of(const LongFeaturesOptions& options) {
  const Pooling pooling = options.pool == "window"      ? Pooling::window
                          : options.pool == "time-step" ? Pooling::time_step
                                                        : Pooling::none;
  if (pooling != Pooling::none && options.tokens == "all")
    throw InputError("--pool", "", "none with --tokens all", quoted(options.pool));
  return pooling;
}

LongVideo film_of(const LongFeaturesOptions& options, const ClipShape& window,
                  const EncoderSpec& made_for) {
  if (!options.input.starts_with(kSynthetic)) {
    if (options.frames != 0)
      throw InputError("--frames", "", "a synthetic input", quoted(options.input));
    return long_video_of_file(options.input, {.height = window.height, .width = window.width},
                              options.frame_step, {.stream = options.stream});
  }
  if (options.frames < 1)
    throw InputError("--frames", "", "the length of the synthetic video", "none");
  const synthetic::SceneName first{
      .task =
          synthetic::task_named(options.input.substr(std::string(kSynthetic).size()), "--input"),
      .split = synthetic::Split::test,
      .version = options.world_version};
  return long_video_of_world(first, {made_for.frames, window.height, window.width}, options.frames);
}

double allowed_bytes(const LongFeaturesOptions& options) {
  if (options.memory > 0) return options.memory * 1e9;
  return 0.9 * free_memory_bytes().value_or(0);
}

void require_windows_fit(const EncoderSpec& spec, const WindowOptions& windows, double allowed) {
  const double bytes = window_bytes(spec, windows);
  if (allowed <= 0 || bytes <= allowed) return;
  char wanted[64], found[64];
  std::snprintf(wanted, sizeof wanted, "%.3g GB of memory (%.0f bytes)", bytes / 1e9, bytes);
  std::snprintf(found, sizeof found, "%.3g GB", allowed / 1e9);
  throw InputError("--window", "", wanted, found,
                   "fewer --threads, a smaller --window and a smaller --size take less");
}

// What was done, for metadata and the user.
struct Written {
  std::int64_t frames = 0, windows = 0, a_window = 0, width = 0;
  std::vector<std::string> notes;
};

class FeatureFile {
 public:
  FeatureFile(const std::string& path) : path_(path) {}

  void add(const WindowFeatures& part) {
    const at::Tensor& z = part.features;
    if (!file_) file_.emplace(path_, "features", std::vector<std::int64_t>{z.size(1), z.size(2)});
    file_->add(z);
    frames_.insert(frames_.end(), part.frames.begin(), part.frames.end());
    written_.windows += z.size(0);
    written_.a_window = z.size(1);
    written_.width = z.size(2);
  }

  Written finish(const std::map<std::string, std::string>& metadata) {
    const at::Tensor frames =
        at::tensor(at::ArrayRef<std::int64_t>(frames_), at::kLong).view({written_.windows, -1});
    file_->finish({{"frames", frames}}, metadata);
    return written_;
  }

 private:
  std::string path_;
  std::optional<GrowingSafetensors> file_;
  std::vector<std::int64_t> frames_;
  Written written_;
};

std::map<std::string, std::string> metadata_of(const LongFeaturesOptions& options,
                                               const Encoder& encoder, const LongVideo& film,
                                               int stride) {
  return {{"format", "permafrost.features.2"},
          {"encoder", encoder.name},
          {"encoder_sha256", encoder.sha256},
          {"spec", to_json(encoder.spec).dump()},
          {"tokens", options.tokens},
          {"input", options.input},
          {"origin", film.origin},
          {"window", options.window},
          {"stride", std::to_string(stride)},
          {"pool", options.pool},
          {"fps", Json(film.fps).dump()}};
}

std::string notes_text(const std::vector<std::string>& notes) { return json_text(Json(notes)); }

Written write_windows(const CommonOptions& common, const Encoder& encoder, const LongVideo& film,
                      const LongFeaturesOptions& options) {
  WindowOptions windows{.stride = options.stride > 0 ? options.stride : encoder.spec.frames,
                        .pooling = pooling_of(options),
                        .tokens = options.tokens == "all" ? Tokens::all : Tokens::patch,
                        .threads = common.thread_count()};
  require_windows_fit(encoder.spec, windows, allowed_bytes(options));
  // Windows go side by side, each by one thread.
  at::set_num_threads(1);
  const std::int64_t expected =
      std::max<std::int64_t>(1, 1 + (film.expected - encoder.spec.frames) / windows.stride);
  Progress progress("features", expected, "windows", common.quiet);
  FeatureFile file(options.output);
  const LongVideoSeen seen =
      encode_windows(encoder, film, windows, [&](const WindowFeatures& part) {
        file.add(part);
        progress.advance(part.features.size(0));
      });
  progress.finish();
  auto metadata = metadata_of(options, encoder, film, windows.stride);
  metadata["notes"] = notes_text(encoder.notes);
  Written written = file.finish(metadata);
  written.frames = seen.frames;
  written.notes = encoder.notes;
  return written;
}

Written write_whole(const CommonOptions& common, const Encoder& encoder, const LongVideo& film,
                    const LongFeaturesOptions& options) {
  if (options.stride != 0) throw InputError("--stride", "", "none with --window full", "one");
  const Pooling pooling = pooling_of(options);
  at::set_num_threads(1);  // threads of ours go side by side
  const double steps = static_cast<double>(film.expected) / encoder.spec.tubelet;
  const std::int64_t rows =
      static_cast<std::int64_t>(steps) * encoder.spec.grid_h() * encoder.spec.grid_w();
  Progress progress("attention", rows * encoder.spec.depth, "rows", common.quiet);
  Written written;
  WindowFeatures whole =
      encode_whole(encoder, film,
                   {.tokens = options.tokens == "all" ? Tokens::all : Tokens::patch,
                    .most_bytes = allowed_bytes(options),
                    .threads = common.thread_count(),
                    .done = [&](std::int64_t done) { progress.advance(done); }},
                   written.notes);
  progress.finish();
  const auto steps_seen = static_cast<std::int64_t>(whole.frames.size());
  if (pooling == Pooling::time_step)
    whole.features = whole.features.unflatten(1, {steps_seen, -1}).mean(2);
  if (pooling == Pooling::window) whole.features = whole.features.mean(1, true);
  FeatureFile file(options.output);
  file.add(whole);
  auto metadata = metadata_of(options, encoder, film, 0);
  metadata["notes"] = notes_text(written.notes);
  const std::vector<std::string> notes = std::move(written.notes);
  written = file.finish(metadata);
  written.frames = steps_seen * encoder.spec.tubelet;
  written.notes = notes;
  return written;
}

void tell(const CommonOptions& common, const LongFeaturesOptions& options, const Encoder& encoder,
          const Written& written, double seconds) {
  const double peak = peak_memory_bytes().value_or(0);
  const std::int64_t tokens = written.windows * written.a_window;
  if (common.json) {
    const Json result{{"output", options.output},
                      {"encoder", encoder.name},
                      {"encoder_sha256", encoder.sha256},
                      {"tokens", options.tokens},
                      {"notes", written.notes},
                      {"shape", {written.windows, written.a_window, written.width}},
                      {"window", options.window},
                      {"pool", options.pool},
                      {"frames", written.frames},
                      {"kept_tokens", tokens},
                      {"seconds", seconds},
                      {"core_seconds", core_seconds()},
                      {"threads", common.thread_count()},
                      {"peak_memory_bytes", peak}};
    std::printf("%s\n", json_text(result).c_str());
    return;
  }
  std::printf(
      "%s: features [%lld, %lld, %lld] float32 of %lld frames; %.2f s, at most %.2f GB of "
      "memory\n",
      options.output.c_str(), static_cast<long long>(written.windows),
      static_cast<long long>(written.a_window), static_cast<long long>(written.width),
      static_cast<long long>(written.frames), seconds, peak / 1e9);
}

}  // namespace

void add_long_features_flags(CLI::App* command, LongFeaturesOptions& options) {
  command->add_option("--window", options.window,
                      "the whole video: windows of so many frames, or full: all frames at once");
  command
      ->add_option("--stride", options.stride,
                   "frames from the beginning of a window to that of the next")
      ->check(CLI::Range(1, 1 << 24));
  command->add_option("--pool", options.pool, "keep the mean of every time step, or window")
      ->check(CLI::IsMember({"none", "time-step", "window"}))
      ->capture_default_str();
  command->add_option("--frames", options.frames, "length of a synthetic video")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
  command->add_option("--world-version", options.world_version, "version of the synthetic world")
      ->check(CLI::Range(1, synthetic::kNewestWorld))
      ->capture_default_str();
  command
      ->add_option("--memory", options.memory,
                   "gigabytes that may be taken beside program and weights")
      ->check(CLI::PositiveNumber);
}

void require_no_long_flags(const LongFeaturesOptions& options) {
  const LongFeaturesOptions usual;
  const auto refuse = [](bool given, const char* flag) {
    if (given) throw InputError(flag, "", "--window beside it", "none");
  };
  refuse(options.stride != usual.stride, "--stride");
  refuse(options.pool != usual.pool, "--pool");
  refuse(options.frames != usual.frames, "--frames");
  refuse(options.world_version != usual.world_version, "--world-version");
  refuse(options.memory != usual.memory, "--memory");
}

int run_long_features(const CommonOptions& common, const Encoder& read,
                      const LongFeaturesOptions& options) {
  const Stopwatch watch;
  const ClipShape window = window_shape(options, read.spec);
  Encoder encoder = at_size(read, window);
  for (const auto& note : encoder.notes) std::fprintf(stderr, "%s\n", note.c_str());
  const LongVideo film = film_of(options, window, read.spec);
  encoder.weights = to_device(encoder.weights, at::Device(chosen_device(common.device)));
  const Written written = is_full(options) ? write_whole(common, encoder, film, options)
                                           : write_windows(common, encoder, film, options);
  for (std::size_t i = encoder.notes.size(); i < written.notes.size(); ++i)
    std::fprintf(stderr, "%s\n", written.notes[i].c_str());
  tell(common, options, encoder, written, watch.seconds());
  return 0;
}

}  // namespace permafrost
