// SPDX-License-Identifier: Apache-2.0
#include "bench/app/inspect/inspect_pack.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "datasets/pack/pack.h"

namespace permafrost {

int inspect_pack(const CommonOptions& common, const std::string& folder) {
  const Pack pack(folder);
  const PackInfo& info = pack.info();
  std::int64_t frames = 0, stored = 0, bytes = 0;
  std::map<std::string, std::int64_t> sizes;
  for (std::int64_t i = 0; i < pack.size(); ++i) {
    const PackedSample& sample = pack.sample(i);
    if (!sample.failure.empty()) continue;
    frames += sample.frames;
    stored += static_cast<std::int64_t>(sample.stored.size());
    ++sizes[std::to_string(sample.width) + "x" + std::to_string(sample.height)];
  }
  for (const auto& shard : info.shards) bytes += static_cast<std::int64_t>(shard.bytes);
  if (common.json) {
    const OrderedJson json = {{"kind", "pack"},
                              {"identity", info.identity},
                              {"spec", to_json(info.spec)},
                              {"list", info.list_name},
                              {"list_identity", info.list_identity},
                              {"classes", info.classes},
                              {"class_names", info.class_names},
                              {"samples", info.samples},
                              {"failures", info.failures},
                              {"shards", info.shards.size()},
                              {"frames", frames},
                              {"stored_frames", stored},
                              {"bytes", bytes},
                              {"sizes", sizes}};
    std::printf("%s\n", json.dump(2, ' ', false, OrderedJson::error_handler_t::replace).c_str());
    return 0;
  }
  std::printf("pack        %s\nsha256      %s\nframes      %s\n", folder.c_str(),
              info.identity.c_str(), to_json(info.spec).dump().c_str());
  std::printf("list        %s, sha256 %s\n", info.list_name.c_str(), info.list_identity.c_str());
  std::printf("samples     %lld of %d classes, %lld that could not be decoded\n",
              static_cast<long long>(info.samples), info.classes,
              static_cast<long long>(info.failures));
  std::printf("stored      %lld of %lld frames, %.1f MB in %zu shards\n",
              static_cast<long long>(stored), static_cast<long long>(frames),
              static_cast<double>(bytes) / 1e6, info.shards.size());
  std::string line = "sizes      ";
  int told = 0;
  for (const auto& [size, count] : sizes)
    if (told++ < 8) line += " " + size + " (" + std::to_string(count) + ")";
  std::printf("%s%s\n", line.c_str(), sizes.size() > 8 ? " ..." : "");
  return 0;
}

}  // namespace permafrost
