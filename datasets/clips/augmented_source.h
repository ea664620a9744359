// SPDX-License-Identifier: Apache-2.0
#pragma once

// A source as training sees it in one epoch: every read gives the augmented view of that epoch.
//
//   const AugmentedSource view(source, {protocol.augmentation, seed, epoch});
#include "datasets/augment/augmentation.h"
#include "datasets/clips/clip_source.h"

namespace permafrost {

// `source` must outlive it.
class AugmentedSource : public ClipSource {
 public:
  // Throws InputError for boxes and an augmentation that would move what they are around.
  AugmentedSource(const ClipSource& source, Augmentation augmentation);
  std::int64_t size() const override { return source_.size(); }
  Target target(std::int64_t index) const override { return source_.target(index); }
  std::int64_t group(std::int64_t index) const override { return source_.group(index); }
  std::string name(std::int64_t index) const override { return source_.name(index); }
  bool directional() const override { return source_.directional(); }
  Sample read(std::int64_t index, int place, int places) const override {
    return source_.read_view(index, place, places, augmentation_);
  }
  ClipSet read_all(std::int64_t index, int places) const override {
    return source_.read_views(index, places, augmentation_);
  }
  std::string identity() const override { return source_.identity(); }

 private:
  const ClipSource& source_;
  Augmentation augmentation_;
};

}  // namespace permafrost
