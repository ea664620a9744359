// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/weighted_source.h"

#include <cmath>
#include <cstdio>

#include "common/error.h"
#include "common/files/hash.h"
#include "common/random.h"
#include "datasets/augment/augmentation.h"

namespace permafrost {

WeightedSource::WeightedSource(std::vector<WeightedPart> parts, std::uint64_t seed)
    : parts_(std::move(parts)), seed_(seed) {
  if (parts_.empty()) throw InputError("weighted lists", "", "at least one", "none");
  for (const auto& part : parts_) {
    if (!std::isfinite(part.weight) || part.weight <= 0)
      throw InputError("weighted lists", "weight", "a number above 0", std::to_string(part.weight));
    if (part.source->size() < 1 || part.source->size() > UINT32_MAX)
      throw InputError("weighted lists", "samples", "1 to 4294967295",
                       std::to_string(part.source->size()));
    total_ += part.weight;
  }
}

WeightedSource::Draw WeightedSource::draw(std::int64_t index) const {
  RandomStream stream(
      {.seed = seed_, .purpose = "weighted.source", .sample = static_cast<std::uint64_t>(index)});
  const double place = static_cast<double>(stream.uniform()) * total_;
  Draw draw;
  double sum = parts_[0].weight;
  while (place >= sum && draw.part + 1 < parts_.size()) sum += parts_[++draw.part].weight;
  draw.sample = stream.integer(static_cast<std::uint32_t>(parts_[draw.part].source->size()));
  return draw;
}

Target WeightedSource::target(std::int64_t index) const {
  const Draw drawn = draw(index);
  return parts_[drawn.part].source->target(drawn.sample);
}

std::string WeightedSource::name(std::int64_t index) const {
  const Draw drawn = draw(index);
  return parts_[drawn.part].source->name(drawn.sample);
}

Sample WeightedSource::read(std::int64_t index, int place, int places) const {
  const Draw drawn = draw(index);
  return parts_[drawn.part].source->read(drawn.sample, place, places);
}

Sample WeightedSource::read_view(std::int64_t index, int place, int places,
                                 const Augmentation& augmentation) const {
  const Draw drawn = draw(index);
  // A sample that is drawn twice is seen in two ways.
  Augmentation own = augmentation;
  own.epoch = augmentation.epoch << 32U | static_cast<std::uint64_t>(index);
  return parts_[drawn.part].source->read_view(drawn.sample, place, places, own);
}

std::string WeightedSource::identity() const {
  std::string text = "weighted " + std::to_string(seed_) + "\n";
  for (const auto& part : parts_) {
    char weight[40];
    std::snprintf(weight, sizeof weight, "%.17g", part.weight);
    text += std::string(weight) + " " + part.source->identity() + "\n";
  }
  return sha256_of(text);
}

}  // namespace permafrost
