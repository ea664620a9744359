// SPDX-License-Identifier: Apache-2.0
#pragma once

// The smallest pretraining that has everything, for tests, and what a run leaves behind.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "common/files/files.h"

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

// Its log without the speed, which no two runs share.
inline std::vector<nlohmann::json> log_of(const std::filesystem::path& out) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(read_file(out / "log.jsonl"));
  for (std::string line; std::getline(text, line);) {
    lines.push_back(nlohmann::json::parse(line));
    lines.back().erase("clips_per_second");
  }
  return lines;
}

// Changes with which a toy run learns something: `steps` steps of 32 clips, a logged one in ten.
inline nlohmann::json learning_run(int steps) {
  return {{"batch", 32},
          {"steps", steps},
          {"log_every", 10},
          {"checkpoint_every", steps},
          {"learning_rate", {{"peak", 1e-2}, {"start", 1e-3}, {"warmup", 5}}}};
}

// The mean loss of the last `lines` of a log over that of the first.
inline double loss_left(const std::filesystem::path& out, std::size_t lines) {
  const auto log = log_of(out);
  double late = 0;
  for (std::size_t i = log.size() - lines; i < log.size(); ++i)
    late += log[i]["loss"].get<double>() / static_cast<double>(lines);
  return late / log.front()["loss"].get<double>();
}

inline std::string encoder_bytes(const std::filesystem::path& out) {
  return read_file(out / "encoder.safetensors");
}

}  // namespace permafrost
