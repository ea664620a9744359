// SPDX-License-Identifier: Apache-2.0
#pragma once

// A progress bar with rate and time left on a terminal, plain lines (one per tenth) elsewhere.
// Always on stderr: stdout belongs to results.
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace permafrost {

class Progress {
 public:
  // `unit` is what is counted ("clips"). A total of 0 or less draws nothing.
  Progress(std::string title, std::int64_t total, std::string unit, bool quiet = false);
  // A part that draws nothing: counting up to `total` in it moves `whole` by `share` of its units,
  // so that work of different kinds shares one bar. Finishing it early moves the rest.
  Progress(Progress& whole, std::int64_t share, std::int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::int64_t count = 1);  // thread-safe
  void note(const std::string& text);    // shown behind the bar, thread-safe
  void finish();                         // draws the last state; the destructor calls it too

 private:
  void draw(bool last);
  void tell_whole(std::int64_t share);
  std::string title_, unit_, note_;
  std::int64_t total_, done_ = 0, lines_ = 0;
  bool quiet_, terminal_ = false, finished_ = false;
  Progress* whole_ = nullptr;
  std::int64_t share_ = 0, told_ = 0;
  std::chrono::steady_clock::time_point start_, drawn_;
  std::mutex mutex_;
};

// "title 37% 370/1000 clips 52.1 clips/s 0:12 left": the line that Progress draws.
std::string progress_line(const std::string& title, std::int64_t done, std::int64_t total,
                          const std::string& unit, double seconds);

// 75 -> "1:15", 3675 -> "1:01:15".
std::string clock_text(double seconds);

}  // namespace permafrost
