// SPDX-License-Identifier: Apache-2.0
// permafrost data synth: a synthetic task as MP4 files, lists and a task to be named with --task.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/options.h"
#include "common/files/files.h"
#include "common/machine/progress.h"
#include "datasets/rendered/rendered_dataset.h"

namespace permafrost {

int run(const CommonOptions& common, const DataSynthCommand& command) {
  const bool lossless = command.coding == "lossless";
  const RenderedDataset set{
      .world = command.world,
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
                Json{{"task", task}, {"train", set.train}, {"test", set.test}}.dump().c_str());
  else
    std::printf("%lld + %lld clips; use it with --task %s\n", static_cast<long long>(set.train),
                static_cast<long long>(set.test), task.c_str());
  return 0;
}

}  // namespace permafrost
