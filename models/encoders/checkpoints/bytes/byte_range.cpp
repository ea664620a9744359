// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/bytes/byte_range.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

#include "common/error.h"
#include "common/files/files.h"

namespace permafrost {

ByteRange map_bytes(const std::filesystem::path& path) {
  const auto file = std::make_shared<MappedFile>(path);
  return {file->data(), file->size(), file};
}

ByteRange copy_bytes(std::string_view bytes) {
  const auto copy = std::make_shared<std::string>(bytes);
  return {reinterpret_cast<std::uint8_t*>(copy->data()), copy->size(), copy};
}

std::uint64_t little_endian(const std::uint8_t* data, int bytes) {
  std::uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; --i) value = value << 8 | data[i];
  return value;
}

c10::Storage storage_over(const ByteRange& bytes, std::size_t value_bytes) {
  if (bytes.size == 0) return at::empty({0}, at::kByte).storage();
  const auto alignment = std::min<std::size_t>(value_bytes, alignof(std::max_align_t));
  if (reinterpret_cast<std::uintptr_t>(bytes.data) % alignment != 0) {
    const at::Tensor copy = at::empty({static_cast<std::int64_t>(bytes.size)}, at::kByte);
    std::memcpy(copy.data_ptr(), bytes.data, bytes.size);
    return copy.storage();
  }
  auto* owner = new std::shared_ptr<const void>(bytes.owner);
  const auto release = [](void* held) { delete static_cast<std::shared_ptr<const void>*>(held); };
  return c10::Storage(c10::Storage::use_byte_size_t(), bytes.size,
                      c10::DataPtr(bytes.data, owner, release, at::kCPU));
}

at::Tensor tensor_in(const c10::Storage& storage, at::ScalarType type, std::int64_t offset,
                     at::IntArrayRef sizes, at::IntArrayRef strides) {
  return at::empty({0}, type).set_(storage, offset, sizes, strides);
}

void require_truth_values(const ByteRange& bytes, const std::string& where,
                          const std::string& field) {
  for (std::uint64_t i = 0; i < bytes.size; ++i)
    if (bytes.data[i] > 1)
      throw InputError(where, field, "truth values of 0 or 1", std::to_string(bytes.data[i]));
}

}  // namespace permafrost
