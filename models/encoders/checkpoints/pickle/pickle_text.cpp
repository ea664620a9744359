// SPDX-License-Identifier: Apache-2.0
// Texts and numbers of pickles in their spellings. Those that are lines are of protocols 0 and 1.
#include <charconv>
#include <string>

#include "models/encoders/checkpoints/bytes/byte_range.h"
#include "models/encoders/checkpoints/pickle/pickle_machine.h"

namespace permafrost {
namespace {

using Kind = Value::Kind;

// Well-formed UTF-8: no overlong forms, no surrogates.
bool is_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned lead = byte(i);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0 || length > text.size() - i) return false;
    for (std::size_t j = 1; j < length; ++j)
      if ((byte(i + j) & 0xc0) != 0x80) return false;
    if (lead == 0xe0 && byte(i + 1) < 0xa0) return false;
    if (lead == 0xed && byte(i + 1) > 0x9f) return false;
    if (lead == 0xf0 && byte(i + 1) < 0x90) return false;
    if (lead == 0xf4 && byte(i + 1) > 0x8f) return false;
    i += length;
  }
  return true;
}

void append_utf8(std::string& out, std::uint32_t letter) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((letter >> shift) & 0x3f)); };
  if (letter < 0x80) {
    out += static_cast<char>(letter);
  } else if (letter < 0x800) {
    out += static_cast<char>(0xc0 | letter >> 6);
    tail(0);
  } else if (letter < 0x10000) {
    out += static_cast<char>(0xe0 | letter >> 12);
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xf0 | letter >> 18);
    tail(12), tail(6), tail(0);
  }
}

// The number that the first `digits` characters write in base 16; false when they do not.
bool read_hex(std::string_view text, std::size_t digits, std::uint32_t& out) {
  if (text.size() < digits) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, out, 16);
  return error == std::errc() && end == text.data() + digits;
}

}  // namespace

void PickleMachine::push_utf8(std::string_view text) {
  if (!is_utf8(text)) builder_.refuse("text in UTF-8", "other bytes");
  push(builder_.make_text(Kind::text, text));
}

// A str of Python 2 is text or bytes.
void PickleMachine::push_python2(std::string_view text) {
  push(builder_.make_text(is_utf8(text) ? Kind::text : Kind::bytes, text));
}

void PickleMachine::push_long(std::string_view bytes) {
  if (bytes.size() > 8) {
    push(builder_.make_text(Kind::big_integer, bytes));
    return;
  }
  const int count = static_cast<int>(bytes.size());
  const auto bits = little_endian(reinterpret_cast<const std::uint8_t*>(bytes.data()), count);
  const int unused = 64 - 8 * count;
  push(builder_.make_integer(count == 0 ? 0 : static_cast<std::int64_t>(bits << unused) >> unused));
}

void PickleMachine::push_decimal(std::string_view text, bool real) {
  if (text == "00" || text == "01") {
    push(builder_.boolean(text == "01"));
    return;
  }
  if (!text.empty() && text.back() == 'L') text.remove_suffix(1);
  const char* last = text.data() + text.size();
  std::int64_t integer = 0;
  double number = 0;
  const auto [end, error] = real ? std::from_chars(text.data(), last, number)
                                 : std::from_chars(text.data(), last, integer);
  if (error != std::errc() || end != last || text.empty())
    builder_.refuse("a number", "another line");
  push(real ? builder_.make_real(number) : builder_.make_integer(integer));
}

std::uint64_t PickleMachine::take_line_number() {
  const auto line = take_line();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc() || end != line.data() + line.size() || line.empty())
    builder_.refuse("a number", "another line");
  return number;
}

// 'text' or "text", with the escapes of Python 2's repr.
void PickleMachine::push_quoted(std::string_view text) {
  if (text.size() < 2 || text.front() != text.back() || (text[0] != '\'' && text[0] != '"'))
    builder_.refuse("a text in quotes", "another line");
  text = text.substr(1, text.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char escape = ++i < text.size() ? text[i] : '\0';
    std::uint32_t byte = 0;
    if (escape == 'n' || escape == 'r' || escape == 't') {
      out += escape == 'n' ? '\n' : escape == 'r' ? '\r' : '\t';
    } else if (escape == '\\' || escape == '\'' || escape == '"') {
      out += escape;
    } else if (escape == 'x' && read_hex(text.substr(i + 1), 2, byte)) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      builder_.refuse("a text with the escapes of Python", "another escape");
    }
  }
  push_python2(out);
}

// Latin-1 with \uXXXX and \UXXXXXXXX.
void PickleMachine::push_escaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char kind = i + 1 < text.size() ? text[i + 1] : '\0';
    const std::size_t digits = kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    std::uint32_t letter = static_cast<std::uint8_t>(text[i]);
    if (text[i] == '\\' && digits != 0 && read_hex(text.substr(i + 2), digits, letter)) {
      if (letter > 0x10ffff) builder_.refuse("a letter of Unicode", "a larger number");
      i += 1 + digits;
    }
    append_utf8(out, letter);
  }
  push_utf8(out);
}

}  // namespace permafrost
