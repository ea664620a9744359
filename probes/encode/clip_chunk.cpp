// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/clip_chunk.h"

#include <algorithm>

#include "common/error.h"
#include "common/machine/parallel.h"
#include "datasets/augment/augmentation.h"

namespace permafrost {

int views_of(const ClipSource& source, Views views) {
  return views == Views::shown ? 1 : source.views();
}

std::vector<std::uint8_t> read_chunk(const ClipSource& source, const ClipShape& shape,
                                     std::span<const std::int64_t> indices, int clips, Views views,
                                     std::span<std::string> failures, int threads) {
  const std::size_t bytes = shape.bytes(),
                    places = static_cast<std::size_t>(clips * views_of(source, views));
  const bool only_shown = views == Views::shown && source.views() > 1;
  std::vector<std::uint8_t> pixels(indices.size() * places * bytes);
  parallel_for(static_cast<std::int64_t>(indices.size()), threads, [&](std::int64_t number) {
    const auto i = static_cast<std::size_t>(number);
    if (!failures[i].empty()) return;
    // Without augmentation one view alone is cut, where there are several.
    const ClipSet set =
        only_shown ? source.read_views(indices[i], clips, {}) : source.read_all(indices[i], clips);
    failures[i] = set.failure;
    for (std::size_t place = 0; place < set.clips.size(); ++place) {
      const Clip& clip = set.clips[place];
      if (!(clip.shape == shape))
        throw Error(source.name(indices[i]) +
                    ": the clip has another shape than the encoder expects");
      std::copy(clip.pixels.begin(), clip.pixels.end(),
                pixels.begin() + static_cast<std::ptrdiff_t>((i * places + place) * bytes));
    }
  });
  return pixels;
}

}  // namespace permafrost
