// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one exception type of the project.
//
// Library code never prints, aborts or exits; it throws Error and the program turns it into one
// line and an exit status. Bad input (files, flags, configurations) is status 2, a run that failed
// is 1.
//
//   throw InputError("clips.csv:3", "label", "a whole number", "\"cat\"");
//   -> clips.csv:3: label: expected a whole number, found "cat"
#include <stdexcept>
#include <string>

namespace permafrost {

// A failure while running (disk full, damaged state): exit status 1.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, int exit_status = 1);
  int exit_status() const { return exit_status_; }

 private:
  int exit_status_;
};

// Bad input or usage: exit status 2. `where` names the file (with line where there is one) or flag,
// `field` the key, tensor or column (may be empty), `hint` says what to do (may be empty).
class InputError : public Error {
 public:
  InputError(const std::string& where, const std::string& field, const std::string& expected,
             const std::string& found, const std::string& hint = "");
};

// `text` in double quotes, control characters escaped and cut after 120 bytes: for error messages.
std::string quoted(const std::string& text);
// For a text that could be changed, std::quoted would otherwise be the better match by its
// argument's namespace wherever <iomanip> is included.
inline std::string quoted(std::string& text) {
  return quoted(static_cast<const std::string&>(text));
}

// The same without the quotes: a name in the middle of a sentence.
std::string unquoted(const std::string& text);

// What the operating system says of the call that failed last (errno): "No space left on device".
std::string system_reason();

}  // namespace permafrost
