// SPDX-License-Identifier: Apache-2.0
// The main function of every test program. A program none of whose cases ran says so by its exit
// status, and where ctest gives a folder for it (PERMAFROST_SKIPPED) a file holds the reasons of
// all skipped cases, a line each: scripts/test sums them up.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

constexpr int kAllSkipped = 77;  // SKIP_RETURN_CODE in cmake/PermafrostTargets.cmake

class SkipReasons : public testing::EmptyTestEventListener {
 public:
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.skipped()) return;
    std::string reason = result.message();
    if (reason.starts_with("Skipped\n")) reason.erase(0, 8);  // googletest puts it in front
    std::replace(reason.begin(), reason.end(), '\n', ' ');
    reasons_.push_back(reason);
  }

  void write(const std::filesystem::path& file) const {
    if (reasons_.empty()) return;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out(file);
    for (const auto& reason : reasons_) out << reason << "\n";
  }

 private:
  std::vector<std::string> reasons_;
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest& tests = *testing::UnitTest::GetInstance();
  auto* reasons = new SkipReasons;  // googletest deletes it
  tests.listeners().Append(reasons);
  const int status = RUN_ALL_TESTS();
  if (const char* folder = std::getenv("PERMAFROST_SKIPPED"))
    reasons->write(std::filesystem::path(folder) / std::filesystem::path(argv[0]).filename());
  const bool all_skipped = tests.skipped_test_count() > 0 && tests.successful_test_count() == 0;
  return status == 0 && all_skipped ? kAllSkipped : status;
}
