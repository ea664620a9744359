// SPDX-License-Identifier: Apache-2.0
#include "datasets/synthetic/needle.h"

#include <cmath>

#include "common/files/hash.h"
#include "common/random.h"

namespace permafrost::synthetic {
namespace {

// Behind the samples of tasks (from 0), pretraining (from a million) and in front of those that are
// rendered with other seeds (from 2^36).
constexpr std::int64_t kFirstHay = std::int64_t{1} << 34;
constexpr std::int64_t kFirstNeedle = std::int64_t{1} << 35;

const char* text_of(Split split) { return split == Split::train ? "train" : "test"; }

void stand_still(Motion& motion) { motion.vx = motion.vy = motion.spin = motion.swell = 0; }

void add_glyph(Clip& clip, int label, const NeedleSource::Which& which, std::int64_t index) {
  RandomStream stream({.seed = static_cast<std::uint64_t>(which.version),
                       .purpose = which.split == Split::train ? "synthetic.needle.glyph.train"
                                                              : "synthetic.needle.glyph.test",
                       .sample = static_cast<std::uint64_t>(index)});
  const auto frame =
      static_cast<int>(stream.integer(static_cast<std::uint32_t>(clip.shape.frames)));
  const float half = 0.2F;
  const float x = stream.uniform(half, 1 - half), y = stream.uniform(half, 1 - half);
  stamp_glyph(clip, frame, static_cast<ShapeKind>(label), x, y, half);
}

}  // namespace

const char* name_of(NeedleKind kind) { return kind == NeedleKind::glyph ? "glyph" : "motion"; }

std::vector<std::string> class_names(NeedleKind kind) {
  return class_names(kind == NeedleKind::glyph ? SyntheticTask::object : SyntheticTask::motion);
}

std::string NeedleSource::name(std::int64_t index) const {
  return std::string(synthetic::name_of(which_.kind)) + (which_.needles ? "-needle/" : "-hay/") +
         text_of(which_.split) + "/" + std::to_string(index);
}

Sample NeedleSource::read(std::int64_t index, int, int) const {
  Scene scene = draw_scene({.task = SyntheticTask::motion,
                            .split = which_.split,
                            .index = (which_.needles ? kFirstNeedle : kFirstHay) + index,
                            .version = which_.version});
  if (which_.kind == NeedleKind::motion) {
    if (!which_.needles) stand_still(scene.main.motion);
    // Of version 2 it may do any of the eight motions, which would be other needles.
    if (which_.version > 1) stand_still(scene.distractor.motion);
  }
  Clip clip = render(scene, shape_);
  if (which_.kind == NeedleKind::glyph && which_.needles)
    add_glyph(clip, static_cast<int>(index % kNeedleClasses), which_, index);
  return {std::move(clip), ""};
}

std::string NeedleSource::identity() const {
  return sha256_of(std::string("haystack 1, world ") + std::to_string(which_.version) + " " +
                   synthetic::name_of(which_.kind) + (which_.needles ? " needles " : " hay ") +
                   text_of(which_.split) + " count " + std::to_string(count_) + " " +
                   std::to_string(shape_.frames) + "x" + std::to_string(shape_.height) + "x" +
                   std::to_string(shape_.width));
}

void stamp_glyph(Clip& clip, int frame, ShapeKind shape, float x, float y, float half) {
  constexpr std::uint8_t kBright = 250, kDark = 12;
  const int width = clip.shape.width, height = clip.shape.height;
  std::vector<float> distances(static_cast<std::size_t>(width));
  std::uint8_t* row = clip.frame(frame);
  const float step = kShapeReach / (half * static_cast<float>(width));
  const float first = (0.5F / static_cast<float>(width) - x) * kShapeReach / half;
  for (int r = 0; r < height; ++r, row += 3 * width) {
    const float v =
        ((static_cast<float>(r) + 0.5F) / static_cast<float>(height) - y) * kShapeReach / half;
    if (std::fabs(v) > kShapeReach) continue;
    shape_row(shape, first, v, step, 0, width, distances.data());
    for (int c = 0; c < width; ++c) {
      const float u = first + static_cast<float>(c) * step;
      if (std::fabs(u) > kShapeReach) continue;
      const std::uint8_t value = distances[static_cast<std::size_t>(c)] < 0 ? kBright : kDark;
      row[3 * c] = row[3 * c + 1] = row[3 * c + 2] = value;
    }
  }
}

}  // namespace permafrost::synthetic
