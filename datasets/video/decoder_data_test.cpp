// SPDX-License-Identifier: Apache-2.0
// Real files, good and broken, against what the ffmpeg program makes of them. The files are not in
// the tree: PERMAFROST_DATA_DIR names their folder, ../shared/data is the default.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <regex>
#include <sstream>

#include "common/error.h"
#include "common/files/files.h"
#include "common/machine/parallel.h"
#include "common/random.h"
#include "datasets/clips/source.h"
#include "datasets/images/picture.h"
#include "datasets/video/frame_reader.h"

extern "C" {
#include <libavutil/md5.h>
}

namespace permafrost {
namespace decoder_data_test {

namespace fs = std::filesystem;

fs::path data_folder() {
  const char* named = std::getenv("PERMAFROST_DATA_DIR");
  return named != nullptr ? named : PERMAFROST_SOURCE_DIR "/../shared/data";
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// A line of EXPECTED_ffmpeg51.tsv.
struct Expected {
  std::string file, status, codec;
  int width = 0;
  int height = 0;
  std::int64_t decoded = 0;
};

std::vector<Expected> expected_files() {
  std::vector<Expected> files;
  for (const std::string& line : lines_of(data_folder() / "EXPECTED_ffmpeg51.tsv")) {
    std::vector<std::string> cells;
    std::istringstream stream(line);
    for (std::string cell; std::getline(stream, cell, '\t');) cells.push_back(cell);
    if (cells.size() < 15 || cells[0] == "file") continue;
    files.push_back({cells[0], cells[2], cells[4], std::atoi(cells[6].c_str()),
                     std::atoi(cells[7].c_str()), std::atoll(cells[14].c_str())});
  }
  return files;
}

// One hash a frame, in order.
std::vector<std::string> reference_hashes(const std::string& file) {
  std::vector<std::string> hashes;
  const fs::path path = data_folder() / "decode_oracles/framemd5" / (file + ".framemd5");
  for (const std::string& line : lines_of(path)) {
    if (!line.starts_with('#')) hashes.push_back(line.substr(line.rfind(' ') + 1));
  }
  return hashes;
}

std::string hash_of(const AVFrame& frame) {
  const auto format = static_cast<AVPixelFormat>(frame.format);
  const int bytes = av_image_get_buffer_size(format, frame.width, frame.height, 1);
  std::vector<std::uint8_t> packed(static_cast<std::size_t>(bytes));
  av_image_copy_to_buffer(packed.data(), bytes, frame.data, frame.linesize, format, frame.width,
                          frame.height, 1);
  std::uint8_t digest[16];
  av_md5_sum(digest, packed.data(), static_cast<decltype(packed.size())>(bytes));
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

struct Decoded {
  std::int64_t frames = 0;
  std::int64_t matching = 0;
  int width = 0;
  int height = 0;
};

Decoded decode_all(const std::string& path, const std::vector<std::string>& hashes) {
  Decoded result;
  try {
    FrameReader reader(path, {});
    for (const AVFrame* frame = reader.next(); frame != nullptr; frame = reader.next()) {
      const auto index = static_cast<std::size_t>(result.frames++);
      result.width = frame->width;
      result.height = frame->height;
      result.matching += index < hashes.size() && hash_of(*frame) == hashes[index];
    }
  } catch (const InputError& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with(path)) << error.what();
  }
  return result;
}

// Every intact file of these is compared, without exception.
bool is_one_of_the_main_codecs(const std::string& codec) {
  for (const char* name : {"h264", "hevc", "vp8", "vp9", "av1"})
    if (codec == name) return true;
  return false;
}

void check_file(const Expected& expected, const std::vector<std::string>& hashes) {
  const std::string path = (data_folder() / expected.file).string();
  const auto start = std::chrono::steady_clock::now();
  const Decoded found = decode_all(path, hashes);
  EXPECT_EQ(found.frames, expected.decoded) << path;
  if (expected.decoded > 0) {
    EXPECT_EQ(found.width, expected.width) << path;
    EXPECT_EQ(found.height, expected.height) << path;
  }
  const bool has_reference = expected.status == "ok" && is_one_of_the_main_codecs(expected.codec);
  EXPECT_TRUE(!has_reference || !hashes.empty()) << path << " has no reference hashes";
  if (!hashes.empty()) {
    EXPECT_EQ(found.matching, static_cast<std::int64_t>(hashes.size())) << path;
  }
  // The way of the program: a clip where there is a frame, and a reason everywhere else.
  try {
    const Clip clip = read_clip_file(path, ClipShape{4, 32, 32}, 4);
    EXPECT_GT(expected.decoded, 0) << path;
    EXPECT_EQ(clip.pixels.size(), clip.shape.bytes());
  } catch (const InputError& error) {
    EXPECT_EQ(expected.decoded, 0) << error.what();
    EXPECT_TRUE(std::string(error.what()).starts_with(path)) << error.what();
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  // A broken file must not take long to be found out; a good one may be long.
  EXPECT_LT(seconds.count(), expected.status == "ok" ? 120 : 10) << path;
}

TEST(DecoderData, EveryFileIsWhatFfmpegSaysItIs) {
  const std::vector<Expected> files = expected_files();
  if (files.empty()) GTEST_SKIP() << "no EXPECTED_ffmpeg51.tsv in " << data_folder();
  parallel_for(static_cast<std::int64_t>(files.size()), available_threads(), [&](std::int64_t k) {
    const Expected& expected = files[static_cast<std::size_t>(k)];
    check_file(expected, reference_hashes(expected.file));
  });
}

// Full frames of some places, by one of the two ways.
std::vector<Clip> frames_of(const std::string& path,
                            const std::vector<std::vector<std::int64_t>>& at, const VideoInfo& info,
                            bool random_access, DecodeStatistics& counts) {
  std::vector<ClipRequest> requests;
  for (const auto& indices : at)
    requests.push_back(clip_request([indices](std::int64_t) { return indices; },
                                    {.height = info.height, .width = info.width}));
  return read_clips(path, requests, {.random_access = random_access}, &counts);
}

TEST(DecoderData, RandomAccessEqualsDecodingFromTheStart) {
  std::vector<Expected> files = expected_files();
  std::erase_if(files,
                [](const Expected& file) { return file.status != "ok" || file.decoded < 1; });
  if (files.empty()) GTEST_SKIP() << "no EXPECTED_ffmpeg51.tsv in " << data_folder();
  std::mutex mutex;
  std::int64_t entered = 0, saved = 0;
  std::vector<std::string> fallbacks;
  parallel_for(static_cast<std::int64_t>(files.size()), available_threads(), [&](std::int64_t k) {
    const Expected& file = files[static_cast<std::size_t>(k)];
    const std::string path = (data_folder() / file.file).string();
    const VideoInfo info = probe_video(path);
    const std::int64_t n = file.decoded;
    RandomStream stream({.seed = 1, .purpose = "test", .sample = static_cast<std::uint64_t>(k)});
    const auto any = [&] {
      return static_cast<std::int64_t>(stream.integer(static_cast<std::uint32_t>(n)));
    };
    const std::int64_t middle = any();
    const std::vector<std::vector<std::vector<std::int64_t>>> cases = {
        {{n - 1}},
        {{middle, std::min(n - 1, middle + 4), std::min(n - 1, middle + 8)}, {n / 4}},
        {{any()}},
        {{0, n / 3, n * 2 / 3, n - 1}, {n / 2, n / 2}}};
    DecodeStatistics direct, sequential;
    for (const auto& at : cases) {
      const auto ours = frames_of(path, at, info, true, direct);
      const auto reference = frames_of(path, at, info, false, sequential);
      for (std::size_t clip = 0; clip < ours.size(); ++clip)
        EXPECT_EQ(ours[clip].pixels, reference[clip].pixels) << path << " " << at[0][0];
    }
    EXPECT_EQ(sequential.entries, 0);
    const std::lock_guard lock(mutex);
    entered += direct.entries > 0;
    saved += sequential.decoded - direct.decoded;
    if (direct.fallbacks > 0) fallbacks.push_back(file.file);
  });
  EXPECT_EQ(fallbacks, std::vector<std::string>{});
  EXPECT_GT(entered, 20);
  EXPECT_GT(saved, 10'000);
}

// The smallest mean difference to the bytes of `reference` at any place: its files hold the frame
// [H,W,3] uncompressed, aligned to 64 bytes, somewhere behind a header.
double levels_apart(const std::vector<std::uint8_t>& pixels, const std::string& reference) {
  if (reference.find(std::string(pixels.begin(), pixels.end())) != std::string::npos) return 0;
  double least = 255;
  for (std::size_t at = 0; at + pixels.size() <= reference.size(); at += 64) {
    double sum = 0;
    for (std::size_t k = 0; k < pixels.size(); ++k)
      sum += std::abs(pixels[k] - static_cast<std::uint8_t>(reference[at + k]));
    least = std::min(least, sum / static_cast<double>(pixels.size()));
  }
  return least;
}

// The colours of torchcodec: every whole frame that it gives in 8 bits, of both streams of a file.
// They are the same to the last bit where the video has 8 bits; of ten it makes eight in another
// way.
TEST(DecoderData, ColoursAreThoseOfTorchcodec) {
  const fs::path oracles = data_folder() / "decode_oracles/torchcodec";
  if (!fs::exists(oracles)) GTEST_SKIP() << "no " << oracles;
  const std::regex form(R"((\w+\.\w+)\.stream(\d)\.frame(\d{6})\.pt)");
  int compared = 0;
  for (const auto& entry : fs::directory_iterator(oracles)) {
    std::smatch part;
    const std::string name = entry.path().filename().string();
    if (!std::regex_match(name, part, form)) continue;
    const std::string path =
        (data_folder() / "decode_fixtures/torchcodec" / part[1].str()).string();
    const DecodeOptions options{.stream = std::stoi(part[2])};
    const VideoInfo info = probe_video(path, false, options);
    const std::vector<std::int64_t> index = {std::stoll(part[3])};
    const Clip clip = read_frames(
        path, [&](std::int64_t) { return index; }, {.height = info.height, .width = info.width},
        options);
    std::string reference = read_file(entry.path());
    if (reference.size() < 256) reference = read_file(oracles / reference);  // a link's text
    const double levels = levels_apart(clip.pixels, reference);
    if (name.find("hdr") == std::string::npos)
      EXPECT_EQ(levels, 0) << name;
    else
      EXPECT_LT(levels, 2) << name;
    ++compared;
  }
  EXPECT_GT(compared, 40);
}

TEST(DecoderData, ManifestWithNamesAndGroups) {
  const fs::path list = data_folder() / "fight_surv_s240/labels.csv";
  if (!fs::exists(list)) GTEST_SKIP() << "no " << list;
  const Manifest manifest = read_manifest(list, {.class_names = {"noFight", "fight"}});
  EXPECT_EQ(manifest.entries.size(), 208U);
  EXPECT_EQ(manifest.classes, 2);
  const ManifestSource source(manifest, {.shape = {8, 48, 48}});
  std::mutex mutex;
  parallel_for(source.size(), available_threads(), [&](std::int64_t k) {
    const std::string file = "fight_surv_s240/" + source.name(k);
    const std::vector<std::string> hashes = reference_hashes(file);
    const Decoded decoded = decode_all((data_folder() / file).string(), hashes);
    const Sample sample = source.read(k, 0, 1);
    const std::lock_guard lock(mutex);
    EXPECT_EQ(sample.failure, "");
    EXPECT_EQ(decoded.matching, static_cast<std::int64_t>(hashes.size())) << file;
    EXPECT_EQ(decoded.frames, decoded.matching) << file;
  });
}

}  // namespace decoder_data_test
}  // namespace permafrost
