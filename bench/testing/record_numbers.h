// SPDX-License-Identifier: Apache-2.0
#pragma once

// The records of a folder less what depends on the machine and the moment. Tests only.
#include <filesystem>
#include <map>
#include <string>

#include "bench/records/record_folder.h"
#include "bench/records/record_json.h"
#include "common/files/files.h"

namespace permafrost {

// By key: the record without its times, threads and build, and its predictions.
inline std::map<std::string, std::string> numbers_of(const std::filesystem::path& out) {
  std::map<std::string, std::string> numbers;
  for (const auto& record : read_records(out)) {
    OrderedJson json = to_json(record);
    for (const auto* field : {"time", "threads", "build", "finished"}) json.erase(field);
    numbers[record.key] = json.dump() + read_file(predictions_path(out, record.key));
  }
  return numbers;
}

}  // namespace permafrost
