// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clips for a needle in a video haystack: many that show nothing of what is asked for (hay), and
// few that show it (needles). A long video is made of them by bench/haystack.
//
//   glyph    hay: clips of the task `motion`. A needle has, in one frame, a bright glyph of one of
//            eight shapes: one picture tells all.
//   motion   hay: the same clips, but their objects stand still; camera, light and noise move. In a
//            needle the object does one of the eight motions: one picture tells nothing.
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/clips/clip_source.h"
#include "datasets/synthetic/scene.h"

namespace permafrost::synthetic {

enum class NeedleKind { glyph, motion };
inline constexpr int kNeedleClasses = 8;

const char* name_of(NeedleKind kind);
std::vector<std::string> class_names(NeedleKind kind);

// The first `count` hay or needle clips of a split; needles take turns in their classes, and the
// targets of hay say nothing. They are drawn far behind all samples of tasks and of pretraining.
class NeedleSource : public ClipSource {
 public:
  struct Which {
    NeedleKind kind = NeedleKind::motion;
    bool needles = false;  // or hay
    Split split = Split::train;
    int version = 1;  // of the world
  };
  NeedleSource(const Which& which, std::int64_t count, const ClipShape& shape)
      : which_(which), count_(count), shape_(shape) {}

  std::int64_t size() const override { return count_; }
  Target target(std::int64_t index) const override {
    return which_.needles ? Target(static_cast<int>(index % kNeedleClasses)) : Target();
  }
  std::string name(std::int64_t index) const override;
  Sample read(std::int64_t index, int place, int places) const override;
  std::string identity() const override;

 private:
  Which which_;
  std::int64_t count_;
  ClipShape shape_;
};

// The silhouette, white on a dark square, drawn onto a frame of a clip; centre and half the side of
// the square in shares of the frame's width and height.
void stamp_glyph(Clip& clip, int frame, ShapeKind shape, float x, float y, float half);

}  // namespace permafrost::synthetic
