// SPDX-License-Identifier: Apache-2.0
#pragma once

// What to do about files that a list names and that are not there. Lists for this are read with
// require_files = false, so that all that is missing is known, not the first alone.
//
//   Manifest list = read_manifest(path, {.require_files = false});
//   require_files(list, path);
#include <filesystem>
#include <string>
#include <vector>

#include "datasets/lists/manifest.h"

namespace permafrost {

// Throws InputError naming the first line without a file, how many there are, and the first few.
void require_files(const Manifest& list, const std::filesystem::path& path);

// Where most paths are missing, a mistake of reading is more likely than so many lost files: how
// the first line was read. Empty where most are there.
std::string split_hint(std::size_t missing, std::size_t entries, const std::string& first_split);

// Takes the entries without a file out and returns their names, in order. The identity becomes that
// of what is left. Throws InputError where nothing is left.
std::vector<std::string> take_out_missing(Manifest& list, const std::filesystem::path& path);

}  // namespace permafrost
