// SPDX-License-Identifier: Apache-2.0
// permafrost pretrain: one encoder from one configuration.
#include "models/pretrain.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/cli/options.h"
#include "bench/device.h"

namespace permafrost {

int run(const CommonOptions& common, const PretrainCommand& command) {
  Json json = read_json(command.config);
  if (common.seed_given) json["seed"] = common.seed;
  for (const auto& assignment : command.set) set_json(json, assignment);
  const PretrainConfig config = read_pretrain_config(json, command.config);
  PretrainOptions options;
  options.out = command.out;
  options.threads = common.thread_count();
  options.device = chosen_device(common.device);
  options.quiet = common.quiet;
  const PretrainResult result = pretrain(config, json, options);
  if (common.json) {
    const Json out{{"out", command.out},
                   {"steps", result.steps},
                   {"clips_per_second", result.clips_per_second},
                   {"loader",
                    {{"read_seconds", result.loader.read_seconds},
                     {"decode_seconds", result.loader.decode_seconds},
                     {"scale_seconds", result.loader.scale_seconds},
                     {"wait_seconds", result.loader.wait_seconds}}},
                   {"encoder", (options.out / "encoder.safetensors").string()}};
    std::printf("%s\n", out.dump().c_str());
  } else {
    std::printf("%s: %lld steps done, encoder in %s\n", config.name.c_str(),
                static_cast<long long>(result.steps),
                (options.out / "encoder.safetensors").c_str());
  }
  return 0;
}

}  // namespace permafrost
