// SPDX-License-Identifier: Apache-2.0
#pragma once

// Curves for TensorBoard: an event file in a folder, to which points are added as a run goes on.
//
//   EventFile curves("out/curves/run-1");
//   curves.add(10, {{"loss", 0.52}, {"learning_rate", 1e-3}});
//
// The file is a row of records: uint64 length, uint32 masked CRC-32C of the length, the bytes,
// uint32 masked CRC-32C of the bytes, little-endian. Each holds a message Event of TensorFlow's
// event.proto: wall_time (1, double), step (2, varint), file_version (3, in the first event) or
// summary (5), a Summary of values (1) with tag (1) and simple_value (2, float). A run that goes on
// begins a further file beside the first, which TensorBoard joins by time.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace permafrost {

using Scalars = std::vector<std::pair<std::string, double>>;

// The bytes of an Event with these values.
std::string event_of_scalars(double wall_time, std::int64_t step, const Scalars& scalars);
// Those of the first event of a file.
std::string event_of_version(double wall_time);
// A message as a record of the file.
std::string event_record(std::string_view message);

// Not thread-safe; any number at a time, in one folder too.
class EventFile {
 public:
  // Creates the folder and the file in it. Throws InputError where it cannot be written to.
  explicit EventFile(const std::filesystem::path& folder);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  // One record, whole or not at all. Values that are not finite are left out. Throws Error.
  void add(std::int64_t step, const Scalars& scalars);
  const std::filesystem::path& path() const { return path_; }

 private:
  void append(const std::string& record);
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t bytes_ = 0;
};

}  // namespace permafrost
