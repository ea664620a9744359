// SPDX-License-Identifier: Apache-2.0
#pragma once

// Bytes of a file that the readers look into, and tensors that lie in them.
//
// A range keeps its memory alive (a private map of a file, or a copy), and so does every tensor
// made over it. Readers check offsets themselves; a range answers `holds` without overflow.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace permafrost {

struct ByteRange {
  std::uint8_t* data = nullptr;
  std::uint64_t size = 0;
  std::shared_ptr<const void> owner;

  bool holds(std::uint64_t offset, std::uint64_t length) const {
    return offset <= size && length <= size - offset;
  }
  // The range must be held.
  ByteRange part(std::uint64_t offset, std::uint64_t length) const {
    return {data + offset, length, owner};
  }
  std::string_view text() const { return {reinterpret_cast<const char*>(data), size}; }
};

// A private, copy-on-write map of the whole file. Throws InputError when it cannot be opened.
ByteRange map_bytes(const std::filesystem::path& path);
// A copy in memory.
ByteRange copy_bytes(std::string_view bytes);

// The number in `bytes` (1 to 8) little-endian bytes at `data`.
std::uint64_t little_endian(const std::uint8_t* data, int bytes);

// A storage over the range, without a copy where its address suits values of this many bytes each.
c10::Storage storage_over(const ByteRange& bytes, std::size_t value_bytes);

// A tensor within a storage. The caller has checked that the values lie inside of it.
at::Tensor tensor_in(const c10::Storage& storage, at::ScalarType type, std::int64_t offset,
                     at::IntArrayRef sizes, at::IntArrayRef strides);

// Throws InputError unless every byte of a storage of truth values is 0 or 1: others are undefined
// behaviour as a bool.
void require_truth_values(const ByteRange& bytes, const std::string& where,
                          const std::string& field);

}  // namespace permafrost
