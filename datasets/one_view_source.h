// SPDX-License-Identifier: Apache-2.0
#pragma once

// One of the views (crops) of a source that has several, as a source of its own: for who looks at
// views one after the other.
#include <cstddef>
#include <iterator>
#include <memory>

#include "datasets/clip_source.h"

namespace permafrost {

class OneViewSource : public ClipSource {
 public:
  // `view` is below source->views(), and the one that source->read() shows.
  OneViewSource(std::unique_ptr<ClipSource> source, int view)
      : source_(std::move(source)), view_(view) {}
  std::int64_t size() const override { return source_->size(); }
  int label(std::int64_t index) const override { return source_->label(index); }
  std::int64_t group(std::int64_t index) const override { return source_->group(index); }
  std::optional<Box> box(std::int64_t index) const override { return source_->box(index); }
  std::string name(std::int64_t index) const override { return source_->name(index); }
  Sample read(std::int64_t index, int place, int places) const override {
    return source_->read(index, place, places);
  }
  // Decodes once; the other views are scaled for nothing, which is the lesser cost.
  ClipSet read_all(std::int64_t index, int places) const override {
    ClipSet set = source_->read_all(index, places);
    if (!set.failure.empty()) return set;
    const auto first = set.clips.begin() + static_cast<std::ptrdiff_t>(view_) * places;
    set.clips = {std::make_move_iterator(first), std::make_move_iterator(first + places)};
    return set;
  }
  Sample read_view(std::int64_t index, int place, int places,
                   const Augmentation& augmentation) const override {
    return source_->read_view(index, place, places, augmentation);
  }
  ClipSet read_views(std::int64_t index, int places,
                     const Augmentation& augmentation) const override {
    return source_->read_views(index, places, augmentation);
  }
  bool directional() const override { return source_->directional(); }
  std::string identity() const override { return source_->identity(); }

 private:
  std::unique_ptr<ClipSource> source_;
  int view_;
};

}  // namespace permafrost
