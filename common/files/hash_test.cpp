// SPDX-License-Identifier: Apache-2.0
#include "common/files/hash.h"

#include <gtest/gtest.h>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace hash_test {

// Vectors of FIPS 180-4.
TEST(Hash, MatchesPublishedVectors) {
  EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Hash, PiecesAndFilesGiveTheSameAsTheWhole) {
  const std::string text(3'000'000, 'x');
  Sha256 hash;
  hash.add(text.substr(0, 1'234'567));
  hash.add(text.substr(1'234'567));
  EXPECT_EQ(hash.hex(), sha256_of(text));
  const TestFolder folder;
  write_file_atomically(folder / "text", text);
  EXPECT_EQ(sha256_of_file(folder / "text"), sha256_of(text));
  EXPECT_THROW(sha256_of_file(folder / "absent"), InputError);
}

}  // namespace hash_test
}  // namespace permafrost
