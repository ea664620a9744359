// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where the files lie that come with the program and are no part of it: encoders, specifications,
// lists of datasets.
#include <filesystem>
#include <string>

namespace permafrost {

// The first that there is of: the folder that the environment variable names; share/permafrost/NAME
// beside the Python module that holds this code, or beside bin/ of the program; else `in_source`.
std::filesystem::path shared_folder(const char* variable, const std::string& name,
                                    const std::filesystem::path& in_source);

}  // namespace permafrost
