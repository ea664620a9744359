// SPDX-License-Identifier: Apache-2.0
#pragma once

// Features that outlive a run: a folder of safetensors files, one for each encoder, task and number
// of clips. A second head or protocol, or a run that was killed, does not encode again.
//
//   FeatureCache cache("~/.cache/permafrost/features", 10e9);
//   if (auto found = cache.find(key)) return *found;
//   cache.keep(key, "vjepa on motion", features);
//
// Any number of processes may use a folder: files appear whole, and one that is removed while
// another process reads it stays with that process.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "probes/encode/features.h"

namespace permafrost {

struct CachedFeatures {
  std::string key;
  std::uint64_t bytes = 0;
  std::filesystem::file_time_type used;
};

class FeatureCache {
 public:
  // `most_bytes`: of all files together; those that were used longest ago make room.
  FeatureCache(std::filesystem::path folder, double most_bytes);

  // Tokens, further views and failures; the targets are left to the caller. Nothing where there is
  // no such file; one whose checksum is wrong is removed.
  std::optional<LabelledFeatures> find(const std::string& key) const;
  // Whether they were kept: not where they are larger than the cache, or the disk is full.
  bool keep(const std::string& key, const std::string& what,
            const LabelledFeatures& features) const;

  // The one that was used last comes first.
  std::vector<CachedFeatures> entries() const;
  // How many files were removed.
  std::int64_t clear() const;

 private:
  std::filesystem::path file_of(const std::string& key) const;
  void make_room(double bytes) const;

  std::filesystem::path folder_;
  double most_bytes_;
};

// What keep() was told of a file; "damaged" where it cannot be read.
std::string described(const std::filesystem::path& folder, const std::string& key);

// $PERMAFROST_FEATURES_CACHE ("off": none), else permafrost/features below $XDG_CACHE_HOME or
// ~/.cache. Empty where there is no such place.
std::filesystem::path default_feature_cache();

}  // namespace permafrost
