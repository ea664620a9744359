// SPDX-License-Identifier: Apache-2.0
// permafrost haystack: how far back a probe on frozen features finds what it looks for.
#include <ATen/Parallel.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bench/app/commands.h"
#include "bench/app/device.h"
#include "bench/haystack/films.h"
#include "bench/haystack/haystack_figures.h"
#include "bench/report/figures/standalone.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/files/folder_lock.h"
#include "common/machine/memory.h"
#include "models/encoders/denoiser_file.h"

namespace permafrost {
namespace {

constexpr const char* kRawPixels = "raw-pixels";
constexpr const char* kRandomInit = "random-init";

struct HaystackCommand {
  std::vector<std::string> encoders;
  std::string out, needle = "motion", task = "needle", pool = "none", costs;
  HaystackSpec spec;
  double memory = 0;
};

bool is_floor(const std::string& name) { return name == kRawPixels || name == kRandomInit; }

Encoder read_one(const std::string& name) {
  if (const auto frozen = frozen_name(name))
    return encoder_at(load_denoiser(frozen->denoiser, "ENCODER"), frozen->at, "ENCODER");
  return load_encoder(name, "ENCODER", {}, {kRawPixels, kRandomInit});
}

// Floors are made like the first encoder that is none, or like those of the suite pico.
std::vector<Encoder> read_encoders(const HaystackCommand& command, std::uint64_t seed) {
  std::vector<Encoder> encoders;
  std::string first = "pico/vjepa-multiblock-1m";
  for (auto it = command.encoders.rbegin(); it != command.encoders.rend(); ++it)
    if (!is_floor(*it)) first = *it;
  const EncoderSpec like = read_one(first).spec;
  for (const auto& name : command.encoders)
    encoders.push_back(name == kRawPixels    ? pixel_encoder(like, false)
                       : name == kRandomInit ? random_encoder(like, seed)
                                             : read_one(name));
  return encoders;
}

HaystackSpec spec_of(const CommonOptions& common, const HaystackCommand& command) {
  HaystackSpec spec = command.spec;
  spec.needle =
      command.needle == "glyph" ? synthetic::NeedleKind::glyph : synthetic::NeedleKind::motion;
  spec.task = command.task == "needle_time" ? NeedleTask::needle_time
              : command.task == "count"     ? NeedleTask::count
                                            : NeedleTask::needle;
  spec.pooling = command.pool == "window"      ? Pooling::window
                 : command.pool == "time-step" ? Pooling::time_step
                                               : Pooling::none;
  spec.training.seed = common.seed;
  spec.training.threads = common.thread_count();
  require_sensible(spec);
  return spec;
}

void write_all(const std::filesystem::path& out, const HaystackDocument& document) {
  write_file_atomically(out / "haystack.json", json_text(to_json(document)) + "\n");
  write_file_atomically(out / "haystack.csv", haystack_csv(document));
  write_file_atomically(out / "table111.md", haystack_table(document));
  write_file_atomically(out / "table111.csv", haystack_table_csv(document));
  write_file_atomically(out / "haystack.svg", standalone_svg(haystack_grid(document)));
  write_file_atomically(out / "haystack-length.svg", standalone_svg(haystack_curves(document)));
}

int run(const CommonOptions& common, const HaystackCommand& command) {
  HaystackDocument document{.spec = spec_of(common, command)};
  if (!command.costs.empty()) document.costs = read_costs(command.costs);
  const std::vector<Encoder> encoders = read_encoders(command, common.seed);
  require_writable_directory(command.out, "--out");
  const FolderLock lock(command.out, "--out");
  at::set_num_threads(1);  // threads of ours go side by side
  const at::Device device(chosen_device(common.device));
  const double most =
      command.memory > 0 ? command.memory * 1e9 : 0.9 * free_memory_bytes().value_or(0);
  const std::filesystem::path film_folder = std::filesystem::path(command.out) / "films";
  if (document.spec.films > 0) require_writable_directory(film_folder, "--films");
  FilmFolder films(film_folder);
  for (Encoder encoder : encoders) {
    encoder.weights = to_device(encoder.weights, device);
    document.results.push_back(run_haystack(
        document.spec, encoder, most,
        [&](const std::string& note) {
          if (!common.quiet) std::fprintf(stderr, "%s\n", note.c_str());
        },
        &films));
    // What is done is there, whatever becomes of the next.
    write_all(command.out, document);
  }
  if (common.json)
    std::printf("%s\n", json_text(to_json(document)).c_str());
  else
    std::printf("%s", haystack_table(document).c_str());
  return 0;
}

void add_video_flags(CLI::App* sub, const std::shared_ptr<HaystackCommand>& command) {
  HaystackSpec& spec = command->spec;
  sub->add_option("--needle", command->needle, "glyph: on one frame; motion: of an object")
      ->check(CLI::IsMember({"motion", "glyph"}))
      ->capture_default_str();
  sub->add_option("--task", command->task, "what of eight, in which tenth, or how many")
      ->check(CLI::IsMember({"needle", "needle_time", "count"}))
      ->capture_default_str();
  sub->add_option("--world-version", spec.world_version, "version of the synthetic world")
      ->check(CLI::Range(1, synthetic::kNewestWorld))
      ->capture_default_str();
  sub->add_option("--lengths", spec.lengths, "tokens of the videos, ascending")->delimiter(',');
  sub->add_option("--train-lengths", spec.train_lengths, "tokens of the videos of training")
      ->delimiter(',');
  sub->add_option("--depths", spec.depths, "places of a needle")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  sub->add_option("--needles", spec.needles, "needles of the test side")->capture_default_str();
  sub->add_option("--hay", spec.hay, "clips of hay of the test side")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  sub->add_option("--train-needles", spec.train_needles, "needles of the training side")
      ->capture_default_str();
  sub->add_option("--train-hay", spec.train_hay, "clips of hay of the training side")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
}

}  // namespace

void add_haystack(CommandLine& line) {
  const auto command = std::make_shared<HaystackCommand>();
  HaystackSpec& spec = command->spec;
  CLI::App* sub = line.add("haystack", "find a short event in videos of up to millions of tokens",
                           [&line, command] { return run(line.common(), *command); });
  sub->add_option("encoders", command->encoders,
                  "zoo names, files or folders, raw-pixels, random-init")
      ->required();
  sub->add_option("--out", command->out, "folder to write")->required();
  add_video_flags(sub, command);
  sub->add_option("--pool", command->pool, "keep the mean of every time step, or clip")
      ->check(CLI::IsMember({"none", "time-step", "window"}))
      ->capture_default_str();
  sub->add_option("--steps", spec.training.steps, "of training the probe")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  sub->add_option("--full", spec.full_lengths,
                  "tokens of videos that the encoder also sees whole, ascending")
      ->delimiter(',');
  sub->add_option("--full-videos", spec.full_videos, "how many of each of these lengths")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  sub->add_option("--films", spec.films,
                  "test videos that are also written as MP4 files and decoded again")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  sub->add_option("--film-minutes", spec.film_minutes, "length of these, at one frame a second")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  sub->add_option("--costs", command->costs,
                  "file of lines that permafrost features --window --json has printed")
      ->check(CLI::ExistingFile);
  sub->add_option("--memory", command->memory,
                  "gigabytes that may be taken beside program and weights")
      ->check(CLI::PositiveNumber);
}

}  // namespace permafrost
