// SPDX-License-Identifier: Apache-2.0
#pragma once

// How much memory is left for this process, and how much it took.
#include <filesystem>
#include <optional>

namespace permafrost {

// Bytes that could be had now: what the machine has free, or less where a control group (of a
// container, or of a job on a cluster) allows less; file caches count as free. Nothing where the
// system does not tell. /proc and /sys are looked for under `root`.
std::optional<double> free_memory_bytes(const std::filesystem::path& root = "/");

// The most that this process has held in memory so far, mapped files among it. Nothing where the
// system does not tell.
std::optional<double> peak_memory_bytes(const std::filesystem::path& root = "/");

}  // namespace permafrost
