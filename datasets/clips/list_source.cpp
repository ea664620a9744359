// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/list_source.h"

#include <utility>

#include "datasets/clips/pack_source.h"

namespace permafrost {

std::unique_ptr<ClipSource> list_source(const std::filesystem::path& path, Manifest manifest,
                                        const VideoOptions& options) {
  if (is_pack(path)) return std::make_unique<PackSource>(path, std::move(manifest), options);
  return std::make_unique<ManifestSource>(std::move(manifest), options);
}

}  // namespace permafrost
