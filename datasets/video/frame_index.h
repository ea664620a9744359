// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which packet becomes which frame, from their time stamps, and where decoding may begin. Used by
// clip_decoding.cpp; frame_reader.h makes the notes.
#include <cstdint>
#include <optional>
#include <vector>

namespace permafrost {

// What is known of one packet of the video without decoding it.
struct PacketNote {
  static constexpr std::int64_t kNoTime = INT64_MIN;
  std::int64_t time = kNoTime;  // of presentation, in the time base of the stream
  std::int32_t bytes = 0;
  bool key = false;             // decoding may begin here, as the container says
  bool shown = true;            // false: outside of the edit list, decoded but not shown
  bool damaged = false;         // the container says so
  bool changes_codec = false;   // parameters come with it, beside its picture
  bool parameter_sets = false;  // parameters are part of it
  // Nothing decoded before it is of any use behind it; also where that is not known to matter.
  bool refresh = true;
  bool unreferenced = false;  // no other frame depends on it
};

struct FrameIndex {
  struct Entry {
    std::int64_t frame = 0;
    std::size_t packet = 0;
  };
  std::vector<std::int64_t> times;     // of frame k, ascending
  std::vector<std::int64_t> frame_of;  // a packet's frame; -1: not shown
  std::vector<std::size_t> packet_of;  // a frame's packet
  std::vector<Entry> entries;          // where decoding may begin, ascending in both

  std::int64_t frames() const { return static_cast<std::int64_t>(times.size()); }
  // -1 for a time that no packet has.
  std::int64_t frame_at(std::int64_t time) const;
  // The last entry at or before a frame; the first entry is frame 0.
  const Entry& entry_before(std::int64_t frame) const;
};

// Nothing where numbers from time stamps could be other than those of decoding from the start:
// packets without, or with equal time stamps, damaged ones, frames before the first that can be
// decoded, time stamps that are out of order by more than codecs reorder, parameters that change on
// the way.
std::optional<FrameIndex> index_frames(const std::vector<PacketNote>& packets);

}  // namespace permafrost
