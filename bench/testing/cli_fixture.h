// SPDX-License-Identifier: Apache-2.0
#pragma once

// Runs the program as a user would, in a folder of its own. Tests only.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {

struct Ran {
  int status = -1;
  std::string out, err;
};

class Cli : public testing::Test {
 protected:
  // Tests leave nothing in the user's own folders.
  explicit Cli(std::string program = PERMAFROST_PROGRAM) : program_(std::move(program)) {
    ::setenv("PERMAFROST_FEATURES_CACHE", "off", 1);
  }

  Ran program(const std::string& arguments, const std::string& before = "") const {
    const std::string command =
        before + " " + program_ + " " + arguments + " 2>'" + (folder_ / "stderr").string() + "'";
    Ran run;
    FILE* pipe = ::popen(command.c_str(), "r");
    std::array<char, 4096> block{};
    while (const std::size_t n = std::fread(block.data(), 1, block.size(), pipe))
      run.out.append(block.data(), n);
    const int status = ::pclose(pipe);
    run.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    run.err = read_file(folder_ / "stderr");
    return run;
  }

  // Exit 2, nothing on stdout, one line on stderr that holds every part.
  void expect_refusal(const std::string& arguments, const std::vector<std::string>& parts) const {
    const Ran run = program(arguments);
    EXPECT_EQ(run.status, 2) << arguments << "\n" << run.err;
    EXPECT_EQ(run.out, "") << arguments;
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
    for (const auto& part : parts)
      EXPECT_NE(run.err.find(part), std::string::npos) << "no \"" << part << "\" in: " << run.err;
  }

  std::string write(const std::string& name, const std::string& text) const {
    write_file_atomically(folder_ / name, text);
    return (folder_ / name).string();
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  // A run of seconds: 4 frames of 24x24, one narrow block.
  std::string tiny_config() const {
    return write("tiny.json", R"({
      "objective": "vjepa", "masking": "multiblock", "batch": 8, "gradient_shards": 2, "steps": 6,
      "checkpoint_every": 2, "log_every": 1,
      "encoder": {"width": 24, "depth": 1, "heads": 2, "frames": 4, "height": 24, "image_width": 24},
      "predictor": {"width": 12, "depth": 1, "heads": 2}})");
  }

  const TestFolder folder_;

 private:
  const std::string program_;
};

}  // namespace permafrost
