// SPDX-License-Identifier: Apache-2.0
#include "common/files/crc32.h"

#include <gtest/gtest.h>

#include <string>

namespace permafrost {
namespace crc32_test {

// Check values of Python's zlib.crc32.
TEST(Crc32, IsThatOfZlib) {
  EXPECT_EQ(crc32_of(""), 0U);
  EXPECT_EQ(crc32_of("a"), 0xe8b7be43U);
  EXPECT_EQ(crc32_of("123456789"), 0xcbf43926U);
  EXPECT_EQ(crc32_of(std::string(1000, '\xff')), 0xe0533230U);
}

// One bit at a time, as the definition has it.
std::uint32_t plainly(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

TEST(Crc32, IsTheSameForEveryLengthAndBeginning) {
  std::string bytes;
  for (int i = 0; i < 64; ++i) bytes += static_cast<char>(i * 37 + i / 7);
  for (std::size_t begin = 0; begin < 9; ++begin)
    for (std::size_t length = 0; length <= bytes.size() - begin; ++length)
      EXPECT_EQ(crc32_of(std::string_view(bytes).substr(begin, length)),
                plainly(std::string_view(bytes).substr(begin, length)));
}

}  // namespace crc32_test
}  // namespace permafrost
