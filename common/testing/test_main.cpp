// SPDX-License-Identifier: Apache-2.0
// The main function of every test program.
//
//   models_tests                                 every case
//   models_tests models/network/vit_test.cpp     those of one file, as ctest runs them
//
// GoogleTest's own options come on top, but for --gtest_filter, which takes the place of a file. A
// run none of whose cases ran says so by its exit status, and where ctest names a file for it
// (PERMAFROST_SKIPPED) it holds the reasons of all skipped cases, a line each: scripts/test sums
// them up.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
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

// A filter for the cases of the file whose path ends with `path`; empty if there are none.
std::string cases_of(const std::string& path) {
  const testing::UnitTest& tests = *testing::UnitTest::GetInstance();
  std::string filter;
  for (int s = 0; s < tests.total_test_suite_count(); ++s) {
    const testing::TestSuite& suite = *tests.GetTestSuite(s);
    for (int c = 0; c < suite.total_test_count(); ++c) {
      const testing::TestInfo& test = *suite.GetTestInfo(c);
      if (std::string(test.file()).ends_with("/" + path))
        filter += std::string(filter.empty() ? "" : ":") + suite.name() + "." + test.name();
    }
  }
  return filter;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1 && GTEST_FLAG_GET(filter) == "*") {
    const std::string filter = cases_of(argv[1]);
    if (filter.empty()) {
      std::cerr << argv[0] << ": expected a test file of this program, found " << argv[1] << "\n";
      return 2;
    }
    GTEST_FLAG_SET(filter, filter);
  }
  testing::UnitTest& tests = *testing::UnitTest::GetInstance();
  auto* reasons = new SkipReasons;  // googletest deletes it
  tests.listeners().Append(reasons);
  const int status = RUN_ALL_TESTS();
  if (const char* file = std::getenv("PERMAFROST_SKIPPED")) reasons->write(file);
  const bool all_skipped = tests.skipped_test_count() > 0 && tests.successful_test_count() == 0;
  return status == 0 && all_skipped ? kAllSkipped : status;
}
