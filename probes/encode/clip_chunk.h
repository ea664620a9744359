// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clips of some samples side by side, as an encoder takes them. For features, fine-tuning and the
// evaluation of heads.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "datasets/clips/clip_source.h"

namespace permafrost {

enum class Views {
  shown,  // the one that read() shows
  all     // as many as the source has
};
int views_of(const ClipSource& source, Views views);

// Pixels [samples*views*clips,T,H,W,3] of `clips` clips of every sample of `indices`, sample-major,
// view before clip. A sample that cannot be read stays black and has its reason put into `failures`
// [samples]; one that has a reason already is not read. So many threads read, sample by sample.
// Throws Error naming the sample for clips of another shape.
std::vector<std::uint8_t> read_chunk(const ClipSource& source, const ClipShape& shape,
                                     std::span<const std::int64_t> indices, int clips, Views views,
                                     std::span<std::string> failures, int threads = 1);

}  // namespace permafrost
