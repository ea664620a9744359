// SPDX-License-Identifier: Apache-2.0
#pragma once

// SHA-256: the identity of weights, manifests and cells.
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace permafrost {

// Accumulates bytes; hex() finishes. Not copyable, not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(const void* bytes, std::size_t count);
  void add(std::string_view text) { add(text.data(), text.size()); }
  // 64 lower-case hexadecimal digits. May be called once.
  std::string hex();
  // The same of what was added so far; more may follow.
  std::string hex_so_far() const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_of(std::string_view bytes);

// Throws InputError when the file cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace permafrost
