// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/long_features.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdio>
#include <deque>

#include "common/error.h"
#include "common/machine/parallel.h"
#include "models/encoders/input_noise.h"
#include "models/network/joint_encode.h"

namespace permafrost {
namespace {

// Windows that are encoded together: a fixed rule, as the number of threads changes no bit. The
// rule of features.cpp.
std::int64_t windows_together(const EncoderSpec& spec) {
  constexpr std::int64_t kTokensTogether = 2304, kMostTogether = 16;
  return std::clamp<std::int64_t>(kTokensTogether / std::max(1, spec.tokens()), 1, kMostTogether);
}

// Batches that are read before they are encoded side by side.
std::int64_t batches_at_once(int threads) { return 2 * std::max(1, threads); }

// Frames come in, windows go out, some at a time.
class WindowCutter {
 public:
  WindowCutter(const Encoder& encoder, const WindowOptions& options,
               const std::function<void(const WindowFeatures&)>& use)
      : encoder_(encoder),
        options_(options),
        use_(use),
        window_(encoder.spec.frames),
        together_(windows_together(encoder.spec)),
        until_next_(window_) {}

  void frame(std::int64_t number, const std::uint8_t* pixels) {
    ++seen_.frames;
    if (last_.size() == static_cast<std::size_t>(window_)) {
      // The oldest frame's memory is used again.
      last_.push_back(std::move(last_.front()));
      last_.pop_front();
    } else {
      last_.emplace_back();
    }
    last_.back().number = number;
    last_.back().pixels.assign(pixels, pixels + frame_bytes());
    if (--until_next_ == 0) cut();
  }

  LongVideoSeen end(const std::string& name) {
    if (seen_.frames < window_)
      throw InputError(name, "frames", "at least a window of " + std::to_string(window_),
                       std::to_string(seen_.frames),
                       "a smaller --frame-step gives more frames, --window full takes any number");
    if (until_next_ < options_.stride && options_.stride <= window_) cut();
    flush();
    return seen_;
  }

 private:
  struct Frame {
    std::int64_t number = 0;
    std::vector<std::uint8_t> pixels;
  };

  std::size_t frame_bytes() const {
    return ClipShape{1, encoder_.spec.height, encoder_.spec.image_width}.bytes();
  }

  // A window of the last frames.
  void cut() {
    const std::int64_t most = together_ * batches_at_once(options_.threads);
    if (pixels_.empty()) pixels_.reserve(static_cast<std::size_t>(most * window_) * frame_bytes());
    for (const Frame& frame : last_)
      pixels_.insert(pixels_.end(), frame.pixels.begin(), frame.pixels.end());
    for (int t = 0; t < window_; t += encoder_.spec.tubelet)
      numbers_.push_back(last_[static_cast<std::size_t>(t)].number);
    until_next_ = options_.stride;
    if (++waiting_ == most) flush();
  }

  at::Tensor encoded(std::int64_t begin, std::int64_t end) {
    const at::NoGradGuard no_grad;
    const EncoderSpec& spec = encoder_.spec;
    std::vector<ClipOrigin> origins;
    for (std::int64_t k = begin; k < end; ++k)
      origins.push_back({.sample = static_cast<std::uint64_t>(seen_.windows + k)});
    std::uint8_t* first =
        pixels_.data() + static_cast<std::size_t>(begin * window_) * frame_bytes();
    const at::Tensor pixels = pixel_tensor(first, end - begin, spec.clip_shape());
    const at::Device device = encoder_.weights.patch_embed.weight.device();
    const at::Tensor seen =
        with_input_noise(encoder_.weights, spec, patchify(pixels.to(device), spec), "", origins);
    return pooled(encode(encoder_.weights, spec, seen, {}, options_.tokens), spec, options_.pooling)
        .to(at::kCPU);
  }

