// SPDX-License-Identifier: Apache-2.0
#include "datasets/lists/missing_files.h"

#include <gtest/gtest.h>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace missing_files_test {

namespace fs = std::filesystem;

class MissingFiles : public testing::Test {
 protected:
  void SetUp() override {
    write_file_atomically(folder_ / "a.mp4", "a");
    write_file_atomically(folder_ / "b.mp4", "b");
  }
  Manifest read(const std::string& text) const {
    write_file_atomically(path(), text);
    return read_manifest(path(), {.require_files = false});
  }
  fs::path path() const { return folder_ / "list.txt"; }
  const TestFolder folder_;
};

TEST_F(MissingFiles, AreToldWithTheirNumberAndTheFirstOfThem) {
  EXPECT_NO_THROW(require_files(read("a.mp4 0\nb.mp4 1\n"), path()));
  std::string text = "a.mp4 0\n";
  for (int k = 0; k < 7; ++k) text += "gone" + std::to_string(k) + ".mp4 1\n";
  try {
    require_files(read(text), path());
    FAIL() << "seven files are missing";
  } catch (const InputError& error) {
    const std::string what = error.what();
    for (const char* part : {"list.txt:2: path", "7 of 8 missing", "gone0.mp4", "gone4.mp4", "..."})
      EXPECT_NE(what.find(part), std::string::npos) << what;
    EXPECT_EQ(what.find("gone5.mp4"), std::string::npos) << what;
  }
}

TEST_F(MissingFiles, AreTakenOut) {
  Manifest whole = read("a.mp4 0\nb.mp4 1\n");
  const std::string identity = whole.identity;
  EXPECT_TRUE(take_out_missing(whole, path()).empty());
  EXPECT_EQ(whole.identity, identity);
  Manifest list = read("a.mp4 0\ngone.mp4 1\nb.mp4 1\n");
  EXPECT_EQ(take_out_missing(list, path()), (std::vector<std::string>{"gone.mp4"}));
  ASSERT_EQ(list.entries.size(), 2U);
  EXPECT_EQ(list.entries[1].name, "b.mp4");
  EXPECT_NE(list.identity, identity);
  Manifest none = read("gone.mp4 1\n");
  EXPECT_THROW(take_out_missing(none, path()), InputError);
}

}  // namespace missing_files_test
}  // namespace permafrost
