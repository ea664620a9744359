// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/clip_decoding.h"

#include <algorithm>

#include "common/machine/stopwatch.h"

namespace permafrost {
namespace {

// Frames that a decoder has taken in but not given out are lost when decoding begins elsewhere.
constexpr std::int64_t kWorthEntering = 8;

}  // namespace

ClipDecoding::ClipDecoding(FrameReader& reader, RgbConverter& converter,
                           const std::vector<ClipRequest>& requests,
                           const std::vector<WantedFrame>& wanted, std::vector<Clip>& clips,
                           DecodeStatistics& statistics)
    : reader_(reader),
      converter_(converter),
      requests_(requests),
      wanted_(wanted),
      clips_(clips),
      statistics_(statistics) {}

const AVFrame* ClipDecoding::next_frame() {
  const Stopwatch watch;
  const AVFrame* frame = reader_.next();
  statistics_.decoded += frame != nullptr;
  statistics_.decode_seconds += watch.seconds();
  return frame;
}

void ClipDecoding::render(const AVFrame& frame) {
  const Stopwatch watch;
  render_wanted(converter_.convert(frame), requests_, wanted_, next_, clips_);
  statistics_.scale_seconds += watch.seconds();
}

std::int64_t ClipDecoding::from_start() {
  reader_.start_at(0);
  next_ = 0;
  std::int64_t decoded = 0;
  while (next_ < wanted_.size()) {
    const AVFrame* frame = next_frame();
    if (frame == nullptr) break;
    if (wanted_[next_].frame == decoded++) render(*frame);
  }
  return decoded;
}

// Decodes up to the wanted frame and renders it.
bool ClipDecoding::decode_up_to(const FrameIndex& index, std::int64_t wanted) {
  for (;;) {
    const AVFrame* frame = next_frame();
    if (frame == nullptr || frame->pts == AV_NOPTS_VALUE || !reader_.first_error().empty())
      return false;
    const std::int64_t number = index.frame_at(frame->pts);
    // Frames shown before the entry may lack what they depend on.
    if (at_entry_ && number >= 0 && number < expected_) continue;
    if (at_entry_ && !is_key(*frame)) return false;
    at_entry_ = false;
    while (expected_ < index.frames() &&
           left_out_[index.packet_of[static_cast<std::size_t>(expected_)]] != 0)
      ++expected_;
    if (number != expected_) return false;
    ++expected_;
    if (number < wanted) continue;
    render(*frame);
    return true;
  }
}

// What is decoded in one go: from an entry, up to wanted_[end).
std::size_t ClipDecoding::end_of_run(const FrameIndex& index) const {
  std::size_t end = next_ + 1;
  while (end < wanted_.size() &&
         index.entry_before(wanted_[end].frame).frame <= wanted_[end - 1].frame + kWorthEntering)
    ++end;
  return end;
}

// Leaves out what no wanted frame of the run depends on: what nothing depends on, and all that is
// stored behind the last of them, so that the decoder is emptied instead of fed. (Not from an entry
// that is a recovery point of H.264: FFmpeg 5.1 holds frames behind it back when it is emptied.)
void ClipDecoding::leave_out(const FrameIndex& index, const FrameIndex::Entry& entry,
                             std::size_t end) {
  const auto& notes = reader_.notes();
  left_out_.resize(notes.size());
  for (std::size_t packet = 0; packet < notes.size(); ++packet)
    left_out_[packet] = notes[packet].unreferenced;
  std::size_t last = 0;
  for (std::size_t k = next_; k < end; ++k) {
    const std::size_t packet = index.packet_of[static_cast<std::size_t>(wanted_[k].frame)];
    left_out_[packet] = 0;
    last = std::max(last, packet);
  }
  if (notes[entry.packet].refresh)
    std::fill(left_out_.begin() + static_cast<std::ptrdiff_t>(last) + 1, left_out_.end(), 1);
}

bool ClipDecoding::by_index(const FrameIndex& index) {
  next_ = 0;
  while (next_ < wanted_.size()) {
    const std::size_t end = end_of_run(index);
    const FrameIndex::Entry entry = index.entry_before(wanted_[next_].frame);
    leave_out(index, entry, end);
    statistics_.entries += entry.packet > 0;
    reader_.start_at(entry.packet, left_out_);
    expected_ = entry.frame;
    at_entry_ = true;
    while (next_ < end)
      if (!decode_up_to(index, wanted_[next_].frame)) return false;
  }
  return true;
}

}  // namespace permafrost
