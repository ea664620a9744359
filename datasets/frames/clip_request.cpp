// SPDX-License-Identifier: Apache-2.0
#include "datasets/frames/clip_request.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/error.h"

namespace permafrost {
namespace {

void check_indices(const std::string& where, const std::vector<std::int64_t>& indices,
                   std::int64_t frames) {
  if (indices.empty()) throw InputError(where, "frame indices", "at least one", "none");
  for (std::size_t k = 0; k < indices.size(); ++k) {
    const std::int64_t least = k > 0 ? indices[k - 1] : 0;
    if (indices[k] >= least && indices[k] < frames) continue;
    throw InputError(where, "frame indices",
                     "ascending values from 0 to " + std::to_string(frames - 1),
                     std::to_string(indices[k]));
  }
}

}  // namespace

ClipRequest clip_request(FrameRule frames, const ViewSpec& view) {
  const auto render = [view](const ImageView& frame, std::uint8_t* out) {
    resize_crop(frame, plan_view(frame.height, frame.width, view), view.antialias, out);
  };
  return {std::move(frames), view.height, view.width, render};
}

std::vector<WantedFrame> wanted_frames(const std::string& where,
                                       const std::vector<ClipRequest>& requests,
                                       std::int64_t frames, std::vector<Clip>& clips) {
  std::vector<WantedFrame> wanted;
  clips.clear();
  for (std::size_t clip = 0; clip < requests.size(); ++clip) {
    const std::vector<std::int64_t> indices = requests[clip].frames(frames);
    check_indices(where, indices, frames);
    clips.emplace_back(
        ClipShape{static_cast<int>(indices.size()), requests[clip].height, requests[clip].width});
    for (std::size_t slot = 0; slot < indices.size(); ++slot)
      wanted.push_back({indices[slot], clip, static_cast<int>(slot)});
  }
  std::stable_sort(wanted.begin(), wanted.end(),
                   [](const WantedFrame& a, const WantedFrame& b) { return a.frame < b.frame; });
  return wanted;
}

void render_wanted(const ImageView& picture, const std::vector<ClipRequest>& requests,
                   const std::vector<WantedFrame>& wanted, std::size_t& next,
                   std::vector<Clip>& clips) {
  for (const std::size_t first = next;
       next < wanted.size() && wanted[next].frame == wanted[first].frame; ++next) {
    const WantedFrame& place = wanted[next];
    Clip& clip = clips[place.clip];
    std::uint8_t* const pixels = clip.frame(place.slot);
    // Repetitions in a clip stand behind one another, as the order is stable.
    if (next != first && wanted[next - 1].clip == place.clip)
      std::memcpy(pixels, clip.frame(wanted[next - 1].slot), clip.frame_bytes());
    else
      requests[place.clip].render(picture, pixels);
  }
}

}  // namespace permafrost
