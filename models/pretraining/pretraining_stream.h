// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which clips a configuration learns from.
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "datasets/clips/clip_source.h"
#include "datasets/lists/manifest.h"
#include "models/pretraining/pretrain_config.h"

namespace permafrost {

// The lists of real clips that a configuration names; none where no clip is drawn from them.
struct RealLists {
  std::vector<Manifest> lists;
  // Of every list: how many entries it has, how many of them were left out as their files are
  // missing, the first of these, and the identity of what is left. Null where that is an error.
  Json missing;
};

// Throws InputError as read_manifest(), and as require_files() of missing_files.h.
RealLists read_real_lists(const PretrainConfig& config);

// The stream that the configuration asks for: the synthetic mixture, with real clips mixed in.
std::unique_ptr<ClipSource> pretraining_stream(const PretrainConfig& config, RealLists real);
std::unique_ptr<ClipSource> pretraining_stream(const PretrainConfig& config);

}  // namespace permafrost
