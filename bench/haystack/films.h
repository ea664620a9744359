// SPDX-License-Identifier: Apache-2.0
#pragma once

// Videos of a haystack as files: rendered, coded, decoded again and encoded window by window, as
// `permafrost features --input film.mp4 --window N --frame-step 1` does it. What coding takes from
// a needle is the difference to the same videos that were never files.
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bench/haystack/haystack_run.h"

namespace permafrost {

// Films in a folder, FOLDER/8x48x48/film-000.mp4 and so on for clips of that shape: film k is test
// video k, one frame a second, H.264 4:2:0. Beside them lies films.csv: which needles are in a
// film, and from which frame on.
class FilmFolder {
 public:
  explicit FilmFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}
  // They are written when a shape is first asked for, over what another object has left. Throws
  // Error where this FFmpeg writes no H.264.
  const std::vector<std::filesystem::path>& films(const HaystackSpec& spec, const ClipShape& shape);

 private:
  std::filesystem::path folder_;
  std::map<std::filesystem::path, std::vector<std::filesystem::path>> written_;
};

// `test_pool` are the standardised tokens of ClipPools::test; `answer` says the class of a video
// from those of its clips, [clips,n,D], one after the other.
HaystackFilms ask_about_films(const HaystackSpec& spec, const Encoder& encoder, FilmFolder& folder,
                              const at::Tensor& test_pool,
                              const std::function<int(const at::Tensor& tokens)>& answer);

// Throws InputError naming --films for an encoder whose clips have odd sides.
void require_filmable(const EncoderSpec& encoder, const std::string& name);
// The most memory that a film takes.
double film_bytes(const HaystackSpec& spec, const EncoderSpec& encoder);

}  // namespace permafrost
