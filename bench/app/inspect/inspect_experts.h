// SPDX-License-Identifier: Apache-2.0
#pragma once

// inspect, of an encoder with blocks of experts: what they are, and with --on TASK where the tokens
// of its clips go.
#include <string>
#include <vector>

#include "bench/app/inspect/inspect_health.h"
#include "models/network/expert_use.h"

namespace permafrost {

// "experts 8 of width 128 in blocks 1, 3, 2 a token"; empty where there are none.
std::string experts_text(const EncoderSpec& spec);
// Weights that a token meets; all of them where there are no experts.
std::int64_t active_parameters_of(const EncoderSpec& spec, std::int64_t parameters);

// One entry for every block with experts, over the same clips as health_on_task() looks at.
struct ExpertUseOnTask {
  std::vector<int> blocks;
  std::vector<ExpertUse> use;
};

ExpertUseOnTask expert_use_on_task(const CommonOptions& common, const HealthOptions& options,
                                   const Encoder& encoder);

// By block: load of every expert, dead ones, entropies, mutual information of a token's first
// choice with label, place and frame in bits, and first choices by frame as shares.
Json to_json(const ExpertUseOnTask& found);
std::string text_of(const ExpertUseOnTask& found);

}  // namespace permafrost
