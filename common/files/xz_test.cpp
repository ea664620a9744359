// SPDX-License-Identifier: Apache-2.0
#include "common/files/xz.h"

#include <gtest/gtest.h>

#include "common/error.h"

namespace permafrost {
namespace xz_test {

// "permafrost\n" as xz -9 packs it.
const unsigned char kPacked[] = {
    0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00,
    0x21, 0x01, 0x1c, 0x00, 0x00, 0x00, 0x10, 0xcf, 0x58, 0xcc, 0x01, 0x00, 0x0a, 0x70,
    0x65, 0x72, 0x6d, 0x61, 0x66, 0x72, 0x6f, 0x73, 0x74, 0x0a, 0x00, 0x00, 0x68, 0xd8,
    0x70, 0x43, 0x47, 0xb6, 0xae, 0x8a, 0x00, 0x01, 0x23, 0x0b, 0xc2, 0x1b, 0xfd, 0x09,
    0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a};

std::string packed() { return {reinterpret_cast<const char*>(kPacked), sizeof kPacked}; }

std::string complaint(const std::string& bytes, std::size_t most = 100) {
  try {
    unpacked_xz(bytes, "a.xz", most);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Xz, GivesWhatWasPacked) {
  EXPECT_TRUE(is_xz(packed()));
  EXPECT_EQ(unpacked_xz(packed(), "a.xz"), "permafrost\n");
  EXPECT_EQ(unpacked_xz(packed() + packed(), "a.xz"), "permafrost\npermafrost\n");
}

TEST(Xz, RefusesWhatIsDamagedOrCutShortOrTooLarge) {
  EXPECT_FALSE(is_xz("permafrost"));
  EXPECT_NE(
      complaint("permafrost on the ground").find("a.xz: expected an .xz file, found damaged data"),
      std::string::npos);
  EXPECT_NE(complaint(packed().substr(0, 40)).find("cut short"), std::string::npos);
  std::string damaged = packed();
  damaged[30] = static_cast<char>(damaged[30] ^ 0x40);
  EXPECT_NE(complaint(damaged), "");
  EXPECT_NE(complaint(packed(), 5).find("at most 5 bytes"), std::string::npos);
}

}  // namespace xz_test
}  // namespace permafrost
