// SPDX-License-Identifier: Apache-2.0
#pragma once

// A needle in a video haystack: what is asked, of how many videos of which lengths.
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/synthetic/needle.h"
#include "probes/encode/long_features.h"
#include "probes/train/pool_training.h"

namespace permafrost {

// What the head is to say of a video: which of eight events is in it, in which tenth of the video
// it was, or how many there are (1 to 4).
enum class NeedleTask { needle, needle_time, count };

const char* name_of(NeedleTask task);
int classes_of(NeedleTask task);
// Into how many steps a video is cut whose head is told when a clip was; 1: it is not told.
std::int64_t time_steps_of(NeedleTask task);

struct HaystackSpec {
  synthetic::NeedleKind needle = synthetic::NeedleKind::motion;
  NeedleTask task = NeedleTask::needle;
  int world_version = 1;
  std::vector<std::int64_t> lengths{1008, 10080, 100080, 1000080, 10000080};  // tokens, ascending
  std::vector<std::int64_t> train_lengths{144, 1008, 10080};
  int depths = 10;
  // Clips of the pools, train and test apart. Needles are multiples of the eight classes.
  std::int64_t needles = 160, hay = 1024, train_needles = 768, train_hay = 512;
  Pooling pooling = Pooling::none;
  int batch = 64;                        // videos of a training step
  int step_hay = 128;                    // different hay clips of a training step
  PoolTraining training{.steps = 2000};  // its seed draws the videos, too
  // Videos with full attention, see run_haystack(): of these lengths, so many of each.
  std::vector<std::int64_t> full_lengths;
  std::int64_t full_videos = 40, full_train_videos = 400;
  // The first so many test videos also as films (films.h), one frame a second.
  std::int64_t films = 0, film_minutes = 60;
};

// Needles of the training side from this one on train nothing: a choice between what was trained is
// made on them. And hay, where clips are told apart by themselves (clip_counter.h).
std::int64_t held_out_needle(const HaystackSpec& spec);
std::int64_t held_out_hay(const HaystackSpec& spec);

// Clips that hold so many tokens, at least one.
std::int64_t clips_of(std::int64_t tokens, std::int64_t clip_tokens);

}  // namespace permafrost
