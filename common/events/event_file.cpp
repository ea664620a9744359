// SPDX-License-Identifier: Apache-2.0
#include "common/events/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <system_error>

#include "common/error.h"
#include "common/events/crc32c.h"

namespace permafrost {
namespace {

// How a field of a message is stored (protobuf's wire types).
enum class Wire { varint = 0, bytes8 = 1, counted = 2, bytes4 = 5 };

void add_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>((value & 0x7f) | 0x80));
  out.push_back(static_cast<char>(value));
}

void add_key(std::string& out, int field, Wire wire) {
  add_varint(out, static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire));
}

template <typename Unsigned>
void add_little_endian(std::string& out, Unsigned value) {
  for (std::size_t byte = 0; byte < sizeof value; ++byte)
    out.push_back(static_cast<char>((value >> (8 * byte)) & 0xff));
}

void add_counted(std::string& out, int field, std::string_view bytes) {
  add_key(out, field, Wire::counted);
  add_varint(out, bytes.size());
  out += bytes;
}

std::string event_begin(double wall_time) {
  std::string event;
  add_key(event, 1, Wire::bytes8);
  add_little_endian(event, std::bit_cast<std::uint64_t>(wall_time));
  return event;
}

std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c_of(bytes);
  return std::rotr(crc, 15) + 0xa282ead8U;
}

double wall_time_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// What TensorBoard looks for, told apart by process and number.
std::string new_file_name() {
  static std::atomic<int> number{0};
  char host[256] = "localhost";
  ::gethostname(host, sizeof host - 1);
  return "events.out.tfevents." + std::to_string(static_cast<std::int64_t>(wall_time_now())) + "." +
         host + "." + std::to_string(::getpid()) + "." + std::to_string(number++);
}

}  // namespace

std::string event_of_version(double wall_time) {
  std::string event = event_begin(wall_time);
  add_counted(event, 3, "brain.Event:2");
  return event;
}

std::string event_of_scalars(double wall_time, std::int64_t step, const Scalars& scalars) {
  std::string summary;
  for (const auto& [tag, number] : scalars) {
    std::string value;
    add_counted(value, 1, tag);
    add_key(value, 2, Wire::bytes4);
    add_little_endian(value, std::bit_cast<std::uint32_t>(static_cast<float>(number)));
    add_counted(summary, 1, value);
  }
  std::string event = event_begin(wall_time);
  add_key(event, 2, Wire::varint);
  add_varint(event, static_cast<std::uint64_t>(step));
  add_counted(event, 5, summary);
  return event;
}

std::string event_record(std::string_view message) {
  std::string length, record;
  add_little_endian(length, static_cast<std::uint64_t>(message.size()));
  record = length;
  add_little_endian(record, masked_crc(length));
  record += message;
  add_little_endian(record, masked_crc(message));
  return record;
}

EventFile::EventFile(const std::filesystem::path& folder) : path_(folder / new_file_name()) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0)
    throw InputError(folder.string(), "", "a folder that can be written to", system_reason());
  append(event_record(event_of_version(wall_time_now())));
}

EventFile::~EventFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void EventFile::add(std::int64_t step, const Scalars& scalars) {
  Scalars finite;
  for (const auto& scalar : scalars)
    if (std::isfinite(scalar.second)) finite.push_back(scalar);
  if (!finite.empty()) append(event_record(event_of_scalars(wall_time_now(), step, finite)));
}

void EventFile::append(const std::string& record) {
  const ssize_t written = ::write(descriptor_, record.data(), record.size());
  if (written != static_cast<ssize_t>(record.size())) {
    const std::string why = written < 0 ? system_reason() : std::strerror(ENOSPC);
    if (::ftruncate(descriptor_, static_cast<off_t>(bytes_)) != 0)  // no half of a record
      throw Error(path_.string() + ": cannot write, nor take it back: " + why);
    throw Error(path_.string() + ": cannot write: " + why);
  }
  bytes_ += record.size();
}

}  // namespace permafrost
