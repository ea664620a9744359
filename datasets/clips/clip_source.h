// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where clips come from: an indexed set of labelled samples. Clips are drawn (the
// synthetic world, synthetic/), or read from files of a manifest (source.h) or from a pack
// (pack_source.h); other sources hand on those of a source that they are given: augmented, kept in
// memory, or by weight from several.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datasets/clip.h"
#include "datasets/target.h"

namespace permafrost {

struct Augmentation;  // datasets/augment/augmentation.h

// One sample as pixels, or the reason why there are none. A sample that cannot be read is a value,
// not an exception: it is counted, never swapped for another.
struct Sample {
  Clip clip;
  std::string failure;  // empty when the clip is there
};

// All clips of a sample, or the reason why there are none.
struct ClipSet {
  std::vector<Clip> clips;
  std::string failure;  // empty when the clips are there
  // Of reading and decoding, and of what makes pixels of a view from frames; 0 where the source
  // does not tell.
  double decode_seconds = 0, scale_seconds = 0;
};

// Thread-safe: read() may be called from several threads at once.
class ClipSource {
 public:
  virtual ~ClipSource() = default;
  virtual std::int64_t size() const = 0;
  // What is true of the sample; of one kind in a whole source.
  virtual Target target(std::int64_t index) const = 0;
  // Its class index in [0, classes); -1 where there is none.
  int label(std::int64_t index) const { return target(index).label(); }
  // Samples of one group must never be split between train and test; the index itself by default.
  virtual std::int64_t group(std::int64_t index) const { return index; }
  bool has_boxes() const { return size() > 0 && target(0).box().has_value(); }
  // A name for messages and prediction files: a path, or "motion/train/17".
  virtual std::string name(std::int64_t index) const = 0;
  // `place` chooses among the clips of one sample: clip `place` of `places` (temporal segments,
  // evenly placed). The pixels have the shape that the source was built for.
  virtual Sample read(std::int64_t index, int place, int places) const = 0;
  // All clips of a sample at once: clip `place` of view `view` is number view * places + place, and
  // equals what read() gives of it. A file is decoded once.
  virtual ClipSet read_all(std::int64_t index, int places) const;
  // Spatial crops of every clip in read_all(), and which of them read() shows.
  virtual int views() const { return 1; }
  virtual int view() const { return 0; }
  // The same clip as training sees it: an augmented view, a pure function of its arguments. What
  // is read() where nothing is asked for. By default the clip of read() is augmented as if it were
  // the full picture, and drawn by the index in this source.
  virtual Sample read_view(std::int64_t index, int place, int places,
                           const Augmentation& augmentation) const;
  // read_view() of all places at once.
  virtual ClipSet read_views(std::int64_t index, int places,
                             const Augmentation& augmentation) const;
  // Whether left and right are part of what the labels say: training views are then not mirrored.
  virtual bool directional() const { return false; }
  // SHA-256 over everything that decides what read() returns (paths, labels, file hashes or world
  // version, sampling and transform).
  virtual std::string identity() const = 0;
};

}  // namespace permafrost
