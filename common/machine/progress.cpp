// SPDX-License-Identifier: Apache-2.0
#include "common/machine/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace permafrost {
namespace {

std::string rate_text(double rate) {
  char text[32];
  std::snprintf(text, sizeof text, rate < 10 ? "%.2f" : (rate < 100 ? "%.1f" : "%.0f"), rate);
  return text;
}

std::string bar(double share) {
  constexpr int kCells = 24;
  const int full = static_cast<int>(share * kCells);
  std::string out = "[";
  for (int i = 0; i < kCells; ++i) out += i < full ? '#' : '.';
  return out + "]";
}

}  // namespace

std::string clock_text(double seconds) {
  const auto whole = static_cast<long long>(std::max(0.0, std::ceil(seconds)));
  char text[48];
  if (whole >= 3600)
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  else
    std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  return text;
}

std::string progress_line(const std::string& title, std::int64_t done, std::int64_t total,
                          const std::string& unit, double seconds) {
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0;
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0.0;
  std::string line = title + " " + std::to_string(static_cast<int>(share * 100)) + "% " +
                     std::to_string(done) + "/" + std::to_string(total) + " " + unit;
  if (rate <= 0) return line;
  line += " " + rate_text(rate) + " " + unit + "/s";
  if (done >= total) return line + " in " + clock_text(seconds);
  return line + " " + clock_text(static_cast<double>(total - done) / rate) + " left";
}

Progress::Progress(std::string title, std::int64_t total, std::string unit, bool quiet)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      quiet_(quiet || total <= 0),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      drawn_(start_) {}

Progress::Progress(Progress& whole, std::int64_t share, std::int64_t total)
    : total_(total), quiet_(true), whole_(&whole), share_(share) {}

Progress::~Progress() { finish(); }

void Progress::advance(std::int64_t count) {
  const std::lock_guard lock(mutex_);
  done_ += count;
  draw(false);
  if (whole_ != nullptr && total_ > 0) tell_whole(share_ * std::min(done_, total_) / total_);
}

void Progress::tell_whole(std::int64_t share) {
  if (share > told_) whole_->advance(share - told_);
  told_ = std::max(told_, share);
}

void Progress::note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  note_ = text;
}

void Progress::finish() {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  finished_ = true;
  draw(true);
  if (whole_ != nullptr) tell_whole(share_);
}

void Progress::draw(bool last) {
  if (quiet_) return;
  const auto now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const std::string behind = note_.empty() ? "" : "  " + note_;
  if (terminal_) {
    if (!last && now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    const double share = std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
    std::fprintf(stderr, "\r\033[K%s %s%s%s", bar(share).c_str(),
                 progress_line(title_, done_, total_, unit_, seconds).c_str(), behind.c_str(),
                 last ? "\n" : "");
    std::fflush(stderr);
    return;
  }
  const std::int64_t tenth = std::min<std::int64_t>(10, done_ * 10 / total_);
  if (tenth <= lines_ || (last && done_ < total_ && tenth <= lines_)) return;
  lines_ = tenth;
  std::fprintf(stderr, "%s%s\n", progress_line(title_, done_, total_, unit_, seconds).c_str(),
               behind.c_str());
}

}  // namespace permafrost
