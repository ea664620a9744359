// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which frames of a file are wanted, and their decoding. Used by decoder.cpp.
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/images/picture.h"
#include "datasets/video/decoder.h"
#include "datasets/video/frame_reader.h"

namespace permafrost {

// One attempt to fill the clips of a scanned reader.
class ClipDecoding {
 public:
  ClipDecoding(FrameReader& reader, RgbConverter& converter,
               const std::vector<ClipRequest>& requests, const std::vector<WantedFrame>& wanted,
               std::vector<Clip>& clips, DecodeStatistics& statistics);

  // Frames are numbered by their time stamps; decoding begins at the key frames that save most, and
  // what no other frame depends on is left out. False, with nothing to rely on, where anything is
  // other than the index says.
  bool by_index(const FrameIndex& index);

  // From the start, numbered by counting; returns how many were decoded. All places are filled if
  // that is more than the last wanted frame.
  std::int64_t from_start();

 private:
  const AVFrame* next_frame();
  void render(const AVFrame& frame);
  std::size_t end_of_run(const FrameIndex& index) const;
  void leave_out(const FrameIndex& index, const FrameIndex::Entry& entry, std::size_t end);
  bool decode_up_to(const FrameIndex& index, std::int64_t wanted);

  FrameReader& reader_;
  RgbConverter& converter_;
  const std::vector<ClipRequest>& requests_;
  const std::vector<WantedFrame>& wanted_;
  std::vector<Clip>& clips_;
  DecodeStatistics& statistics_;
  std::size_t next_ = 0;        // of wanted_
  std::vector<char> left_out_;  // by packet
  std::int64_t expected_ = 0;   // the next frame that the index expects
  bool at_entry_ = false;       // nothing was decoded since decoding began
};

}  // namespace permafrost