  void flush() {
    if (waiting_ == 0) return;
    const std::int64_t batches = (waiting_ + together_ - 1) / together_;
    std::vector<at::Tensor> parts(static_cast<std::size_t>(batches));
    parallel_for(batches, options_.threads, [&](std::int64_t b) {
      parts[static_cast<std::size_t>(b)] =
          encoded(b * together_, std::min(waiting_, (b + 1) * together_));
    });
    use_({at::cat(parts), numbers_});
    seen_.windows += waiting_;
    waiting_ = 0;
    pixels_.clear();
    numbers_.clear();
  }

  const Encoder& encoder_;
  const WindowOptions& options_;
  const std::function<void(const WindowFeatures&)>& use_;
  const int window_;
  const std::int64_t together_;
  std::int64_t until_next_;            // frames to the end of the next window
  std::deque<Frame> last_;             // at most a window
  std::vector<std::uint8_t> pixels_;   // of the windows that wait
  std::vector<std::int64_t> numbers_;  // of their time steps
  std::int64_t waiting_ = 0;
  LongVideoSeen seen_;
};

std::string gigabytes(double bytes) {
  char text[48];
  std::snprintf(text, sizeof text, "%.3g GB (%.0f bytes)", bytes / 1e9, bytes);
  return text;
}

void require_fitting(const Encoder& encoder, const LongVideo& video, double frames,
                     const WholeOptions& options) {
  const double bytes = whole_bytes(encoder.spec, frames, options.threads);
  if (options.most_bytes <= 0 || bytes <= options.most_bytes) return;
  const double tokens =
      frames / encoder.spec.tubelet * encoder.spec.grid_h() * encoder.spec.grid_w();
  char count[32];
  std::snprintf(count, sizeof count, "%.0f", tokens);
  throw InputError("--window full", video.name,
                   gigabytes(bytes) + " of memory for " + count + " tokens at once",
                   gigabytes(options.most_bytes),
                   "--window " + std::to_string(encoder.spec.frames) +
                       " takes the same memory for any length; fewer tokens: a larger "
                       "--frame-step, a smaller --size; more memory: --memory");
}

// Frames come in, and go into the network's first layer some at a time.
class WholeReader {
 public:
  WholeReader(const Encoder& encoder, JointEncoding& joint) : encoder_(encoder), joint_(joint) {}

  void frame(std::int64_t number, const std::uint8_t* pixels) {
    const EncoderSpec& spec = encoder_.spec;
    if (frames_ % spec.tubelet == 0) numbers_.push_back(number);
    pixels_.insert(pixels_.end(), pixels,
                   pixels + ClipShape{1, spec.height, spec.image_width}.bytes());
    if (++frames_ % (kTimeSteps * spec.tubelet) == 0) flush();
  }

  // The frames that fill a time step.
  std::int64_t end() {
    flush();
    return frames_ / encoder_.spec.tubelet * encoder_.spec.tubelet;
  }
  std::int64_t frames() const { return frames_; }
  std::vector<std::int64_t>& numbers() { return numbers_; }

 private:
  static constexpr int kTimeSteps = 64;

  void flush() {
    EncoderSpec spec = encoder_.spec;
    const std::size_t bytes = ClipShape{1, spec.height, spec.image_width}.bytes();
    spec.frames = static_cast<int>(pixels_.size() / bytes) / spec.tubelet * spec.tubelet;
    if (spec.frames > 0) {
      const at::Tensor pixels = pixel_tensor(pixels_.data(), 1, spec.clip_shape());
      const at::Device device = encoder_.weights.patch_embed.weight.device();
      joint_.add(patchify(pixels.to(device), spec));
    }
    pixels_.clear();
  }

