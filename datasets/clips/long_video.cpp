// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/long_video.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "datasets/video/frame_folder.h"
#include "datasets/video/frame_stream.h"

namespace permafrost {
namespace {

bool is_a_folder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

}  // namespace

LongVideo long_video_of_file(const std::string& path, const ViewSpec& view, int step,
                             const DecodeOptions& options) {
  LongVideo film{.name = path, .height = view.height, .width = view.width};
  std::int64_t frames = 0;
  if (is_a_folder(path)) {
    frames = count_frame_files(path);
  } else {
    const VideoInfo info = probe_video(path, false, options);
    frames = info.frames;
    film.fps = info.fps;
  }
  film.expected = (frames + step - 1) / step;
  film.origin = "file, every " + std::to_string(step) + ". frame";
  film.show = [=](const FrameUse& use) {
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(view.height) *
                                     static_cast<std::size_t>(view.width) * 3);
    std::int64_t number = 0;
    stream_frames(
        path, step,
        [&](const ImageView& frame) {
          resize_crop(frame, plan_view(frame.height, frame.width, view), view.antialias,
                      pixels.data());
          use(number, pixels.data());
          number += step;
        },
        options);
  };
  return film;
}

LongVideo long_video_of_world(const synthetic::SceneName& first, const ClipShape& shape,
                              std::int64_t frames) {
  LongVideo film{.name = std::string("synthetic:") + synthetic::name_of(first.task),
                 .height = shape.height,
                 .width = shape.width,
                 .expected = frames};
  film.origin = "synthetic world " + std::to_string(first.version) + ", test samples from " +
                std::to_string(first.index) + " on, " + std::to_string(shape.frames) +
                " frames each";
  film.show = [=](const FrameUse& use) {
    synthetic::SceneName scene = first;
    for (std::int64_t begin = 0; begin < frames; begin += shape.frames, ++scene.index) {
      const Clip clip = synthetic::render(synthetic::draw_scene(scene), shape);
      const std::int64_t end = std::min<std::int64_t>(frames, begin + shape.frames);
      for (std::int64_t k = begin; k < end; ++k) use(k, clip.frame(static_cast<int>(k - begin)));
    }
  };
  return film;
}

}  // namespace permafrost
