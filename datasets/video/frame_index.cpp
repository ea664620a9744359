// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/frame_index.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace permafrost {
namespace {

// No codec delays a picture by more than 16 others.
constexpr std::int64_t kMostReordering = 32;

bool trusted(const std::vector<PacketNote>& packets) {
  return !packets.empty() && packets.front().key &&
         std::none_of(packets.begin(), packets.end(), [](const PacketNote& p) {
           return p.damaged || p.changes_codec || p.time == PacketNote::kNoTime;
         });
}

// Parameters inside of the stream must come with every entry from their first on, else what an
// entry is decoded with depends on what was decoded before it.
bool parameters_come_with_entries(const std::vector<PacketNote>& packets) {
  bool seen = false;
  for (const auto& packet : packets) {
    if (packet.parameter_sets && !packet.key) return false;
    seen |= packet.parameter_sets;
    if (seen && packet.key && !packet.parameter_sets) return false;
  }
  return true;
}

// Numbers the shown packets by time; false where two are equal or one is too far from its place.
bool number_frames(const std::vector<PacketNote>& packets, FrameIndex& index) {
  for (std::size_t k = 0; k < packets.size(); ++k)
    if (packets[k].shown) index.packet_of.push_back(k);
  const std::vector<std::size_t> stored = index.packet_of;
  std::sort(index.packet_of.begin(), index.packet_of.end(),
            [&](std::size_t a, std::size_t b) { return packets[a].time < packets[b].time; });
  index.frame_of.assign(packets.size(), -1);
  for (std::size_t frame = 0; frame < index.packet_of.size(); ++frame) {
    const std::size_t packet = index.packet_of[frame];
    index.times.push_back(packets[packet].time);
    index.frame_of[packet] = static_cast<std::int64_t>(frame);
    if (frame > 0 && index.times[frame] == index.times[frame - 1]) return false;
  }
  for (std::size_t place = 0; place < stored.size(); ++place)
    if (std::llabs(index.frame_of[stored[place]] - static_cast<std::int64_t>(place)) >
        kMostReordering)
      return false;
  return !stored.empty();
}

// A packet begins a part of its own when it is a key and all before it are shown before it. Frames
// behind it in the file that are shown before it belong to the part before (open groups).
void find_entries(const std::vector<PacketNote>& packets, FrameIndex& index) {
  std::int64_t latest = -1;
  for (std::size_t k = 0; k < packets.size(); ++k) {
    const std::int64_t frame = index.frame_of[k];
    if (packets[k].key && frame > latest) index.entries.push_back({frame, k});
    latest = std::max(latest, frame);
  }
}

}  // namespace

std::int64_t FrameIndex::frame_at(std::int64_t time) const {
  const auto found = std::lower_bound(times.begin(), times.end(), time);
  return found != times.end() && *found == time ? found - times.begin() : -1;
}

const FrameIndex::Entry& FrameIndex::entry_before(std::int64_t frame) const {
  const auto after =
      std::upper_bound(entries.begin(), entries.end(), frame,
                       [](std::int64_t value, const Entry& entry) { return value < entry.frame; });
  return *(after - 1);
}

std::optional<FrameIndex> index_frames(const std::vector<PacketNote>& packets) {
  FrameIndex index;
  if (!trusted(packets) || !parameters_come_with_entries(packets) || !number_frames(packets, index))
    return std::nullopt;
  find_entries(packets, index);
  // What is not shown at the start is decoded all the same: the first entry is the first packet.
  if (index.frame_of.front() < 0) {
    if (!index.entries.empty() && index.entries.front().frame == 0)
      index.entries.erase(index.entries.begin());
    index.entries.insert(index.entries.begin(), {0, 0});
  }
  if (index.entries.empty() || index.entries.front().frame != 0) return std::nullopt;
  return index;
}

}  // namespace permafrost
