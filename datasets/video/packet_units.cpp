// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/packet_units.h"

namespace permafrost {
namespace {

using Bytes = std::span<const std::uint8_t>;

// Gathers what the units of one packet say together.
struct Summary {
  UnitCodec codec;
  int pictures = 0;
  bool referenced = false;
  bool refresh = false;
  bool parameter_sets = false;
  bool others = false;  // units that more than this picture may need

  void add(Bytes unit) {
    const int header = unit[0];
    if (codec == UnitCodec::hevc) {
      const int type = header >> 1 & 0x3f;
      pictures += type < 32;
      referenced = true;  // sub-layers make this a longer story
      parameter_sets |= type >= 32 && type <= 34;
      return;
    }
    const int type = header & 0x1f, reference = header >> 5 & 3;
    const bool picture = type >= 1 && type <= 5;
    pictures += picture;
    refresh |= type == 5;
    referenced |= picture && (reference != 0 || type == 5);
    parameter_sets |= type == 7 || type == 8 || type == 13 || type == 15;
    // Remarks (6), delimiters (9) and filling (12) go with their picture.
    others |= !picture && type != 6 && type != 9 && type != 12;
  }
  PacketUnits result() const {
    return {.well_formed = pictures > 0,
            .refresh = pictures > 0 && refresh,
            .parameter_sets = parameter_sets,
            .unreferenced = pictures > 0 && !referenced && !others};
  }
};

bool add_by_length(Bytes packet, int length_bytes, Summary& summary) {
  const auto prefix = static_cast<std::size_t>(length_bytes);
  while (!packet.empty()) {
    if (packet.size() < prefix) return false;
    std::size_t length = 0;
    for (std::size_t k = 0; k < prefix; ++k) length = length << 8 | packet[k];
    packet = packet.subspan(prefix);
    if (length == 0 || length > packet.size()) return false;
    summary.add(packet.first(length));
    packet = packet.subspan(length);
  }
  return true;
}

bool add_by_start_code(Bytes packet, Summary& summary) {
  bool any = false;
  for (std::size_t k = 0; k + 3 < packet.size(); ++k) {
    if (packet[k] != 0 || packet[k + 1] != 0 || packet[k + 2] != 1) continue;
    summary.add(packet.subspan(k + 3));
    any = true;
    k += 3;
  }
  return any;
}

}  // namespace

PacketUnits packet_units(Bytes packet, UnitCodec codec, int length_bytes) {
  Summary summary{.codec = codec};
  const bool understood = length_bytes > 0 ? add_by_length(packet, length_bytes, summary)
                                           : add_by_start_code(packet, summary);
  return understood ? summary.result() : PacketUnits{};
}

int unit_length_bytes(Bytes extradata, UnitCodec codec) {
  if (extradata.empty() || extradata[0] != 1) return 0;
  const std::size_t place = codec == UnitCodec::h264 ? 4 : 21;
  return extradata.size() > place ? (extradata[place] & 3) + 1 : 0;
}

}  // namespace permafrost
