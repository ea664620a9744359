// SPDX-License-Identifier: Apache-2.0
#include "common/files/shared_folder.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace permafrost {
namespace shared_folder_test {

constexpr const char* kVariable = "PERMAFROST_SHARED_FOLDER_TEST";

TEST(SharedFolder, IsTheOneInTheSourceWhereNothingIsInstalled) {
  ::unsetenv(kVariable);
  EXPECT_EQ(shared_folder(kVariable, "no-such-part", "/source/part"), "/source/part");
}

TEST(SharedFolder, IsTheOneThatTheEnvironmentNames) {
  ::setenv(kVariable, "/elsewhere", 1);
  EXPECT_EQ(shared_folder(kVariable, "no-such-part", "/source/part"), "/elsewhere");
  ::unsetenv(kVariable);
}

TEST(SharedFolder, IsTheOneBesideTheProgram) {
  ::unsetenv(kVariable);
  std::error_code ignored;
  const auto program = std::filesystem::read_symlink("/proc/self/exe");
  const auto share = program.parent_path().parent_path() / "share";
  ASSERT_FALSE(std::filesystem::exists(share)) << "of another test";
  std::filesystem::create_directories(share / "permafrost/part-of-a-test");
  EXPECT_EQ(shared_folder(kVariable, "part-of-a-test", "/source/part"),
            share / "permafrost/part-of-a-test");
  std::filesystem::remove_all(share, ignored);
}

}  // namespace shared_folder_test
}  // namespace permafrost
