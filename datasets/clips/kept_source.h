// SPDX-License-Identifier: Apache-2.0
#pragma once

// A source that keeps what it has read: several encoders then look at the same files, each decoded
// once.
#include <memory>
#include <mutex>
#include <vector>

#include "datasets/clips/clip_source.h"

namespace permafrost {

// Holds every sample in memory after its first read, so it is meant for small sets: the whole set
// takes size() * places * shape.bytes(). Failures are kept as well. Thread-safe.
class KeptSource : public ClipSource {
 public:
  // `places`: the number of clips a sample that is kept, all of them from the first read on; reads
  // with another number go through. A source of several views is not kept.
  KeptSource(std::unique_ptr<ClipSource> source, int places);

  std::int64_t size() const override { return source_->size(); }
  Target target(std::int64_t index) const override { return source_->target(index); }
  std::int64_t group(std::int64_t index) const override { return source_->group(index); }
  std::string name(std::int64_t index) const override { return source_->name(index); }
  std::string identity() const override { return source_->identity(); }
  Sample read(std::int64_t index, int place, int places) const override;
  ClipSet read_all(std::int64_t index, int places) const override;
  int views() const override { return source_->views(); }
  int view() const override { return source_->view(); }
  // Not kept: a training view is cut from the full frames, and seldom asked for twice.
  Sample read_view(std::int64_t index, int place, int places,
                   const Augmentation& augmentation) const override;
  ClipSet read_views(std::int64_t index, int places,
                     const Augmentation& augmentation) const override;
  bool directional() const override { return source_->directional(); }

 private:
  struct Entry {
    std::once_flag once;
    ClipSet set;
  };
  const ClipSet& kept(std::int64_t index) const;
  std::unique_ptr<ClipSource> source_;
  int places_;  // 0: nothing is kept
  mutable std::vector<Entry> entries_;
};

}  // namespace permafrost
