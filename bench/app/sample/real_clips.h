// SPDX-License-Identifier: Apache-2.0
#pragma once

// The real clips that samples are measured against.
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/json/json_object.h"
#include "datasets/clips/clip_source.h"

namespace permafrost {

// Samples of a source, by number.
struct RealClips {
  std::string name;  // for people
  std::unique_ptr<ClipSource> source;
  // `real` and `other`: n each that the denoiser has not learned from, as far as is known.
  std::vector<std::int64_t> train, real, other;
};

// Of the synthetic mixture that a denoiser's provenance (run_folder.h) names: `train` are the first
// that it saw, n or as many as there are. Throws InputError naming `where` for a file that does not
// say, and where lists were mixed in, as those hold nothing back.
RealClips clips_of_pretraining(const Json& provenance, const ClipShape& shape, std::int64_t n,
                               const std::string& where);

// Of a task: `real` from its test side, `train` and `other` from its training side, two sets where
// it has 2n. Drawn by `seed`. Throws InputError for a task that is not there or has fewer than n.
RealClips clips_of_task(const std::string& suite, const std::string& task, const std::string& data,
                        const ClipShape& shape, std::int64_t n, std::uint64_t seed);

}  // namespace permafrost
