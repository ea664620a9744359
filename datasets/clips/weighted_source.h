// SPDX-License-Identifier: Apache-2.0
#pragma once

// Several sources joined by weights, for pretraining on several datasets at once: sample i is drawn
// from source s with probability weight[s] / sum, and there uniformly, with replacement. So a small
// dataset may count as much as a large one.
//
// Source: facebookresearch/vjepa2, weighted sampling (weight of a dataset over its length, drawn
// with replacement); draws here are by stream (seed, "weighted.source", sample), so that sample i
// is the same in every run and on every thread.
//
//   std::vector<WeightedPart> parts;
//   parts.push_back({std::move(kinetics), 0.335});
//   parts.push_back({std::move(something), 0.100});
//   const WeightedSource source(std::move(parts), 239);
#include <memory>
#include <vector>

#include "datasets/clips/clip_source.h"

namespace permafrost {

struct WeightedPart {
  std::unique_ptr<ClipSource> source;
  double weight = 1;
};

// Thread-safe. Groups are the samples drawn: it is not made for being split.
class WeightedSource : public ClipSource {
 public:
  // Throws InputError for no parts, an empty part and a weight that is not above 0.
  WeightedSource(std::vector<WeightedPart> parts, std::uint64_t seed);

  // As many as a 32-bit index can name: the samples are drawn, not counted.
  std::int64_t size() const override { return std::int64_t{1} << 31; }
  Target target(std::int64_t index) const override;
  std::string name(std::int64_t index) const override;
  Sample read(std::int64_t index, int place, int places) const override;
  Sample read_view(std::int64_t index, int place, int places,
                   const Augmentation& augmentation) const override;
  std::string identity() const override;

  // The part and the sample in it that sample `index` is.
  struct Draw {
    std::size_t part = 0;
    std::int64_t sample = 0;
  };
  Draw draw(std::int64_t index) const;

 private:
  std::vector<WeightedPart> parts_;
  double total_ = 0;
  std::uint64_t seed_;
};

}  // namespace permafrost
