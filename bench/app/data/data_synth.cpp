// SPDX-License-Identifier: Apache-2.0
// permafrost data synth: a synthetic task as MP4 files, lists and a task to be named with --task.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/data/data_commands.h"
#include "common/files/files.h"
#include "common/machine/progress.h"
#include "common/nearest_name.h"
#include "datasets/rendered/rendered_dataset.h"

namespace permafrost {
namespace {

struct DataSynthCommand {
  std::string world = "motion", out, coding = "lossless";
  std::int64_t train = 2000, test = 1000;
  int world_version = 1;
  int frames = 8, size = 48, fps = 8;
};

int run(const CommonOptions& common, const DataSynthCommand& command) {
  const bool lossless = command.coding == "lossless";
  const RenderedDataset set{
      .world = command.world,
      .world_version = command.world_version,
      .train = command.train,
      .test = command.test,
      .shape = {command.frames, command.size, command.size},
      .writing = {.coding = lossless ? VideoCoding::lossless : VideoCoding::h264,
                  .fps = command.fps},
      .seed = common.seed};
  require_renderable(set);
  require_writable_directory(command.out, "--out");
  Progress progress("render", set.train + set.test, "clips", common.quiet);
  render_dataset(set, command.out, common.thread_count(), [&] { progress.advance(); });
  progress.finish();
  const std::string task = (std::filesystem::path(command.out) / "task.json").string();
  if (common.json)
    std::printf("%s\n",
                json_text(Json{{"task", task}, {"train", set.train}, {"test", set.test}}).c_str());
  else
    std::printf("%lld + %lld clips; use it with --task %s\n", static_cast<long long>(set.train),
                static_cast<long long>(set.test), task.c_str());
  return 0;
}

}  // namespace

void add_data_synth(CLI::App& data, CommandLine& line) {
  const auto command = std::make_shared<DataSynthCommand>();
  CLI::App* sub = line.add(data, "synth", "render a synthetic task to MP4 files with lists",
                           [&line, command] { return run(line.common(), *command); });
  const auto counts = CLI::Range(std::int64_t{1}, std::int64_t{1'000'000});
  sub->add_option("--world", command->world, "one of " + joined(renderable_worlds()))
      ->capture_default_str();
  sub->add_option("--world-version", command->world_version, "version of the synthetic world")
      ->capture_default_str();
  sub->add_option("--out", command->out, "folder to write")->required();
  sub->add_option("--train", command->train, "clips")->check(counts)->capture_default_str();
  sub->add_option("--test", command->test, "clips")->check(counts)->capture_default_str();
  sub->add_option("--frames", command->frames, "frames of a clip")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  sub->add_option("--size", command->size, "pixels a side")
      ->check(CLI::Range(8, 4096))
      ->capture_default_str();
  sub->add_option("--fps", command->fps, "frames per second")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->add_option("--coding", command->coding, "h264: 4:2:0, as cameras write")
      ->check(CLI::IsMember({"lossless", "h264"}))
      ->capture_default_str();
}

}  // namespace permafrost
