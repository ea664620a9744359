// SPDX-License-Identifier: Apache-2.0
#include "common/events/event_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "common/error.h"
#include "common/events/crc32c.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace event_file_test {

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text.push_back(static_cast<char>(value));
  return text;
}

template <typename Number>
Number number_at(const std::string& text, std::size_t place) {
  Number number;
  std::memcpy(&number, text.data() + place, sizeof number);
  return number;
}

// The messages of a file, whose lengths and checksums must be right.
std::vector<std::string> messages_of(const std::string& file) {
  std::vector<std::string> messages;
  const auto masked = [](std::string_view part) {
    const std::uint32_t crc = crc32c_of(part);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
  };
  for (std::size_t place = 0; place < file.size();) {
    const auto length = number_at<std::uint64_t>(file, place);
    EXPECT_EQ(number_at<std::uint32_t>(file, place + 8), masked(file.substr(place, 8)));
    messages.push_back(file.substr(place + 12, length));
    EXPECT_EQ(number_at<std::uint32_t>(file, place + 12 + length), masked(messages.back()));
    place += 16 + length;
  }
  return messages;
}

TEST(Crc32c, HasTheVectorsOfTheStandard) {
  EXPECT_EQ(crc32c_of(""), 0U);
  EXPECT_EQ(crc32c_of("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c_of(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c_of(std::string(32, '\xff')), 0x62a8ab43U);
}

TEST(EventFile, WritesTheDocumentedBytes) {
  // wall_time 1.5, then the version.
  EXPECT_EQ(event_of_version(1.5),
            bytes({0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x1a, 13}) + "brain.Event:2");
  // step 300 as a varint, a summary of 13 bytes with one value of 11: tag "loss", 0.5F.
  EXPECT_EQ(
      event_of_scalars(1.5, 300, {{"loss", 0.5}}),
      bytes({0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x10, 0xac, 0x02, 0x2a, 13, 0x0a, 11, 0x0a, 4}) +
          "loss" + bytes({0x15, 0, 0, 0, 0x3f}));
}

TEST(EventFile, FramesARecordWithMaskedChecksums) {
  const std::string record = event_record("123456789");
  ASSERT_EQ(record.size(), 8U + 4 + 9 + 4);
  EXPECT_EQ(number_at<std::uint64_t>(record, 0), 9U);
  // 0xe3069283 turned right by 15 bits, plus the constant.
  EXPECT_EQ(number_at<std::uint32_t>(record, 21), 0xc78ab0e5U);
  EXPECT_EQ(messages_of(record), std::vector<std::string>{"123456789"});
}

TEST(EventFile, BeginsWithTheVersionAndGrowsByWholeRecords) {
  const TestFolder folder;
  EventFile curves(folder.path() / "a/b");
  EXPECT_EQ(curves.path().parent_path(), folder.path() / "a/b");
  EXPECT_TRUE(curves.path().filename().string().starts_with("events.out.tfevents."));
  EXPECT_EQ(messages_of(read_file(curves.path())).size(), 1U);
  curves.add(1, {{"loss", 0.25}, {"rate", 1e-3}});
  curves.add(2, {{"loss", 0.125}});
  const auto messages = messages_of(read_file(curves.path()));
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_NE(messages[0].find("brain.Event:2"), std::string::npos);
  EXPECT_NE(messages[1].find("rate"), std::string::npos);
  EXPECT_NE(messages[2].find("loss"), std::string::npos);
}

TEST(EventFile, LeavesOutWhatIsNotFinite) {
  const TestFolder folder;
  EventFile curves(folder.path());
  curves.add(1, {{"rank", std::numeric_limits<double>::quiet_NaN()}});
  EXPECT_EQ(messages_of(read_file(curves.path())).size(), 1U);
  curves.add(2, {{"rank", INFINITY}, {"loss", 1}});
  EXPECT_EQ(messages_of(read_file(curves.path())).at(1).find("rank"), std::string::npos);
}

TEST(EventFile, TwoInOneFolderAreTwoFiles) {
  const TestFolder folder;
  const EventFile one(folder.path()), other(folder.path());
  EXPECT_NE(one.path(), other.path());
}

TEST(EventFile, NamesAFolderThatCannotBeWrittenTo) {
  const TestFolder folder;
  write_file_atomically(folder.path() / "file", "");
  try {
    const EventFile curves(folder.path() / "file/curves");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("file/curves"), std::string::npos) << error.what();
  }
}

}  // namespace event_file_test
}  // namespace permafrost
