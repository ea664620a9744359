// SPDX-License-Identifier: Apache-2.0
#pragma once

// The source of a list, whatever form it has: files, members of archives, or a pack.
#include <filesystem>
#include <memory>

#include "datasets/clips/clip_source.h"
#include "datasets/clips/source.h"

namespace permafrost {

// `manifest` is read_manifest(path). Throws InputError as ManifestSource and PackSource.
std::unique_ptr<ClipSource> list_source(const std::filesystem::path& path, Manifest manifest,
                                        const VideoOptions& options);

}  // namespace permafrost
