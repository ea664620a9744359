// SPDX-License-Identifier: Apache-2.0
#pragma once

// Toy pretrainings from their configuration to their files. Tests only.
#include <filesystem>
#include <string>

#include "models/pretraining/pretrain.h"
#include "models/testing/toy_pretraining.h"

namespace permafrost {

// In float32; with `stop_after`, so many steps of it.
inline PretrainResult run_toy(const nlohmann::json& json, const std::filesystem::path& out,
                              int threads = 1, std::int64_t stop_after = 0) {
  return pretrain(read_pretrain_config(json, "toy.json"), json,
                  {.out = out,
                   .execution = {.threads = threads, .quiet = true},
                   .bfloat16 = false,
                   .stop_after = stop_after});
}

// Of an objective that noises clips: 4 steps of 8 clips of 18 tokens, in 6 components.
inline nlohmann::json toy_noised_run(const char* objective, const nlohmann::json& denoise,
                                     const nlohmann::json& changes) {
  nlohmann::json json = toy_pretraining({{"objective", objective},
                                         {"denoise", {{"components", 6}}},
                                         {"steps", 4},
                                         {"gradient_shards", 4}});
  if (std::string(objective) == "denoise") json.erase("predictor");
  json["denoise"].update(denoise);
  if (json["denoise"].value("space", "") == "pixel") json["denoise"].erase("components");
  json.update(changes);
  return json;
}

}  // namespace permafrost
