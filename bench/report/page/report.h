// SPDX-License-Identifier: Apache-2.0
#pragma once

// `permafrost report`: a folder of results as one HTML file that needs nothing else.
//
//   write_report("out", "out/report.html");
//
// The page is a function of the folder and of the program's zoo and specifications: no clock, no
// network, no script. Everything that comes out of files is escaped.
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace permafrost {

struct Report {
  std::string html;
  std::size_t tables = 0, records = 0, panels = 0;
  std::vector<std::string> problems;  // what is wrong with the folder
  std::vector<std::string> left_out;  // figures and parts of them, and why; the page says it too
};

// The page as it lies in the folder of `out`, which its links to records and predictions are
// relative to. Throws as read_results_folder.
Report make_report(const std::filesystem::path& folder, const std::filesystem::path& out);

// make_report into the file, whole or not at all.
Report write_report(const std::filesystem::path& folder, const std::filesystem::path& out);

}  // namespace permafrost
