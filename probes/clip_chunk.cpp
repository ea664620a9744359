// SPDX-License-Identifier: Apache-2.0
#include "probes/clip_chunk.h"

#include <algorithm>

#include "common/error.h"

namespace permafrost {

std::vector<std::uint8_t> read_chunk(const ClipSource& source, const ClipShape& shape,
                                     std::span<const std::int64_t> indices, int clips,
                                     std::span<std::string> failures) {
  const std::size_t bytes = shape.bytes(), places = static_cast<std::size_t>(clips);
  std::vector<std::uint8_t> pixels(indices.size() * places * bytes);
  for (std::size_t i = 0; i < indices.size(); ++i)
    for (int clip = 0; clip < clips && failures[i].empty(); ++clip) {
      const Sample sample = source.read(indices[i], clip, clips);
      failures[i] = sample.failure;
      if (!sample.failure.empty()) break;
      if (!(sample.clip.shape == shape))
        throw Error(source.name(indices[i]) +
                    ": the clip has another shape than the encoder expects");
      const std::size_t place = i * places + static_cast<std::size_t>(clip);
      std::copy(sample.clip.pixels.begin(), sample.clip.pixels.end(),
                pixels.begin() + static_cast<std::ptrdiff_t>(place * bytes));
    }
  return pixels;
}

}  // namespace permafrost
