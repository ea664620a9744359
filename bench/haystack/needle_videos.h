// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which clips are in which video of a haystack: drawn by name, the same for every encoder.
//
// Video k of the test side has needle k. Its hay is the same in every length and depth: a longer
// video goes on where a shorter one ends, and the needle takes the place of one clip of hay. So
// accuracies of two lengths, depths or encoders are compared on the same needles.
#include <ATen/core/Tensor.h>

#include <vector>

#include "bench/haystack/haystack_spec.h"

namespace permafrost {

// The clip of hay at a place of a video, 0 to hay - 1.
std::int64_t hay_at(std::uint64_t seed, std::int64_t video, std::int64_t place, std::int64_t hay);
// The place of needle k in a video of so many clips: a drawn one of the tenth (of ten depths).
std::int64_t needle_place(const HaystackSpec& spec, std::int64_t video, std::int64_t clips,
                          int depth);

// The depth of video k where each is shown at one: classes and depths take turns at different
// paces.
int depth_in_turn(const HaystackSpec& spec, std::int64_t video);

// Videos in a pool of hay clips and, behind them, needles.
struct NeedleVideos {
  PoolVideos videos;
  at::Tensor truth;  // int64 [V]
};

class TestVideos {
 public:
  // All videos of one length.
  TestVideos(const HaystackSpec& spec, std::int64_t clips);
  std::int64_t clips() const { return clips_; }
  NeedleVideos at_depth(int depth) const;
  // The same with hay alone; the truth is that of the needle that is not there, at depths in turn.
  NeedleVideos without_needles() const;
  // Needles of video k: as many as the task asks about, the one at the depth first.
  std::vector<std::int64_t> needles_of(std::int64_t video) const;
  std::vector<std::int64_t> places_of(std::int64_t video, int depth) const;
  int truth_of(std::int64_t video, int depth) const;

 private:
  std::int64_t step_of(std::int64_t place) const;

  const HaystackSpec& spec_;
  std::int64_t clips_;
  at::Tensor hay_;  // float64 [V,S,hay]
};

// Of a training step: which clips of the training pools, and videos of them.
struct TrainVideos {
  std::vector<std::int64_t> hay, needles;  // the pool of the step, hay first
  NeedleVideos videos;
};
// Which clips of the training side: needles [first_needle, end_needle) and hay [first_hay,
// end_hay).
struct TrainClips {
  std::int64_t first_needle = 0, end_needle = 0, first_hay = 0, end_hay = 0;
};
// `lengths` in clips take turns.
TrainVideos train_videos(const HaystackSpec& spec, const std::vector<std::int64_t>& lengths,
                         const TrainClips& from, std::uint64_t step);

}  // namespace permafrost
