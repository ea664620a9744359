// SPDX-License-Identifier: Apache-2.0
#include "datasets/rendered/rendered_dataset.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>

#include "common/error.h"
#include "common/files/files.h"
#include "common/json/json_object.h"
#include "common/machine/parallel.h"
#include "common/nearest_name.h"
#include "datasets/synthetic/source.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

using synthetic::Split;
using synthetic::SyntheticTask;
using synthetic::TaskSource;

std::string file_name(const char* split, std::int64_t index) {
  char name[32];
  std::snprintf(name, sizeof name, "%06lld.mp4", static_cast<long long>(index));
  return std::string(split) + "/" + name;
}

// The sampling of the released code (sampling.h) never shows the last frame of a video that is just
// as long as a clip; so the last one comes twice.
Clip with_last_frame_twice(const Clip& clip) {
  Clip longer(ClipShape{clip.shape.frames + 1, clip.shape.height, clip.shape.width});
  std::copy(clip.pixels.begin(), clip.pixels.end(), longer.pixels.begin());
  std::copy_n(clip.frame(clip.shape.frames - 1), clip.frame_bytes(),
              longer.frame(clip.shape.frames));
  return longer;
}

// Pretraining takes an endless run of samples from a million on: seeds lie far behind it.
std::int64_t first_sample(const RenderedDataset& set) {
  return static_cast<std::int64_t>(set.seed - 1) << 36U;
}

Json description(const RenderedDataset& set) {
  Json json = {{"world", set.world},
               {"world_version", set.world_version},
               {"train", set.train},
               {"test", set.test},
               {"frames", set.shape.frames},
               {"height", set.shape.height},
               {"width", set.shape.width},
               {"fps", set.writing.fps},
               {"coding", set.writing.coding == VideoCoding::lossless ? "lossless" : "h264"}};
  // Not of the first: sets that were rendered before there were seeds go on.
  if (set.seed != 1) json["seed"] = set.seed;
  return json;
}

void claim_folder(const fs::path& out, const Json& wanted) {
  const fs::path file = out / "rendered.json";
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    write_file_atomically(file, wanted.dump(2) + "\n");
    return;
  }
  const Json found = read_json(file.string());
  if (found != wanted)
    throw InputError(file.string(), "", "the same set " + wanted.dump(), found.dump(),
                     "give another folder, or remove this one");
}

void write_lists(const RenderedDataset& set, const TaskSource& train, const TaskSource& test,
                 const std::vector<std::string>& names, const fs::path& out) {
  for (const auto& [split, source] : {std::pair{"train", &train}, {"test", &test}}) {
    std::string text = "file,label\n";
    for (std::int64_t i = 0; i < source->size(); ++i)
      text += file_name(split, i) + "," + names[static_cast<std::size_t>(source->label(i))] + "\n";
    write_file_atomically(out / (std::string(split) + ".csv"), text);
  }
  std::string labels;
  for (const auto& name : names) labels += name + "\n";
  write_file_atomically(out / "labels.txt", labels);
  Json task = {{"name", set.world + "-rendered"},
               {"kind", "manifest"},
               {"train", "train.csv"},
               {"test", "test.csv"},
               {"labels", "labels.txt"},
               {"frame_step", 1}};
  if (train.directional()) task["directional"] = true;
  write_file_atomically(out / "task.json", task.dump(2) + "\n");
}

}  // namespace

std::vector<std::string> renderable_worlds() {
  std::vector<std::string> names = synthetic::world_names();
  std::erase(names, synthetic::name_of(SyntheticTask::localised_action));
  return names;
}

void require_renderable(const RenderedDataset& set) {
  const auto worlds = renderable_worlds();
  if (set.world == synthetic::name_of(SyntheticTask::localised_action))
    throw InputError("--world", "", "a world whose labels are of whole clips", quoted(set.world),
                     "lists of files have no place for its boxes");
  if (std::find(worlds.begin(), worlds.end(), set.world) == worlds.end())
    throw InputError("--world", "", "one of " + joined(worlds), quoted(set.world),
                     "nearest: " + nearest_name(set.world, worlds));
  if (set.world_version < 1 || set.world_version > synthetic::kNewestWorld)
    throw InputError("--world-version", "", "1 to " + std::to_string(synthetic::kNewestWorld),
                     std::to_string(set.world_version));
  if (set.writing.coding == VideoCoding::h264 &&
      (set.shape.height % 2 != 0 || set.shape.width % 2 != 0))
    throw InputError("--size", "", "an even number for --coding h264",
                     std::to_string(set.shape.height), "its colours are of 2x2 pixels");
  if (set.seed < 1 || set.seed > kMostRenderedSeed)
    throw InputError("--seed", "", "1 to " + std::to_string(kMostRenderedSeed),
                     std::to_string(set.seed));
}

int rendered_frames(const fs::path& folder) {
  const fs::path file = folder / "rendered.json";
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return 0;
  const Json json = read_json(file.string());
  const auto frames = json.is_object() ? json.find("frames") : json.end();
  if (frames == json.end() || !frames->is_number_integer())
    throw InputError(file.string(), "frames", "a whole number", "none");
  return frames->get<int>();
}

void render_dataset(const RenderedDataset& set, const fs::path& out, int threads,
                    const std::function<void()>& done) {
  require_renderable(set);
  const auto world = synthetic::task_named(set.world, "--world");
  const std::int64_t first = first_sample(set);
  const TaskSource train(world, Split::train, set.train, set.shape, first, set.world_version);
  const TaskSource test(world, Split::test, set.test, set.shape, first, set.world_version);
  claim_folder(out, description(set));
  parallel_for(set.train + set.test, threads, [&](std::int64_t k) {
    const bool is_train = k < set.train;
    const std::int64_t index = is_train ? k : k - set.train;
    const fs::path file = out / file_name(is_train ? "train" : "test", index);
    std::error_code ignored;
    if (!fs::exists(file, ignored)) {
      const Sample sample = (is_train ? train : test).read(index, 0, 1);
      write_file_atomically(file, encode_video(with_last_frame_twice(sample.clip), set.writing));
    }
    if (done) done();
  });
  // Last, so that a list never names what is not there yet.
  write_lists(set, train, test, synthetic::class_names(world), out);
}

}  // namespace permafrost
