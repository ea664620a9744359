// SPDX-License-Identifier: Apache-2.0
#include "bench/records/record_archive.h"

#include <gtest/gtest.h>

#include "bench/records/record_folder.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/files/xz.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace record_archive_test {
namespace fs = std::filesystem;

// One of the committed records.
const fs::path kArchive = fs::path(PERMAFROST_SOURCE_DIR) / "results/pico/records.tar.xz";

std::string first_key_of(const std::string& archive) {
  const std::size_t begin = archive.find("records/", archive.find("records/") + 1) + 8;
  return archive.substr(begin, 64);
}

TEST(RecordArchive, GivesRecordsWithTheirPredictions) {
  const TestFolder folder;
  const std::string key = first_key_of(unpacked_xz(read_file(kArchive), kArchive.string()));
  const std::string unknown(64, '0');
  EXPECT_EQ(import_records(kArchive, {key, unknown}, folder / "out"), 1);
  const Record record = read_record(folder / "out", key);
  EXPECT_GT(record.n(), 0);
  EXPECT_EQ(record_keys(folder / "out"), std::vector<std::string>{key});
  // From there on as from a folder.
  EXPECT_EQ(import_records(folder / "out", {key, unknown}, folder / "again"), 1);
  EXPECT_EQ(read_record(folder / "again", key).predictions, record.predictions);
}

TEST(RecordArchive, LeavesRecordsThatAreThereAlone) {
  const TestFolder folder;
  const std::string key = first_key_of(unpacked_xz(read_file(kArchive), kArchive.string()));
  write_file_atomically(record_path(folder / "out", key), "mine");
  EXPECT_EQ(import_records(kArchive, {key}, folder / "out"), 1);
  EXPECT_EQ(read_file(record_path(folder / "out", key)), "mine");
}

TEST(RecordArchive, RefusesWhatHoldsNoRecords) {
  const TestFolder folder;
  fs::create_directories(folder / "empty");
  EXPECT_THROW(import_records(folder / "empty", {}, folder / "out"), InputError);
  write_file_atomically(folder / "text.tar.xz", "no archive");
  EXPECT_THROW(import_records(folder / "text.tar.xz", {}, folder / "out"), InputError);
  EXPECT_THROW(import_records(folder / "gone.tar.xz", {}, folder / "out"), InputError);
}

}  // namespace record_archive_test
}  // namespace permafrost
