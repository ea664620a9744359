// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where clips come from: an indexed set of labelled samples. Two kinds exist, the synthetic world
// (synthetic/) and files named by a manifest (video/).
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "datasets/box.h"
#include "datasets/clip.h"

namespace permafrost {

// One sample as pixels, or the reason why there are none. A sample that cannot be read is a value,
// not an exception: it is counted, never swapped for another.
struct Sample {
  Clip clip;
  std::string failure;  // empty when the clip is there
};

// Thread-safe: read() may be called from several threads at once.
class ClipSource {
 public:
  virtual ~ClipSource() = default;
  virtual std::int64_t size() const = 0;
  // Class index in [0, classes); -1 where there is none.
  virtual int label(std::int64_t index) const = 0;
  // Samples of one group must never be split between train and test; the index itself by default.
  virtual std::int64_t group(std::int64_t index) const { return index; }
  // Where the label is about one thing in the clip: its box, for every sample of the source or
  // none.
  virtual std::optional<Box> box(std::int64_t) const { return std::nullopt; }
  // A name for messages and prediction files: a path, or "motion/train/17".
  virtual std::string name(std::int64_t index) const = 0;
  // `place` chooses among the clips of one sample: clip `place` of `places` (temporal segments,
  // evenly placed). The pixels have the shape that the source was built for.
  virtual Sample read(std::int64_t index, int place, int places) const = 0;
  // SHA-256 over everything that decides what read() returns (paths, labels, file hashes or world
  // version, sampling and transform).
  virtual std::string identity() const = 0;
};

}  // namespace permafrost
