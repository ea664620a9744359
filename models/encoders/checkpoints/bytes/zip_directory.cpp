// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/bytes/zip_directory.h"

#include <algorithm>
#include <vector>

#include "common/error.h"

namespace permafrost {
namespace {

constexpr std::uint64_t kLocalHeader = 0x04034b50, kEntry = 0x02014b50, kEnd = 0x06054b50,
                        kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::uint64_t kLocalHeaderBytes = 30, kEntryBytes = 46, kEndBytes = 22, kEnd64Bytes = 56,
                        kLocator64Bytes = 20;
constexpr std::uint64_t kIn64 = 0xffffffff;  // the field stands in the ZIP64 part
constexpr char kSaveAgain[] = "save it again with torch.save";

struct Directory {
  std::uint64_t offset, size, entries;
};

struct Record {
  std::string name;
  std::uint64_t header, size;  // of the local header; bytes of data
  std::uint32_t crc32;
  ByteRange data;
};

std::uint64_t number(const ByteRange& file, std::uint64_t offset, int bytes) {
  return little_endian(file.data + offset, bytes);
}

bool has_signature(const ByteRange& file, std::uint64_t offset, std::uint64_t signature,
                   std::uint64_t bytes) {
  return file.holds(offset, bytes) && number(file, offset, 4) == signature;
}

// The last end record whose comment reaches to the end of the file.
std::uint64_t find_end(const ByteRange& file, const std::string& where) {
  constexpr std::uint64_t kLongestComment = 65535;
  for (std::uint64_t comment = 0; comment <= kLongestComment; ++comment) {
    if (file.size < kEndBytes + comment) break;
    const std::uint64_t at = file.size - kEndBytes - comment;
    if (number(file, at, 4) == kEnd && number(file, at + 20, 2) == comment) return at;
  }
  throw InputError(where, "", "the directory at the end of a zip archive", "none",
                   "is the file truncated?");
}

Directory find_directory(const ByteRange& file, const std::string& where) {
  const std::uint64_t end = find_end(file, where);
  Directory directory{number(file, end + 16, 4), number(file, end + 12, 4),
                      number(file, end + 10, 2)};
  std::uint64_t limit = end, disk = number(file, end + 4, 2);
  if (end >= kLocator64Bytes &&
      has_signature(file, end - kLocator64Bytes, kLocator64, kLocator64Bytes)) {
    const std::uint64_t end64 = number(file, end - kLocator64Bytes + 8, 8);
    if (!has_signature(file, end64, kEnd64, kEnd64Bytes) ||
        end64 + kEnd64Bytes > end - kLocator64Bytes)
      throw InputError(where, "directory", "the end record of ZIP64", "none where it is announced",
                       "is the file truncated?");
    directory = {number(file, end64 + 48, 8), number(file, end64 + 40, 8),
                 number(file, end64 + 32, 8)};
    disk = number(file, end64 + 16, 4);
    limit = end64;
  }
  if (disk != 0) throw InputError(where, "directory", "an archive in one file", "one of several");
  if (directory.offset > limit || directory.size > limit - directory.offset)
    throw InputError(
        where, "directory", "a directory before byte " + std::to_string(limit),
        std::to_string(directory.size) + " bytes from " + std::to_string(directory.offset));
  if (directory.entries > directory.size / kEntryBytes)
    throw InputError(where, "directory",
                     "at most " + std::to_string(directory.size / kEntryBytes) + " records",
                     std::to_string(directory.entries) + " announced");
  return directory;
}

// Takes what ZIP64's extra field holds for those of the three that are marked so.
bool read_extra64(const ByteRange& extra, std::uint64_t& size, std::uint64_t& stored,
                  std::uint64_t& header) {
  std::uint64_t at = 0;
  while (extra.holds(at, 4) && number(extra, at, 2) != 1) at += 4 + number(extra, at + 2, 2);
  std::uint64_t left = extra.holds(at, 4) ? number(extra, at + 2, 2) : 0;
  if (left > 0 && !extra.holds(at + 4, left)) return false;
  at += 4;
  for (std::uint64_t* field : {&size, &stored, &header}) {
    if (*field != kIn64) continue;
    if (left < 8) return false;
    *field = number(extra, at, 8);
    at += 8;
    left -= 8;
  }
  return true;
}

// The data behind the local header; throws unless all of it lies before the directory.
ByteRange find_data(const ByteRange& file, const Record& record, std::uint64_t directory,
                    const std::string& where) {
  const ByteRange before = file.part(0, directory);
  const auto outside = [&] {
    return InputError(
        where, record.name,
        "a record within the " + std::to_string(directory) + " bytes before the directory",
        std::to_string(record.size) + " bytes behind byte " + std::to_string(record.header));
  };
  if (!before.holds(record.header, kLocalHeaderBytes)) throw outside();
  const std::uint64_t name_bytes = number(file, record.header + 26, 2);
  const std::uint64_t begin =
      record.header + kLocalHeaderBytes + name_bytes + number(file, record.header + 28, 2);
  if (number(file, record.header, 4) != kLocalHeader || !before.holds(begin, record.size))
    throw outside();
  if (file.part(record.header + kLocalHeaderBytes, name_bytes).text() != record.name)
    throw InputError(where, record.name, "the same name in directory and record", "another");
  return file.part(begin, record.size);
}

// The entry at `at`, which moves behind it.
Record read_entry(const ByteRange& file, const Directory& directory, std::uint64_t& at,
                  const std::string& where) {
  const ByteRange all = file.part(0, directory.offset + directory.size);
  if (!has_signature(all, at, kEntry, kEntryBytes))
    throw InputError(where, "directory", "a record", "other bytes at " + std::to_string(at));
  const std::uint64_t name = number(file, at + 28, 2), extra = number(file, at + 30, 2),
                      comment = number(file, at + 32, 2);
  if (!all.holds(at + kEntryBytes, name + extra + comment))
    throw InputError(where, "directory", "names inside of it", "one that is longer");
  Record record{std::string(file.part(at + kEntryBytes, name).text()), number(file, at + 42, 4),
                number(file, at + 24, 4), static_cast<std::uint32_t>(number(file, at + 16, 4))};
  std::uint64_t stored = number(file, at + 20, 4);
  const std::uint64_t flags = number(file, at + 8, 2), method = number(file, at + 10, 2);
  if ((flags & 0x2041) != 0)
    throw InputError(where, record.name, "a plain record", "an encrypted one", kSaveAgain);
  if (method != 0)
    throw InputError(where, record.name, "a record stored as it is",
                     method == 8 ? "a deflated one" : "a compressed one", kSaveAgain);
  if (!read_extra64(file.part(at + kEntryBytes + name, extra), record.size, stored,
                    record.header) ||
      stored != record.size)
    throw InputError(where, record.name, "one size", "two that differ");
  record.data = find_data(file, record, directory.offset, where);
  at += kEntryBytes + name + extra + comment;
  return record;
}

void require_apart(const ByteRange& file, std::vector<Record>& records, const std::string& where) {
  std::sort(records.begin(), records.end(),
            [](const Record& a, const Record& b) { return a.header < b.header; });
  for (std::size_t i = 0; i + 1 < records.size(); ++i)
    if (records[i].data.data + records[i].data.size > file.data + records[i + 1].header)
      throw InputError(where, records[i + 1].name, "bytes of its own",
                       "an overlap with " + quoted(records[i].name));
}

}  // namespace

ZipRecords read_zip_records(const ByteRange& file, const std::string& where) {
  const Directory directory = find_directory(file, where);
  std::vector<Record> records;
  std::uint64_t at = directory.offset;
  for (std::uint64_t i = 0; i < directory.entries; ++i)
    records.push_back(read_entry(file, directory, at, where));
  require_apart(file, records, where);
  ZipRecords out;
  for (auto& record : records)
    if (!out.emplace(record.name, ZipRecord{record.data, record.crc32}).second)
      throw InputError(where, record.name, "one record of this name", "two");
  return out;
}

}  // namespace permafrost
