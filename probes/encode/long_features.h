// SPDX-License-Identifier: Apache-2.0
#pragma once

// Features of a video of any length under an encoder of short clips: window by window, or with all
// tokens of the video attending to each other.
//
//   encode_windows(encoder, film, {.stride = 8},
//                  [&](const WindowFeatures& part) { file.add(part.features); });
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "datasets/clips/long_video.h"
#include "models/encoders/encoder.h"

namespace permafrost {

// What is kept of a window: every token, their mean at each time step, or their mean.
enum class Pooling { none, time_step, window };

// Tokens [B,N,D] of clips after that: [B,N,D], [B,grid_t,D] or [B,1,D].
at::Tensor pooled(const at::Tensor& tokens, const EncoderSpec& spec, Pooling pooling);

struct WindowOptions {
  int stride = 0;  // frames from the beginning of a window to that of the next; at least 1
  Pooling pooling = Pooling::none;
  Tokens tokens = Tokens::patch;  // all: only without pooling
  int threads = 1;                // changes no number
};

// Some windows, in their order.
struct WindowFeatures {
  at::Tensor features;               // float32 [B,n,D]
  std::vector<std::int64_t> frames;  // [B*grid_t]: the first frame of each time step
};

struct LongVideoSeen {
  std::int64_t frames = 0, windows = 0;
};

// Windows of encoder.spec.frames frames (at_size() makes them of other lengths). Where the frames
// do not end with a window and windows leave no gaps, one more ends with the last frame, and
// overlaps the one before. Throws InputError naming the video where it is shorter than a window,
// and Error when the encoder's weights changed meanwhile.
LongVideoSeen encode_windows(const Encoder& encoder, const LongVideo& video,
                             const WindowOptions& options,
                             const std::function<void(const WindowFeatures&)>& use);
// The most memory that it takes, weights aside, whatever the length.
double window_bytes(const EncoderSpec& spec, const WindowOptions& options);

struct WholeOptions {
  Tokens tokens = Tokens::patch;
  double most_bytes = 0;                        // 0: no bound
  int threads = 1;                              // changes no number
  std::function<void(std::int64_t)> done = {};  // as JointEncoding::finish
};

// All tokens of the video attend to each other: one window that is as long as the video, B = 1.
// Positions are made for it by at_size(), whose note is put into `notes`; frames at the end that
// fill no time step are left out. Throws InputError, before the memory is taken, where it would be
// more than the bound; and for an encoder of images or one that sees clips with noise.
WindowFeatures encode_whole(const Encoder& encoder, const LongVideo& video,
                            const WholeOptions& options, std::vector<std::string>& notes);
// The most memory that it takes for so many frames, weights aside.
double whole_bytes(const EncoderSpec& spec, double frames, int threads = 1);

}  // namespace permafrost
