// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/source.h"

#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/error.h"
#include "common/files/hash.h"
#include "datasets/video/frame_folder.h"

namespace permafrost {
namespace {

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

// A file, or a folder of frames.
std::vector<Clip> clips_of(const std::string& path, const std::vector<ClipRequest>& requests,
                           const DecodeOptions& options, DecodeStatistics* statistics = nullptr) {
  return is_folder(path) ? read_frame_folder(path, requests, options, statistics)
                         : read_clips(path, requests, options, statistics);
}

}  // namespace

ManifestSource::ManifestSource(Manifest manifest, const VideoOptions& options)
    : CutSource(options), manifest_(std::move(manifest)) {}

const ManifestEntry& ManifestSource::entry(std::int64_t index) const {
  if (index < 0 || index >= size()) {
    throw InputError("manifest", "index", "0 to " + std::to_string(size() - 1),
                     std::to_string(index));
  }
  return manifest_.entries[static_cast<std::size_t>(index)];
}

std::int64_t ManifestSource::size() const {
  return static_cast<std::int64_t>(manifest_.entries.size());
}

Target ManifestSource::target(std::int64_t index) const { return target_of(entry(index)); }

std::int64_t ManifestSource::group(std::int64_t index) const { return entry(index).group; }

std::string ManifestSource::name(std::int64_t index) const { return entry(index).name; }

ClipSet ManifestSource::cut(std::int64_t index, const std::vector<ClipRequest>& requests) const {
  const ManifestEntry& file = entry(index);
  const std::string path = file.path.string();
  // Of a member, the name says more than the archive that FFmpeg was told of.
  const std::string member = file.range.is_part() ? file.name + ": " : "";
  DecodeOptions decode = options().decode;
  decode.range = file.range;
  ClipSet set;
  DecodeStatistics statistics;
  try {
    set.clips = clips_of(path, requests, decode, &statistics);
  } catch (const Error& error) {
    set.failure = member + error.what();
  } catch (const std::exception& error) {
    set.failure = member + path + ": " + error.what();
  }
  set.decode_seconds = statistics.decode_seconds;
  set.scale_seconds = statistics.scale_seconds;
  return set;
}

std::string ManifestSource::identity() const {
  return sha256_of("manifest " + manifest_.identity + "\n" + cutting_text(options()));
}

Clip read_clip(const std::string& path, const VideoOptions& options, int place, int places) {
  return std::move(clips_of(path, {clip_request(options, place, places)}, options.decode).front());
}

Clip read_clip_file(const std::string& path, const ClipShape& shape, int frame_step, int place,
                    int places) {
  return read_clip(path, {.shape = shape, .frame_step = frame_step}, place, places);
}

}  // namespace permafrost
