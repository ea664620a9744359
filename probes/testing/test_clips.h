// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clips that a tiny encoder can tell apart, and that can fail on demand. Tests only.
#include <atomic>
#include <set>

#include "common/random.h"
#include "datasets/augment/augmentation.h"
#include "datasets/clips/clip_source.h"
#include "models/network/encoder_spec.h"

namespace permafrost {

inline EncoderSpec tiny_spec() {
  EncoderSpec spec;
  spec.width = 16;
  spec.depth = 2;
  spec.heads = 2;
  spec.frames = 4;
  spec.height = spec.image_width = 16;
  return spec;
}

// Class = which colour channel is bright, under noise; clip k of several is a little brighter.
class ColouredClips : public ClipSource {
 public:
  ColouredClips(std::int64_t count, const ClipShape& shape, std::set<std::int64_t> broken = {})
      : count_(count), shape_(shape), broken_(std::move(broken)) {}
  std::int64_t size() const override { return count_; }
  Target target(std::int64_t index) const override { return static_cast<int>(index % 3); }
  std::string name(std::int64_t index) const override { return "clip/" + std::to_string(index); }
  std::string identity() const override { return "coloured clips"; }
  Sample read(std::int64_t index, int place, int) const override {
    if (broken_.count(index) > 0) return {{}, name(index) + ": broken"};
    Sample sample{Clip(shape_), ""};
    RandomStream noise({.seed = 1, .purpose = "test", .sample = static_cast<std::uint64_t>(index)});
    for (std::size_t i = 0; i < sample.clip.pixels.size(); ++i)
      sample.clip.pixels[i] =
          static_cast<std::uint8_t>((static_cast<int>(i % 3) == index % 3 ? 150U : 60U) +
                                    10U * static_cast<unsigned>(place) + noise.integer(60));
    return sample;
  }

 private:
  std::int64_t count_;
  ClipShape shape_;
  std::set<std::int64_t> broken_;
};

// Three views, each darker than the one before, of which the second is shown; counts how often a
// sample is read.
class ThreeViews : public ColouredClips {
 public:
  using ColouredClips::ColouredClips;
  int views() const override { return 3; }
  int view() const override { return 1; }
  ClipSet read_all(std::int64_t index, int places) const override {
    ++reads_;
    ClipSet all;
    for (int view = 0; view < 3; ++view) {
      ClipSet one = ClipSource::read_views(index, places, {});
      if (!one.failure.empty()) return one;
      for (auto& clip : one.clips) {
        for (auto& value : clip.pixels) value = static_cast<std::uint8_t>(value - 20 * (view - 1));
        all.clips.push_back(std::move(clip));
      }
    }
    return all;
  }
  ClipSet read_views(std::int64_t index, int places, const Augmentation& none) const override {
    ++reads_;
    return ClipSource::read_views(index, places, none);
  }
  int reads() const { return reads_; }

 private:
  mutable std::atomic<int> reads_ = 0;
};

}  // namespace permafrost
