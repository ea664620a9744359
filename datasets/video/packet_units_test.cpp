// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/packet_units.h"

#include <gtest/gtest.h>

#include <vector>

namespace permafrost {
namespace packet_units_test {

using Bytes = std::vector<std::uint8_t>;

Bytes with_lengths(const std::vector<Bytes>& units) {
  Bytes packet;
  for (const auto& unit : units) {
    packet.insert(packet.end(), {0, 0, 0, static_cast<std::uint8_t>(unit.size())});
    packet.insert(packet.end(), unit.begin(), unit.end());
  }
  return packet;
}

Bytes with_start_codes(const std::vector<Bytes>& units) {
  Bytes packet;
  for (const auto& unit : units) {
    packet.insert(packet.end(), {0, 0, 1});
    packet.insert(packet.end(), unit.begin(), unit.end());
  }
  return packet;
}

// First bytes of H.264 units.
const Bytes kSlice = {0x41, 7, 7}, kUnreferenced = {0x01, 7, 7}, kKey = {0x65, 7},
            kParameters = {0x67, 7, 7, 7}, kRemark = {0x06, 5}, kDelimiter = {0x09, 0xf0};

TEST(PacketUnits, BothWaysToPartUnits) {
  const auto check = [](const std::vector<Bytes>& units, bool parameter_sets, bool unreferenced) {
    for (const int length_bytes : {4, 0}) {
      const Bytes packet = length_bytes == 4 ? with_lengths(units) : with_start_codes(units);
      const PacketUnits found = packet_units(packet, UnitCodec::h264, length_bytes);
      EXPECT_TRUE(found.well_formed);
      EXPECT_EQ(found.parameter_sets, parameter_sets);
      EXPECT_EQ(found.unreferenced, unreferenced);
      EXPECT_EQ(found.refresh, units.back() == kKey);
    }
  };
  check({kSlice}, false, false);
  check({kUnreferenced}, false, true);
  check({kDelimiter, kRemark, kUnreferenced, kUnreferenced}, false, true);
  check({kUnreferenced, kSlice}, false, false);
  check({kParameters, kUnreferenced}, true, false);  // others may need the parameters
  check({kParameters, kKey}, true, false);
}

TEST(PacketUnits, Hevc) {
  const Bytes trail_n = {0x00, 1, 9}, vps = {0x40, 1, 9};
  const PacketUnits slice = packet_units(with_lengths({trail_n}), UnitCodec::hevc, 4);
  EXPECT_TRUE(slice.well_formed);
  EXPECT_FALSE(slice.unreferenced);  // unreferenced in its own sub-layer only
  EXPECT_TRUE(packet_units(with_lengths({vps, trail_n}), UnitCodec::hevc, 4).parameter_sets);
}

TEST(PacketUnits, NonsenseIsNotWellFormed) {
  EXPECT_FALSE(packet_units({}, UnitCodec::h264, 4).well_formed);
  EXPECT_FALSE(packet_units({}, UnitCodec::h264, 0).well_formed);
  EXPECT_FALSE(packet_units(Bytes{0, 0, 0, 9, 1}, UnitCodec::h264, 4).well_formed);
  EXPECT_FALSE(packet_units(Bytes{0, 0, 0, 0, 1}, UnitCodec::h264, 4).well_formed);
  EXPECT_FALSE(packet_units(Bytes{0, 0}, UnitCodec::h264, 4).well_formed);
  EXPECT_FALSE(packet_units(with_lengths({kRemark}), UnitCodec::h264, 4).well_formed);
  // A start code at the very end, with nothing behind it.
  EXPECT_FALSE(packet_units(Bytes{0, 0, 1}, UnitCodec::h264, 0).well_formed);
  for (std::size_t cut = 0; cut < 11; ++cut) {
    Bytes packet = with_lengths({kSlice, kSlice});
    packet.resize(cut);
    EXPECT_EQ(packet_units(packet, UnitCodec::h264, 4).well_formed, cut == 7) << cut;
  }
}

TEST(PacketUnits, LengthFromTheRecord) {
  EXPECT_EQ(unit_length_bytes(Bytes{1, 100, 0, 30, 0xff, 0xe1}, UnitCodec::h264), 4);
  EXPECT_EQ(unit_length_bytes(Bytes{1, 100, 0, 30, 0xfd, 0xe1}, UnitCodec::h264), 2);
  EXPECT_EQ(unit_length_bytes(Bytes{0, 0, 0, 1, 0x67}, UnitCodec::h264), 0);
  EXPECT_EQ(unit_length_bytes({}, UnitCodec::h264), 0);
  EXPECT_EQ(unit_length_bytes(Bytes{1, 2}, UnitCodec::hevc), 0);
  Bytes record(23, 0);
  record[0] = 1;
  record[21] = 3;
  EXPECT_EQ(unit_length_bytes(record, UnitCodec::hevc), 4);
}

}  // namespace packet_units_test
}  // namespace permafrost
