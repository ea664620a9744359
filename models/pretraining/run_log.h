// SPDX-License-Identifier: Apache-2.0
#pragma once

// log.jsonl of a pretraining run: lines are added as the run goes on, and a checkpoint says which
// of them belong to it.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "common/files/hash.h"

namespace permafrost {

// The first `bytes` bytes of a log, and what they are.
struct LogMark {
  std::uint64_t bytes = 0;
  std::string sha256;
};

// Not thread-safe.
class RunLog {
 public:
  explicit RunLog(std::filesystem::path path) : path_(std::move(path)) {}
  ~RunLog();
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;

  // A log of these lines alone, in place of what is there.
  void begin(const std::string& lines);
  // Throws InputError where there is a file that does not begin with the lines of the mark.
  void require(const LogMark& mark) const;
  // Goes on behind the lines of the mark; what a run wrote after its last checkpoint is cut off.
  // Where no file is there any more, `lines` begin a new one. Throws as require().
  void go_on(const LogMark& mark, const std::string& lines);

  // One call a line, so that a reader sees whole lines. Throws Error.
  void add(const std::string& line);
  // What is there now, safe on disk. Written anew where the file was taken away meanwhile.
  LogMark mark();

 private:
  void open();
  bool is_in_its_place() const;
  std::string written() const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t bytes_ = 0;
  std::unique_ptr<Sha256> hash_;
};

}  // namespace permafrost
