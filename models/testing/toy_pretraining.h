// SPDX-License-Identifier: Apache-2.0
#pragma once

// The smallest pretraining that has everything, for tests.
#include <nlohmann/json.hpp>

namespace permafrost {

// 6 steps of 8 clips of 4x24x24, with `changes` over it.
inline nlohmann::json toy_pretraining(const nlohmann::json& changes) {
  nlohmann::json json{{"name", "tiny"},
                      {"encoder",
                       {{"width", 16},
                        {"depth", 1},
                        {"heads", 2},
                        {"frames", 4},
                        {"height", 24},
                        {"image_width", 24}}},
                      {"predictor", {{"width", 12}, {"depth", 1}, {"heads", 2}}},
                      {"objective", "vjepa"},
                      {"batch", 8},
                      {"steps", 6},
                      {"gradient_shards", 2},
                      {"log_every", 1},
                      {"checkpoint_every", 3},
                      {"learning_rate", {{"peak", 3e-3}}}};
  json.update(changes);
  return json;
}

}  // namespace permafrost
