// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a compressed picture says about itself without being decoded. Used by frame_index.cpp.
#include <cstddef>
#include <cstdint>
#include <span>

namespace permafrost {

enum class UnitCodec { h264, hevc };

struct PacketUnits {
  bool well_formed = false;     // every unit was understood; the rest is false otherwise
  bool refresh = false;         // h264: an IDR picture, before which nothing is remembered
  bool parameter_sets = false;  // sequence or picture parameters among them
  bool unreferenced = false;    // h264: no other picture depends on this one, nor on what comes
                                // with it, so that it need not be decoded unless it is shown
};

// The NAL units of one packet. `length_bytes` 1 to 4: each unit has its length in front (MP4,
// Matroska); 0: start codes. Never reads outside of `packet`.
// Source: ITU-T H.264 (08/2021) table 7-1 and 7.4.1, nal_ref_idc; H.265 table 7-1.
PacketUnits packet_units(std::span<const std::uint8_t> packet, UnitCodec codec, int length_bytes);

// How the packets of a stream part their units: from the "avcC" or "hvcC" record in `extradata`.
int unit_length_bytes(std::span<const std::uint8_t> extradata, UnitCodec codec);

}  // namespace permafrost
