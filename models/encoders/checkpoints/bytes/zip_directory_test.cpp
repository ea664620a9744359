// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/bytes/zip_directory.h"

#include "models/testing/checkpoint_files.h"

namespace permafrost {
namespace zip_directory_test {

using namespace std::string_literals;

const std::vector<ZipPart> kParts = {{"x/one", "11111"}, {"x/two", ""}, {"x/three", "333"}};

ZipRecords read(const std::string& bytes) {
  return read_zip_records(copy_bytes(bytes), "some.zip");
}

void expect_refused(const std::string& bytes, const std::string& why) {
  const std::string text = input_error_of([&] { read(bytes); });
  expect_contains(text, "some.zip: ");
  expect_contains(text, why);
}

// The bytes with those at `at`, counted from the start of the first `mark`, replaced.
std::string patched(std::string bytes, const std::string& mark, std::size_t at,
                    const std::string& with) {
  return bytes.replace(bytes.find(mark) + at, with.size(), with);
}

const std::string kEntry = "PK\x01\x02", kLocal = "PK\x03\x04", kEnd = "PK\x05\x06";

TEST(ZipRecords, AreTheBytesOfTheArchive) {
  const ZipRecords records = read(zip_of(kParts));
  ASSERT_EQ(records.size(), 3U);
  for (const auto& part : kParts) EXPECT_EQ(records.at(part.name).bytes.text(), part.bytes);
  EXPECT_TRUE(read(zip_of({})).empty());
}

TEST(ZipRecords, HaveTheChecksumsOfTheDirectory) {
  const std::string bytes = patched(zip_of(kParts), kEntry, 16, little(0xcafe1234, 4));
  EXPECT_EQ(read(bytes).at("x/one").crc32, 0xcafe1234U);
  EXPECT_EQ(read(bytes).at("x/three").crc32, 0U);
}

TEST(ZipRecords, AreFoundBeforeAComment) {
  std::string bytes = zip_of(kParts);
  bytes = bytes.substr(0, bytes.size() - 2) + little(5, 2) + "hello";
  EXPECT_EQ(read(bytes).size(), 3U);
}

TEST(ZipRecords, AreFoundThroughZip64) {
  const std::string plain = zip_of({{"x/one", "11111"}});
  const std::size_t end = plain.find(kEnd), begin = plain.find(kEntry);
  // The entry's sizes and offset move to an extra field, the end record's to that of ZIP64.
  std::string entry = plain.substr(begin, end - begin);
  entry.replace(20, 8, std::string(8, '\xff')).replace(42, 4, std::string(4, '\xff'));
  entry.replace(30, 2, little(28, 2));
  entry += little(1, 2) + little(24, 2) + little(5, 8) + little(5, 8) + little(0, 8);
  const std::string end64 = "PK\x06\x06" + little(44, 8) + little(45, 2) + little(45, 2) +
                            little(0, 8) + little(1, 8) + little(1, 8) + little(entry.size(), 8) +
                            little(begin, 8);
  const std::string locator =
      "PK\x06\x07" + little(0, 4) + little(begin + entry.size(), 8) + little(1, 4);
  const std::string last = kEnd + little(0, 4) + std::string(12, '\xff') + little(0, 2);
  const std::string bytes = plain.substr(0, begin) + entry + end64 + locator + last;
  EXPECT_EQ(read(bytes).at("x/one").bytes.text(), "11111");
  expect_refused(patched(bytes, "PK\x06\x07", 8, little(UINT64_MAX - 8, 8)), "ZIP64");
  expect_refused(patched(bytes, "PK\x06\x06", 48, little(UINT64_MAX, 8)), "a directory before");
  expect_refused(patched(bytes, "PK\x06\x06", 40, little(UINT64_MAX, 8)), "a directory before");
  expect_refused(patched(bytes, "PK\x06\x06", 32, little(UINT64_MAX, 8)), "records");
  const std::size_t extra = bytes.find(little(1, 2) + little(24, 2));
  for (const std::size_t field : {4U, 12U, 20U})
    expect_refused(std::string(bytes).replace(extra + field, 8, little(UINT64_MAX - 5, 8)),
                   "x/one");
  expect_refused(std::string(bytes).replace(extra, 2, little(2, 2)), "one size");
}

TEST(ZipRecords, AreRefusedWhenTheArchiveIsCutShort) {
  const std::string bytes = zip_of(kParts);
  for (std::size_t keep = 0; keep < bytes.size(); ++keep)
    expect_refused(bytes.substr(0, keep), "truncated");
  for (std::size_t cut = 1; cut < bytes.find(kEnd); ++cut)
    expect_refused(bytes.substr(cut), "expected");
}

TEST(ZipRecords, AreRefusedWhenPackedOrEncrypted) {
  const std::string bytes = zip_of(kParts);
  expect_refused(patched(bytes, kEntry, 10, little(8, 2)), "a deflated one");
  expect_refused(patched(bytes, kEntry, 10, little(8, 2)), "save it again with torch.save");
  expect_refused(patched(bytes, kEntry, 10, little(93, 2)), "a compressed one");
  expect_refused(patched(bytes, kEntry, 8, little(1, 2)), "an encrypted one");
}

TEST(ZipRecords, AreRefusedOutsideOfTheFileOrOverEachOther) {
  const std::string bytes = zip_of(kParts);
  expect_refused(patched(bytes, kEntry, 42, little(bytes.size() + 9, 4)), "a record within");
  expect_refused(patched(bytes, kEntry, 42, little(0xfffffff0, 4)), "a record within");
  expect_refused(patched(bytes, kEntry, 42, little(1, 4)), "a record within");
  expect_refused(patched(bytes, kEntry, 20, little(2000, 4) + little(2000, 4)), "a record within");
  expect_refused(patched(bytes, kEntry, 20, little(7, 4) + little(7, 4)), "overlap");
  expect_refused(patched(bytes, kEntry, 20, little(4, 4)), "one size");
  expect_refused(patched(bytes, kLocal, 28, little(65535, 2)), "a record within");
  expect_refused(patched(bytes, kLocal, 30, "y"), "the same name");
  expect_refused(patched(bytes, kEnd, 16, little(bytes.size(), 4)), "a directory before byte");
  expect_refused(patched(bytes, kEnd, 10, little(60000, 2)), "60000 announced");
  expect_refused(patched(bytes, kEnd, 10, little(4, 2)), "4 announced");
  expect_refused(patched(bytes, kEntry, 0, "XX"), "expected a record, found other bytes");
  expect_refused(patched(bytes, kEnd, 4, little(1, 2)), "an archive in one file");
  expect_refused(patched(bytes, kEntry, 28, little(65535, 2)), "names inside of it");
}

TEST(ZipRecords, AreRefusedWhenTwoHaveOneName) {
  expect_refused(zip_of({{"x/one", "1"}, {"x/one", "2"}}), "x/one: expected one record");
}

}  // namespace zip_directory_test
}  // namespace permafrost
