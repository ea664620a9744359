// SPDX-License-Identifier: Apache-2.0
#pragma once

// The part of `permafrost features` that goes through a whole video (--window).
#include <string>
#include <vector>

#include "bench/app/command_line.h"

namespace permafrost {

struct LongFeaturesOptions {
  // From the command's own flags.
  std::string input, output, tokens = "patch";
  std::vector<int> size;  // T,H,W; empty: the encoder's
  int frame_step = 4, stream = -1;
  // Flags of long videos alone.
  std::string window;  // frames, or "full"; empty: the command takes one clip
  int stride = 0;      // 0: the window's length
  std::string pool = "none";
  std::int64_t frames = 0;  // of a synthetic input
  int world_version = 1;
  double memory = 0;  // gigabytes; 0: what is free
};

void add_long_features_flags(CLI::App* command, LongFeaturesOptions& options);
// Throws InputError naming the flag where one of them is given without --window.
void require_no_long_flags(const LongFeaturesOptions& options);

// `encoder` as it was read.
int run_long_features(const CommonOptions& common, const Encoder& encoder,
                      const LongFeaturesOptions& options);

}  // namespace permafrost
