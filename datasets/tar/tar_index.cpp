// SPDX-License-Identifier: Apache-2.0
#include "datasets/tar/tar_index.h"

#include <charconv>
#include <optional>

#include "common/error.h"

namespace permafrost {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kLongestText = 1 << 20;  // of a long name or pax header

std::string at_text(std::size_t offset) { return "byte " + std::to_string(offset); }

// A field that ends at a zero byte or at its own end.
std::string_view text_field(std::string_view field) {
  return field.substr(0, std::min(field.find('\0'), field.size()));
}

// Octal digits with blanks around, or base 256 where the first bit is set.
std::optional<std::uint64_t> number_field(std::string_view field) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(field[k]); };
  if ((byte(0) & 0x80U) != 0) {
    std::uint64_t value = byte(0) & 0x7fU;
    for (std::size_t k = 1; k < field.size(); ++k) {
      if (value >> 55 != 0) return std::nullopt;
      value = value << 8 | byte(k);
    }
    return value;
  }
  std::uint64_t value = 0;
  bool any = false;
  for (const char c : text_field(field)) {
    if (c == ' ' && !any) continue;
    if (c == ' ') break;
    if (c < '0' || c > '7' || value >> 60 != 0) return std::nullopt;
    value = value << 3 | static_cast<unsigned>(c - '0');
    any = true;
  }
  return value;
}

// The sum of all bytes, with blanks for its own field.
bool has_right_sum(std::string_view header) {
  const auto told = number_field(header.substr(148, 8));
  std::uint64_t sum = 0;
  for (std::size_t k = 0; k < kBlock; ++k)
    sum += k >= 148 && k < 156 ? ' ' : static_cast<unsigned char>(header[k]);
  return told && *told == sum;
}

// What extended headers say of the member that follows.
struct Extended {
  std::optional<std::string> name;
  std::optional<std::uint64_t> size;
};

// Records "length key=value\n".
void read_pax(std::string_view text, Extended& extended, const std::string& where) {
  while (!text.empty()) {
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    const auto digits = static_cast<std::size_t>(end - text.data());
    const bool is_record = error == std::errc{} && digits > 0 && length > digits + 2 &&
                           length <= text.size() && text[digits] == ' ' && text[length - 1] == '\n';
    if (!is_record) throw InputError(where, "pax header", "records \"length key=value\"", "others");
    const std::string_view record = text.substr(digits + 1, length - digits - 2);
    text.remove_prefix(length);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = record.substr(0, equals), value = record.substr(equals + 1);
    if (key == "path") extended.name = std::string(value);
    if (key == "size") {
      std::uint64_t size = 0;
      const auto result = std::from_chars(value.data(), value.data() + value.size(), size);
      if (result.ec != std::errc{} || result.ptr != value.data() + value.size())
        throw InputError(where, "pax header", "a size in digits", quoted(std::string(value)));
      extended.size = size;
    }
  }
}

std::string member_name(std::string_view header) {
  std::string name(text_field(header.substr(0, 100)));
  const std::string prefix(text_field(header.substr(345, 155)));
  // GNU tar keeps times where ustar has the prefix, behind another magic.
  const bool is_ustar = header.substr(257, 6) == std::string_view("ustar\0", 6);
  return is_ustar && !prefix.empty() ? prefix + "/" + name : name;
}

}  // namespace

std::vector<TarMember> read_tar_index(std::string_view bytes, const std::string& where) {
  std::vector<TarMember> members;
  Extended extended;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::string_view header = bytes.substr(at, kBlock);
    if (header.find_first_not_of('\0') == std::string_view::npos) return members;
    if (header.size() < kBlock)
      throw InputError(where, at_text(at), "a header of 512 bytes",
                       std::to_string(bytes.size() - at), "the archive was cut off");
    if (!has_right_sum(header))
      throw InputError(where, at_text(at), "a tar header", "something else",
                       "only uncompressed archives are read in place");
    auto size = number_field(header.substr(124, 12));
    const char type = header[156];
    const bool is_file = type == '0' || type == '\0' || type == '7';
    if (is_file && extended.size) size = extended.size;
    at += kBlock;
    if (!size || *size > bytes.size() - at)
      throw InputError(where, at_text(at),
                       "a member of at most " + std::to_string(bytes.size() - at) + " bytes",
                       size ? std::to_string(*size) : "no number", "the archive was cut off");
    const std::string_view content = bytes.substr(at, *size);
    if ((type == 'x' || type == 'L') && content.size() > kLongestText)
      throw InputError(where, at_text(at), "an extended header below 1 MiB",
                       std::to_string(content.size()));
    if (type == 'x') read_pax(content, extended, where + ": " + at_text(at));
    if (type == 'L') extended.name = std::string(text_field(content));
    if (is_file) {
      std::string name = extended.name.value_or(member_name(header));
      while (name.starts_with("./")) name.erase(0, 2);
      if (!name.ends_with('/'))
        members.push_back(
            {std::move(name),
             {static_cast<std::int64_t>(at), static_cast<std::int64_t>(content.size())}});
    }
    if (type != 'x' && type != 'L' && type != 'K' && type != 'g') extended = {};
    // The last member may lack its padding.
    const std::size_t padded = (content.size() + kBlock - 1) / kBlock * kBlock;
    at += std::min(padded, bytes.size() - at);
  }
  return members;
}

}  // namespace permafrost
