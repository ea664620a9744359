// SPDX-License-Identifier: Apache-2.0
#pragma once

// Records that somebody else computed, as they are handed on: a folder, or an archive of one such
// as results/pico/records.tar.xz.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace permafrost {

// Copies the records of `keys` that `from` has, and `out` has not, to `out` with their predictions.
// `from` is a folder of records/ and predictions/, or a .tar or .tar.xz of these. How many of the
// keys `from` has. What is copied is checked by whoever reads it (read_record). Throws InputError
// naming `from` for something else, and for one without any record.
std::int64_t import_records(const std::filesystem::path& from, const std::vector<std::string>& keys,
                            const std::filesystem::path& out);

}  // namespace permafrost