  const Encoder& encoder_;
  JointEncoding& joint_;
  std::int64_t frames_ = 0;
  std::vector<std::uint8_t> pixels_;
  std::vector<std::int64_t> numbers_;
};

}  // namespace

at::Tensor pooled(const at::Tensor& tokens, const EncoderSpec& spec, Pooling pooling) {
  switch (pooling) {
    case Pooling::time_step:
      return tokens.unflatten(1, {spec.grid_t(), -1}).mean(2);
    case Pooling::window:
      return tokens.mean(1, true);
    case Pooling::none:
      break;
  }
  return tokens;
}

LongVideoSeen encode_windows(const Encoder& encoder, const LongVideo& video,
                             const WindowOptions& options,
                             const std::function<void(const WindowFeatures&)>& use) {
  if (options.stride < 1) throw Error("windows: a stride below 1");
  if (options.tokens == Tokens::all && options.pooling != Pooling::none)
    throw Error("windows: class and register tokens are not pooled");
  WindowCutter cutter(encoder, options, use);
  video.show(
      [&](std::int64_t number, const std::uint8_t* pixels) { cutter.frame(number, pixels); });
  const LongVideoSeen seen = cutter.end(video.name);
  require_frozen(encoder);
  return seen;
}

double window_bytes(const EncoderSpec& spec, const WindowOptions& options) {
  const double tokens = static_cast<double>(windows_together(spec)) *
                        (spec.tokens() + (spec.per_frame ? spec.frames : 1) * spec.extra_tokens());
  // Float32 a token and batch: patches twice, the widest layer, and rows around attention.
  const double batch =
      4 * tokens * (2.0 * spec.patch_values() + 2.0 * spec.hidden() + 8.0 * spec.width);
  const double pixels =
      static_cast<double>(windows_together(spec)) * static_cast<double>(spec.clip_shape().bytes());
  const double waiting = static_cast<double>(batches_at_once(options.threads)) *
                         (pixels + 2 * 4 * tokens * spec.width);
  return std::max(1, options.threads) * batch + waiting;
}

WindowFeatures encode_whole(const Encoder& encoder, const LongVideo& video,
                            const WholeOptions& options, std::vector<std::string>& notes) {
  if (encoder.spec.per_frame)
    throw InputError("--window full", "", "an encoder of clips", encoder.name,
                     "an encoder of images sees every frame by itself: --window N gives the same "
                     "tokens");
  if (encoder.spec.input_noise > 0)
    throw InputError("--window full", "", "an encoder that sees clips as they are", encoder.name);
  require_fitting(encoder, video, static_cast<double>(video.expected), options);
  JointEncoding joint(encoder.weights);
  WholeReader reader(encoder, joint);
  video.show([&](std::int64_t number, const std::uint8_t* pixels) {
    reader.frame(number, pixels);
    // The file may have more frames than it promised.
    if (reader.frames() > video.expected)
      require_fitting(encoder, video, static_cast<double>(reader.frames()), options);
  });
  const std::int64_t frames = reader.end();
  if (frames == 0)
    throw InputError(video.name, "frames", "at least " + std::to_string(encoder.spec.tubelet),
                     std::to_string(reader.frames()));
  ClipShape shape = encoder.spec.clip_shape();
  shape.frames = static_cast<int>(frames);
  const Encoder whole = at_size(encoder, shape);
  notes.insert(notes.end(), whole.notes.begin() + static_cast<std::ptrdiff_t>(encoder.notes.size()),
               whole.notes.end());
  if (frames < reader.frames())
    notes.push_back(std::to_string(reader.frames() - frames) +
                    " frames at the end fill no time step and are left out");
  at::Tensor features =
      joint.finish(whole.weights, whole.spec,
                   {.tokens = options.tokens, .threads = options.threads, .done = options.done});
  require_frozen(encoder);
  auto& numbers = reader.numbers();
  numbers.resize(static_cast<std::size_t>(whole.spec.grid_t()));
  return {features.to(at::kCPU), std::move(numbers)};
}

double whole_bytes(const EncoderSpec& spec, double frames, int threads) {
  const double steps = frames / spec.tubelet;
  return joint_bytes(spec, steps * spec.grid_h() * spec.grid_w() + spec.extra_tokens(), threads);
}

}  // namespace permafrost
