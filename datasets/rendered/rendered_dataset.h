// SPDX-License-Identifier: Apache-2.0
#pragma once

// A synthetic task as a folder of MP4 files with lists, to go through the real decode path:
//
//   DIR/rendered.json            what was rendered; another set is not mixed in
//   DIR/train/000017.mp4 ...     DIR/test/...
//   DIR/train.csv, test.csv      file,label with the names of the classes
//   DIR/labels.txt               the names in order of their index
//   DIR/task.json                a task over these, for probe, evaluate and finetune
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "datasets/clip.h"
#include "datasets/rendered/video_writer.h"

namespace permafrost {

struct RenderedDataset {
  std::string world = "motion";  // any whose labels are of whole clips
  int world_version = 1;
  std::int64_t train = 2000, test = 1000;
  ClipShape shape{8, 48, 48};
  VideoWriting writing;
  // 1: the samples of the synthetic task itself. Of every other seed, from 2 to kMostRenderedSeed,
  // samples that no other seed, no probe and no pretraining sees.
  std::uint64_t seed = 1;
};
inline constexpr std::uint64_t kMostRenderedSeed = 1'000'000;

// Worlds that can be rendered: lists of files have no place for the boxes of localised_action.
std::vector<std::string> renderable_worlds();

// Throws InputError for what cannot be rendered, naming the flag of `data synth`: a world that is
// not known or has boxes, an odd size in h264, a seed out of range.
void require_renderable(const RenderedDataset& set);

// The frames that a clip of the set in this folder shows; 0 where the folder holds none.
int rendered_frames(const std::filesystem::path& folder);

// Sample k is sample k of the synthetic task of that name; its video has one frame more than
// shape.frames, so that a clip of that many frames, one by one, shows each of them. Files that are
// there are kept, so that a run that was ended goes on; they appear whole. `done` is called once a
// file, from any thread. Throws InputError as require_renderable(), before anything is written, and
// for a folder of another set.
void render_dataset(const RenderedDataset& set, const std::filesystem::path& out, int threads,
                    const std::function<void()>& done = {});

}  // namespace permafrost
