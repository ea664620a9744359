// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where records lie: the JSON of a record, and its predictions, one line a sample.
//
//   OUT/records/<key>.json        see record_json.h
//   OUT/predictions/<key>.csv     see predictions_file.h
//
// A record is never believed: reading it recomputes the key from its fields and the value from its
// predictions.
#include <filesystem>
#include <string>
#include <vector>

#include "bench/records/record.h"

namespace permafrost {

std::filesystem::path record_path(const std::filesystem::path& out, const std::string& key);
std::filesystem::path predictions_path(const std::filesystem::path& out, const std::string& key);

// Predictions first, then the record that names them, both atomically: a record that is there is
// whole. `record` must be complete.
void write_record(const std::filesystem::path& out, const Record& record);

// Throws InputError naming the file for what is missing, damaged, foreign (another key or schema)
// or does not agree with its predictions.
Record read_record(const std::filesystem::path& out, const std::string& key);
// Its `used_by` alone, at a small part of the cost: nothing else of it is checked.
std::vector<CellUse> read_uses(const std::filesystem::path& out, const std::string& key);
// Every record under OUT/records, in order of file name. Throws as read_record, and for a folder
// that is not there.
std::vector<Record> read_records(const std::filesystem::path& out);

// A record whose predictions may be gone (a baseline that keeps the numbers only): value and ci95
// are then what the file says, and n() is 0.
struct StoredRecord {
  Record record;
  bool has_predictions = true;
};

// As read_record; predictions that are there are believed as little as by it.
StoredRecord read_stored_record(const std::filesystem::path& out, const std::string& key);
// Of every file under OUT/records, in order. Throws InputError for a folder that is not there.
std::vector<std::string> record_keys(const std::filesystem::path& out);
std::vector<StoredRecord> read_stored_records(const std::filesystem::path& out);

}  // namespace permafrost
