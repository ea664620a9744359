// SPDX-License-Identifier: Apache-2.0
#include "datasets/frames/sampling.h"

#include <algorithm>
#include <string>

#include "common/error.h"

namespace permafrost {
namespace {

// numpy.linspace: the step is rounded once, the last value is exact.
void append_linspace(std::vector<double>& values, double start, double stop, std::int64_t count) {
  const double step = count > 1 ? (stop - start) / static_cast<double>(count - 1) : 0.0;
  for (std::int64_t k = 0; k < count; ++k) {
    const bool last = k == count - 1 && count > 1;
    values.push_back(last ? stop : static_cast<double>(k) * step + start);
  }
}

std::vector<double> spread(std::int64_t length, int step, int frames) {
  std::vector<double> values;
  const std::int64_t moving = std::min<std::int64_t>(length / step, frames);
  append_linspace(values, 0.0, static_cast<double>(length), moving);
  values.resize(static_cast<std::size_t>(frames), static_cast<double>(length));
  return values;
}

// How many frames of the video a clip covers.
std::int64_t covered(const ClipSampling& sampling) {
  return std::int64_t{sampling.frames} * sampling.frame_step;
}

void require_at_least_one(std::int64_t value, const char* field) {
  if (value < 1) throw InputError("clip sampling", field, "at least 1", std::to_string(value));
}

}  // namespace

std::vector<std::int64_t> clip_indices(const ClipSampling& sampling, std::int64_t video_length,
                                       int clip) {
  require_at_least_one(sampling.frames, "frames");
  require_at_least_one(sampling.frame_step, "frame step");
  require_at_least_one(sampling.clips, "clips");
  require_at_least_one(video_length, "video length");
  if (clip < 0 || clip >= sampling.clips) {
    throw InputError("clip sampling", "clip", "0 to " + std::to_string(sampling.clips - 1),
                     std::to_string(clip));
  }
  const std::int64_t length = covered(sampling);
  const std::int64_t part = video_length / sampling.clips;
  std::vector<double> values;
  std::int64_t highest = 0, offset = 0;
  if (part > length) {
    append_linspace(values, 0.0, static_cast<double>(length), sampling.frames);
    highest = length - 1;
    offset = clip * part;
  } else if (!sampling.allow_overlap) {
    values = spread(part, sampling.frame_step, sampling.frames);
    highest = part - 1;
    offset = clip * part;
  } else {
    const std::int64_t end = std::min(length, video_length) - 1;
    values = spread(end, sampling.frame_step, sampling.frames);
    highest = end - 1;
    if (video_length > length && sampling.clips > 1) {
      offset = clip * ((video_length - length) / (sampling.clips - 1));
    }
  }
  std::vector<std::int64_t> indices;
  indices.reserve(values.size());
  for (const double value : values) {
    const double clipped = std::min(std::max(value, 0.0), static_cast<double>(highest));
    const std::int64_t index = static_cast<std::int64_t>(clipped) + offset;
    indices.push_back(std::clamp<std::int64_t>(index, 0, video_length - 1));
  }
  return indices;
}

std::vector<std::int64_t> random_clip_indices(const ClipSampling& sampling,
                                              std::int64_t video_length, int clip,
                                              RandomStream& stream) {
  std::vector<std::int64_t> indices = clip_indices(sampling, video_length, clip);
  const std::int64_t room = video_length / sampling.clips - covered(sampling);
  if (room <= 0) return indices;
  const auto places = static_cast<std::uint32_t>(std::min<std::int64_t>(room, UINT32_MAX));
  const std::int64_t start = stream.integer(places);
  for (std::int64_t& index : indices) index += start;
  return indices;
}

}  // namespace permafrost
