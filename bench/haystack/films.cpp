// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/films.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "bench/haystack/clip_pools.h"
#include "bench/haystack/needle_videos.h"
#include "common/error.h"
#include "common/files/csv.h"
#include "common/files/files.h"
#include "common/machine/core_seconds.h"
#include "common/machine/parallel.h"
#include "datasets/clips/long_video.h"
#include "datasets/rendered/video_writer.h"
#include "probes/encode/long_features.h"

namespace permafrost {
namespace {
namespace fs = std::filesystem;

using synthetic::NeedleSource;
using synthetic::Split;

std::int64_t clips_of_film(const HaystackSpec& spec, int frames_of_clip) {
  const std::int64_t frames = 60 * spec.film_minutes;
  return (frames + frames_of_clip - 1) / frames_of_clip;
}

// Clips of a film as numbers in the test pool: hay, and behind it needles.
struct FilmClips {
  std::vector<std::int64_t> clips, needles, places;
  int truth = 0;
  int depth = 0;
};

FilmClips film_clips(const HaystackSpec& spec, const TestVideos& videos, std::int64_t film) {
  FilmClips out{.needles = videos.needles_of(film), .depth = depth_in_turn(spec, film)};
  out.places = videos.places_of(film, out.depth);
  out.truth = videos.truth_of(film, out.depth);
  for (std::int64_t place = 0; place < videos.clips(); ++place)
    out.clips.push_back(hay_at(spec.training.seed, film, place, spec.hay));
  for (std::size_t k = 0; k < out.places.size(); ++k)
    out.clips[static_cast<std::size_t>(out.places[k])] = spec.hay + out.needles[k];
  return out;
}

Clip rendered(const HaystackSpec& spec, const ClipShape& shape, const FilmClips& film) {
  const NeedleSource hay = pool_source(spec, false, Split::test, shape);
  const NeedleSource needles = pool_source(spec, true, Split::test, shape);
  Clip frames(
      ClipShape{shape.frames * static_cast<int>(film.clips.size()), shape.height, shape.width});
  std::uint8_t* at = frames.pixels.data();
  for (const std::int64_t clip : film.clips) {
    const Sample sample =
        clip < spec.hay ? hay.read(clip, 0, 1) : needles.read(clip - spec.hay, 0, 1);
    at = std::copy(sample.clip.pixels.begin(), sample.clip.pixels.end(), at);
  }
  return frames;
}

std::string film_name(std::int64_t film) {
  char name[32];
  std::snprintf(name, sizeof name, "film-%03lld.mp4", static_cast<long long>(film));
  return name;
}

// A line of films.csv: names of the needles and their first frames, parted by spaces.
std::string film_line(const HaystackSpec& spec, const ClipShape& shape, std::int64_t film,
                      const FilmClips& clips) {
  const auto classes = synthetic::class_names(spec.needle);
  std::string names, frames;
  for (std::size_t k = 0; k < clips.places.size(); ++k) {
    if (k > 0) {
      names += ' ';
      frames += ' ';
    }
    names += classes[static_cast<std::size_t>(clips.needles[k] % synthetic::kNeedleClasses)];
    frames += std::to_string(clips.places[k] * shape.frames);
  }
  return film_name(film) + "," + csv_field(names) + "," + frames + "\n";
}

// Standardised tokens of a film's clips, as they are after decoding.
at::Tensor decoded_tokens(const HaystackSpec& spec, const Encoder& encoder, const fs::path& film,
                          std::int64_t clips) {
  const ClipShape shape = encoder.spec.clip_shape();
  const LongVideo video =
      long_video_of_file(film.string(), {.height = shape.height, .width = shape.width}, 1);
  std::vector<at::Tensor> parts;
  const LongVideoSeen seen = encode_windows(
      encoder, video,
      {.stride = shape.frames, .pooling = spec.pooling, .threads = spec.training.threads},
      [&](const WindowFeatures& part) { parts.push_back(standardised(part.features)); });
  if (seen.windows != clips || seen.frames != clips * shape.frames)
    throw Error(film.string() + ": expected " + std::to_string(clips * shape.frames) +
                " frames, found " + std::to_string(seen.frames));
  return at::cat(parts);
}

}  // namespace

const std::vector<fs::path>& FilmFolder::films(const HaystackSpec& spec, const ClipShape& shape) {
  const fs::path folder =
      folder_ / (std::to_string(shape.frames) + "x" + std::to_string(shape.height) + "x" +
                 std::to_string(shape.width));
  std::vector<fs::path>& paths = written_[folder];
  if (!paths.empty()) return paths;
  require_writable_directory(folder, "--films");
  const TestVideos videos(spec, clips_of_film(spec, shape.frames));
  std::vector<std::string> lines(static_cast<std::size_t>(spec.films));
  parallel_for(spec.films, spec.training.threads, [&](std::int64_t k) {
    const FilmClips clips = film_clips(spec, videos, k);
    write_file_atomically(
        folder / film_name(k),
        encode_video(rendered(spec, shape, clips), {.coding = VideoCoding::h264, .fps = 1}));
    lines[static_cast<std::size_t>(k)] = film_line(spec, shape, k, clips);
  });
  std::string list = "file,needles,first_frames\n";
  for (const auto& line : lines) list += line;
  write_file_atomically(folder / "films.csv", list);
  for (std::int64_t k = 0; k < spec.films; ++k) paths.push_back(folder / film_name(k));
  return paths;
}

HaystackFilms ask_about_films(const HaystackSpec& spec, const Encoder& encoder, FilmFolder& folder,
                              const at::Tensor& test_pool,
                              const std::function<int(const at::Tensor&)>& answer) {
  const at::NoGradGuard no_grad;
  const ClipShape shape = encoder.spec.clip_shape();
  const std::int64_t clips = clips_of_film(spec, shape.frames);
  const auto& paths = folder.films(spec, shape);
  const TestVideos videos(spec, clips);
  const double start = core_seconds();
  HaystackFilms films{.frames = clips * shape.frames};
  films.decoded = unasked_length(spec.depths);
  films.decoded.clips = clips;
  films.decoded.tokens = clips * test_pool.size(1);
  films.rendered = films.decoded;
  for (std::int64_t k = 0; k < spec.films; ++k) {
    const fs::path& path = paths[static_cast<std::size_t>(k)];
    const FilmClips film = film_clips(spec, videos, k);
    const at::Tensor before = clips_of_pool(test_pool, film.clips);
    const at::Tensor after = decoded_tokens(spec, encoder, path, clips);
    const int said = answer(before), said_after = answer(after);
    films.rendered.add_answer(film.depth, said == film.truth);
    films.decoded.add_answer(film.depth, said_after == film.truth);
    films.other_answers += said != said_after ? 1 : 0;
    films.token_change += (after - before).square().mean().item<double>();
    films.bytes += static_cast<double>(fs::file_size(path));
  }
  films.token_change = std::sqrt(films.token_change / static_cast<double>(spec.films));
  films.core_seconds = core_seconds() - start;
  return films;
}

void require_filmable(const EncoderSpec& encoder, const std::string& name) {
  const ClipShape shape = encoder.clip_shape();
  if (shape.height % 2 != 0 || shape.width % 2 != 0)
    throw InputError("--films", name, "clips with even sides, for H.264",
                     std::to_string(shape.height) + "x" + std::to_string(shape.width));
}

double film_bytes(const HaystackSpec& spec, const EncoderSpec& encoder) {
  const ClipShape shape = encoder.clip_shape();
  const auto clips = static_cast<double>(clips_of_film(spec, shape.frames));
  const double tokens =
      4.0 * encoder.width * static_cast<double>(kept_tokens(encoder, spec.pooling));
  // Pixels, and a coded film that is no larger, in every thread; or tokens before and after, the
  // parts that one of them is put together from, and their difference twice.
  const double written = clips * 2 * static_cast<double>(shape.bytes()) * spec.training.threads;
  return std::max(written, clips * tokens * 5);
}

}  // namespace permafrost
