// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/decoder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "common/error.h"
#include "common/files/files.h"
#include "common/files/hash.h"
#include "common/machine/parallel.h"
#include "common/testing/sanitizers.h"
#include "common/testing/test_folder.h"
#include "datasets/check/file_check.h"
#include "datasets/clips/source.h"
#include "datasets/images/jpeg.h"
#include "datasets/testing/test_video.h"

namespace permafrost {
namespace decoder_test {

namespace fs = std::filesystem;
using Indices = std::vector<std::int64_t>;

FrameRule always(const Indices& indices) {
  return [indices](std::int64_t) { return indices; };
}

class DecoderTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const TestVideo& video) const {
    write_test_video(folder_ / name, video);
    return path(name);
  }
  std::string write_bytes(const std::string& name, const std::string& bytes) const {
    write_file_atomically(folder_ / name, bytes);
    return path(name);
  }
  // What reading says, without the folder.
  std::string error_of(const std::string& file) const {
    try {
      read_clip_file(file, ClipShape{4, 8, 8}, 1);
    } catch (const InputError& error) {
      return folder_.without_path(error.what());
    }
    return "no error";
  }

  const TestFolder folder_;
};

// The grey value of a clip's frame; -1 where it is not flat.
int grey_of(const Clip& clip, int t, int tolerance = 0) {
  const int first = *clip.frame(t);
  for (std::size_t k = 0; k < clip.frame_bytes(); ++k) {
    if (std::abs(clip.frame(t)[k] - first) > tolerance) return -1;
  }
  return first;
}

TEST_F(DecoderTest, FramesComeInPresentationOrder) {
  const std::string file = write("grey.mov", {.frames = grey_frames(12, 32, 48)});
  const Clip clip = read_frames(file, always({0, 3, 3, 7, 11}), {.height = 16, .width = 16});
  ASSERT_EQ(clip.shape, (ClipShape{5, 16, 16}));
  const int expected[5] = {0, 60, 60, 140, 220};
  for (int t = 0; t < 5; ++t) EXPECT_EQ(grey_of(clip, t), expected[t]);
}

TEST_F(DecoderTest, FramesThatDependOnLaterOnes) {
  for (const char* name : {"b.mp4", "b.avi", "b.mkv"}) {
    const std::string file = write(name, {.frames = grey_frames(12, 32, 48), .mpeg4 = true});
    const VideoInfo info = probe_video(file, true);
    EXPECT_EQ(info.frames, 12) << name;
    EXPECT_EQ(info.codec, "mpeg4");
    Indices all;
    for (int k = 0; k < 12; ++k) all.push_back(k);
    const Clip clip = read_frames(file, always(all), {.height = 32, .width = 32});
    for (int t = 0; t < 12; ++t) EXPECT_NEAR(grey_of(clip, t, 2), 20 * t, 4) << name << " " << t;
  }
}

TEST_F(DecoderTest, ProbeTellsWhatIsThere) {
  const std::string file = write("grey.mov", {.frames = grey_frames(12, 32, 48)});
  const VideoInfo info = probe_video(file);
  EXPECT_EQ(info.width, 48);
  EXPECT_EQ(info.height, 32);
  EXPECT_EQ(info.rotation, 0);
  EXPECT_EQ(info.frames, 12);
  EXPECT_FALSE(info.frames_exact);
  EXPECT_TRUE(probe_video(file, true).frames_exact);
  EXPECT_DOUBLE_EQ(info.fps, 10);
  EXPECT_NEAR(info.duration, 1.2, 1e-6);
  EXPECT_EQ(info.codec, "png");
  EXPECT_FALSE(info.still);
}

TEST_F(DecoderTest, CropIsCentred) {
  TestImage image = flat_image(20, 40, 0, 0, 0);
  for (int y = 0; y < 20; ++y) {
    for (int x = 0; x < 40; ++x) {
      image.rgb[static_cast<std::size_t>((y * 40 + x) * 3)] = static_cast<std::uint8_t>(x);
      image.rgb[static_cast<std::size_t>((y * 40 + x) * 3 + 1)] = static_cast<std::uint8_t>(y);
    }
  }
  const Clip clip = read_clip_file(write("x.mov", {.frames = {image}}), ClipShape{2, 20, 20}, 1);
  EXPECT_EQ(clip.frame(0)[0], 10);  // column (40 - 20) / 2
  EXPECT_EQ(clip.frame(0)[1], 0);
  EXPECT_EQ(clip.frame(1)[clip.frame_bytes() - 3], 29);
  EXPECT_EQ(clip.frame(1)[clip.frame_bytes() - 2], 19);
}

TEST_F(DecoderTest, TurnedVideoIsShownUpright) {
  TestImage image = flat_image(16, 32, 0, 0, 255);
  for (int y = 0; y < 16; ++y) {  // red on the left; clockwise, left becomes top
    for (int x = 0; x < 8; ++x) {
      image.rgb[static_cast<std::size_t>((y * 32 + x) * 3)] = 255;
      image.rgb[static_cast<std::size_t>((y * 32 + x) * 3 + 2)] = 0;
    }
  }
  for (int x = 0; x < 8; ++x) image.rgb[static_cast<std::size_t>(x * 3 + 1)] = 200;  // top of it
  const std::string file = write("turned.mov", {.frames = {image, image}, .turned = true});
  const VideoInfo info = probe_video(file);
  EXPECT_EQ(info.rotation, 90);
  EXPECT_EQ(info.width, 16);
  EXPECT_EQ(info.height, 32);
  const Clip clip = read_frames(file, always({1}), {.height = 32, .width = 16});
  for (int y = 0; y < 32; ++y) {
    for (int x = 0; x < 16; ++x) {
      const std::uint8_t* pixel = clip.frame(0) + (y * 16 + x) * 3;
      ASSERT_EQ(pixel[0], y < 8 ? 255 : 0) << y << " " << x;
      ASSERT_EQ(pixel[1], y < 8 && x == 15 ? 200 : 0) << y << " " << x;  // top becomes right
    }
  }
}

TEST_F(DecoderTest, FramesMayChangeTheirSize) {
  std::vector<TestImage> frames = grey_frames(4, 32, 48);
  frames[2] = flat_image(64, 20, 40, 40, 40);
  frames[3] = flat_image(17, 33, 60, 60, 60);
  const Clip clip = read_frames(write("sizes.mkv", {.frames = frames}), always({0, 1, 2, 3}),
                                {.height = 16, .width = 16});
  for (int t = 0; t < 4; ++t) EXPECT_EQ(grey_of(clip, t), 20 * t);
}

TEST_F(DecoderTest, AnImageIsAStaticClip) {
  for (const char* name : {"still.png", "still.jpg"}) {
    // The PNG packet is a PNG file; the JPEG ending over it proves that content counts.
    write("one.mkv", {.frames = {flat_image(24, 24, 10, 20, 30)}});
    const std::string bytes = read_file(folder_ / "one.mkv");
    const std::size_t begin = bytes.find("\x89PNG"), end = bytes.find("IEND") + 8;
    const std::string file = write_bytes(name, bytes.substr(begin, end - begin));
    EXPECT_TRUE(probe_video(file).still);
    EXPECT_EQ(probe_video(file, true).frames, 1);
    const Clip clip = read_clip_file(file, ClipShape{4, 8, 8}, 4, 1, 2);
    for (int t = 0; t < 4; ++t) {
      EXPECT_EQ(clip.frame(t)[0], 10);
      EXPECT_EQ(clip.frame(t)[2], 30);
    }
  }
}

// Kilobytes of it, as photos have: FFmpeg does not know small and large JPEG files by the same
// means.
std::string large_jpeg() {
  std::vector<std::uint8_t> pixels;
  std::uint32_t noise = 1;
  for (int k = 0; k < 96 * 128 * 3; ++k) {
    noise = noise * 1664525 + 1013904223;
    pixels.push_back(static_cast<std::uint8_t>(noise >> 24));
  }
  return JpegEncoder(90).encode({pixels.data(), 96, 128, 128 * 3});
}

TEST_F(DecoderTest, APhotoIsAnImageWhateverItsSizeAndName) {
  const std::string bytes = large_jpeg();
  ASSERT_GT(bytes.size(), 8192U);
  for (const char* name : {"photo.jpg", "photo.JPEG", "photo", "photo%03d.jpg"}) {
    const std::string file = write_bytes(name, bytes);
    EXPECT_TRUE(probe_video(file).still) << name;
    EXPECT_EQ(check_file(file).state, FileState::whole) << check_file(file).reason;
    EXPECT_TRUE(check_file(file).still);
    EXPECT_EQ(read_clip_file(file, ClipShape{4, 8, 8}, 1).shape.frames, 4);
  }
}

TEST_F(DecoderTest, ContentCountsWhateverTheEnding) {
  write("v.mp4", {.frames = grey_frames(6, 16, 16), .mpeg4 = true});
  const std::string video = write_bytes("video.jpg", read_file(folder_ / "v.mp4"));
  EXPECT_FALSE(probe_video(video).still);
  EXPECT_EQ(check_file(video).frames, 6);
  const std::string photo = write_bytes("photo.mp4", large_jpeg());
  EXPECT_TRUE(probe_video(photo).still);
  EXPECT_EQ(check_file(photo).state, FileState::whole) << check_file(photo).reason;
}

TEST_F(DecoderTest, AVideoOfOneFrameIsRepeated) {
  const Clip clip =
      read_clip_file(write("one.mp4", {.frames = {flat_image(16, 16, 90, 90, 90)}, .mpeg4 = true}),
                     ClipShape{4, 8, 8}, 2);
  for (int t = 0; t < 4; ++t) EXPECT_NEAR(grey_of(clip, t, 1), 90, 2);
}

TEST_F(DecoderTest, APhotoThatWasCutShortIsNotRead) {
  const std::string bytes = large_jpeg();
  for (const std::size_t size : {bytes.size() / 10, bytes.size() / 2, bytes.size() - 200}) {
    const std::string file = write_bytes("photo.jpg", bytes.substr(0, size));
    EXPECT_EQ(check_file(file).state, FileState::unreadable) << size << " of " << bytes.size();
    EXPECT_THROW(read_clip_file(file, ClipShape{4, 8, 8}, 1), InputError) << size;
  }
}

TEST_F(DecoderTest, DecodedFramesCountNotPackets) {
  const std::string file = write("damaged.mkv", {.frames = grey_frames(12, 32, 48)});
  std::string bytes = read_file(file);
  std::size_t at = 0;
  for (int k = 0; k < 12; ++k, ++at) {
    at = bytes.find("IHDR", at);
    if (k >= 8) bytes[at] = 'X';
  }
  write_bytes("damaged.mkv", bytes);
  EXPECT_EQ(probe_video(file).frames, 12);
  EXPECT_EQ(probe_video(file, true).frames, 8);
  Indices asked;
  const Clip clip = read_frames(file,
                                [&](std::int64_t frames) {
                                  asked.push_back(frames);
                                  return Indices{0, frames - 1};
                                },
                                {.height = 8, .width = 8});
  EXPECT_EQ(asked, (Indices{12, 8}));
  EXPECT_EQ(grey_of(clip, 1), 140);
}

TEST_F(DecoderTest, TruncatedFile) {
  const std::string file = write("whole.mkv", {.frames = grey_frames(12, 64, 64)});
  const std::string bytes = read_file(file);
  for (std::size_t part = 0; part <= 20; ++part) {
    const std::string cut = write_bytes("cut.mkv", bytes.substr(0, bytes.size() * part / 20));
    try {
      const Clip clip = read_clip_file(cut, ClipShape{4, 8, 8}, 1);
      for (int t = 0; t < 4; ++t) EXPECT_GE(grey_of(clip, t), 0);
    } catch (const InputError&) {
      EXPECT_LT(part, 10U);
    }
  }
}

TEST_F(DecoderTest, FilesWithoutVideo) {
  const std::string unreadable = ": video stream: expected a readable video or image file, found ";
  EXPECT_EQ(error_of(path("none.mp4")), "none.mp4" + unreadable + "no such file");
  fs::create_directories(folder_ / "clips");
  write("clips/grey.mov", {.frames = grey_frames(2, 16, 16)});
  EXPECT_EQ(error_of(path("clips")),
            "clips: video stream: expected a folder of numbered image files, found none");
  EXPECT_EQ(error_of(write_bytes("empty.mp4", "")), "empty.mp4" + unreadable + "an empty file");
  EXPECT_EQ(error_of(write_bytes("lfs.mp4", "version https://git-lfs.github.com/spec/v1\noid")),
            "lfs.mp4" + unreadable +
                "a pointer of Git LFS, not the file itself (git lfs pull fetches it)");
  EXPECT_EQ(error_of(write_bytes("page.mp4", "<!DOCTYPE html><html>not found</html>\n")),
            "page.mp4" + unreadable + "a web page, as a download that failed leaves it");
  EXPECT_EQ(error_of(write_bytes("zeros.mp4", std::string(5000, '\0'))),
            "zeros.mp4" + unreadable + "zeros alone, as a copy that was ended leaves them");
  EXPECT_NE(error_of(write_bytes("text.mp4", "this is no video\n")), "no error");
  std::string wav = "RIFF";
  const auto add = [&wav](std::uint32_t value, int bytes) {
    for (int k = 0; k < bytes; ++k) wav += static_cast<char>(value >> (8 * k) & 0xffU);
  };
  add(36 + 8000, 4);
  wav += "WAVEfmt ";
  for (const auto& [value, bytes] : {std::pair<std::uint32_t, int>{16, 4},
                                     {1, 2},
                                     {1, 2},
                                     {8000, 4},
                                     {8000, 4},
                                     {1, 2},
                                     {8, 2}}) {
    add(value, bytes);
  }
  wav += "data";
  add(8000, 4);
  wav += std::string(8000, '\x80');
  EXPECT_EQ(error_of(write_bytes("sound.wav", wav)),
            "sound.wav: video stream: expected one, found none among 1 streams of container "
            "\"wav\"");
}

TEST_F(DecoderTest, PipesDoNotBlock) {
  ASSERT_EQ(mkfifo(path("pipe.mp4").c_str(), 0600), 0);
  EXPECT_EQ(error_of(path("pipe.mp4")),
            "pipe.mp4: video stream: expected a readable video or image file, found no regular "
            "file");
}

TEST_F(DecoderTest, PlaylistsOpenNothing) {
  write("secret.mov", {.frames = grey_frames(3, 16, 16)});
  EXPECT_NE(error_of(write_bytes("list.ffconcat", "ffconcat version 1.0\nfile 'secret.mov'\n")),
            "no error");
  EXPECT_NE(error_of(write_bytes("list.mp4",
                                 "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mov\n"
                                 "#EXT-X-ENDLIST\n")),
            "no error");
}

TEST_F(DecoderTest, OddNamesAreNamesOfFiles) {
  for (const char* name : {"frame%03d.mov", "http:x.mov", "concat:a|b.mov", "a b#?*.mov"}) {
    write("plain.mov", {.frames = grey_frames(3, 16, 16)});
    fs::rename(folder_ / "plain.mov", folder_ / name);
    EXPECT_EQ(error_of(path(name)), "no error");
    const fs::path before = fs::current_path();
    fs::current_path(folder_);
    EXPECT_EQ(error_of(name), "no error");
    fs::current_path(before);
  }
}

TEST_F(DecoderTest, GivesUpWhenPatienceIsOver) {
  const std::string file = write("grey.mov", {.frames = grey_frames(12, 32, 48)});
  EXPECT_THROW(probe_video(file, true, {.stall_seconds = -1}), InputError);
}

TEST_F(DecoderTest, IndicesAreChecked) {
  const std::string file = write("grey.mov", {.frames = grey_frames(12, 32, 48)});
  for (const Indices& indices : {Indices{12}, Indices{-1}, Indices{4, 3}, Indices{}}) {
    EXPECT_THROW(read_frames(file, always(indices), {.height = 8, .width = 8}), InputError);
  }
}

TEST_F(DecoderTest, SourceReadsClipsFromManyThreads) {
  write("grey.mov", {.frames = grey_frames(12, 32, 48)});
  write_bytes("text.mp4", "this is no video\n");
  const fs::path list = write_bytes("list.txt", "grey.mov 1\ntext.mp4 0\n");
  const VideoOptions options{.shape = {4, 16, 16}, .frame_step = 1};
  const ManifestSource source(read_manifest(list), options);
  ASSERT_EQ(source.size(), 2);
  EXPECT_EQ(source.classes(), 2);
  EXPECT_EQ(source.label(0), 1);
  EXPECT_EQ(source.group(1), 1);
  EXPECT_EQ(source.name(1), "text.mp4");
  std::vector<Sample> samples(32);
  parallel_for(32, 4, [&](std::int64_t k) {
    samples[static_cast<std::size_t>(k)] = source.read(k % 2, static_cast<int>(k / 2 % 2), 2);
  });
  for (std::size_t k = 0; k < samples.size(); ++k) {
    if (k % 2 == 1) {
      EXPECT_EQ(samples[k].failure.find(path("text.mp4") + ": video stream: expected"), 0U);
      continue;
    }
    ASSERT_EQ(samples[k].failure, "");
    EXPECT_EQ(samples[k].clip.shape, options.shape);
    EXPECT_EQ(grey_of(samples[k].clip, 0), k / 2 % 2 == 0 ? 0 : 120);
  }
  EXPECT_THROW(source.read(2, 0, 1), InputError);
  EXPECT_THROW(source.read(0, 1, 1), InputError);
}

TEST_F(DecoderTest, ViewsAreCropsAlongTheLongSide) {
  // Three squares side by side: black, grey, white.
  std::vector<TestImage> frames = grey_frames(2, 16, 48);
  for (auto& frame : frames)
    for (std::size_t i = 0; i < frame.rgb.size(); ++i)
      frame.rgb[i] = static_cast<std::uint8_t>(i / 3 % 48 / 16 * 120);
  const std::string path = write("squares.mov", {.frames = frames});
  for (int view = 0; view < 3; ++view) {
    const Clip clip = read_clip(path, {.shape = {2, 16, 16}, .view = view, .views = 3});
    EXPECT_EQ(grey_of(clip, 0), view * 120) << view;
  }
}

TEST_F(DecoderTest, AllClipsOfAFileInOnePass) {
  const std::string file = write("grey.mov", {.frames = grey_frames(12, 32, 48)});
  const std::vector<Indices> indices = {{0, 3, 3, 11}, {5}, {3, 4, 4, 4, 5}, {11, 11}};
  std::vector<ClipRequest> requests;
  for (std::size_t k = 0; k < indices.size(); ++k)
    requests.push_back(
        clip_request(always(indices[k]), {.height = 8 + static_cast<int>(k), .width = 16}));
  const std::vector<Clip> clips = read_clips(file, requests);
  ASSERT_EQ(clips.size(), indices.size());
  for (std::size_t k = 0; k < indices.size(); ++k) {
    ASSERT_EQ(clips[k].shape,
              (ClipShape{static_cast<int>(indices[k].size()), 8 + static_cast<int>(k), 16}));
    for (std::size_t t = 0; t < indices[k].size(); ++t)
      EXPECT_EQ(grey_of(clips[k], static_cast<int>(t)), 20 * indices[k][t]);
  }
  EXPECT_TRUE(read_clips(file, {}).empty());
}

// Grey squares that move, so that every frame is another picture.
std::vector<TestImage> moving_squares(int count) {
  std::vector<TestImage> frames(static_cast<std::size_t>(count), flat_image(48, 64, 90, 90, 90));
  for (int k = 0; k < count; ++k)
    for (int y = 10; y < 26; ++y)
      for (int x = 0; x < 16; ++x)
        frames[static_cast<std::size_t>(k)]
            .rgb[static_cast<std::size_t>((y * 64 + (k * 3 + x) % 64) * 3)] =
            static_cast<std::uint8_t>(2 * k);
  return frames;
}

TEST_F(DecoderTest, BeginsAtKeyFramesWhereTheNumbersAreCertain) {
  if (!can_write_h264()) GTEST_SKIP() << "this FFmpeg cannot write H.264";
  for (const char* x264 : {"bframes=3", "bframes=3:open-gop=1", "bframes=3:b-pyramid=strict"}) {
    for (const char* name : {"k.mp4", "k.mkv", "k.ts", "k.flv", "k.mov"}) {
      const std::string file =
          write(name, {.frames = moving_squares(100), .h264 = true, .key_every = 30, .x264 = x264});
      for (const Indices& indices :
           {Indices{95}, Indices{31, 40}, Indices{0, 62, 62, 99}, Indices{29, 30, 31}}) {
        DecodeStatistics direct, sequential;
        const auto clips = [&](bool random_access, DecodeStatistics& counts) {
          return read_clips(file, {clip_request(always(indices), {.height = 48, .width = 64})},
                            {.random_access = random_access}, &counts);
        };
        EXPECT_EQ(clips(true, direct)[0].pixels, clips(false, sequential)[0].pixels)
            << name << " " << x264 << " " << indices[0];
        EXPECT_EQ(direct.fallbacks, 0) << name << " " << x264 << " " << indices[0];
        EXPECT_EQ(sequential.entries, 0);
        if (indices[0] != 95) continue;
        // A transport stream does not mark the key frames of open groups: decoded from the start.
        const bool marked = std::string(name) != "k.ts" || !std::strstr(x264, "open-gop");
        EXPECT_EQ(direct.entries, marked ? 1 : 0) << name << " " << x264;
        EXPECT_EQ(direct.decoded < 30, marked);
      }
    }
  }
}

TEST_F(DecoderTest, FilesTooLargeToKeepAreReadTwice) {
  std::vector<std::string> files = {
      write("grey.mov", {.frames = grey_frames(12, 48, 64)}),
      write("b.avi", {.frames = grey_frames(12, 48, 64), .mpeg4 = true})};
  if (can_write_h264())
    files.push_back(write("k.mp4", {.frames = moving_squares(100), .h264 = true, .key_every = 5}));
  for (const auto& file : files) {
    const auto pixels = [&](std::int64_t kept_bytes, bool random_access) {
      std::vector<std::vector<std::uint8_t>> all;
      for (const Indices& indices : {Indices{1, 11}, Indices{4}, Indices{0, 2, 3}})
        for (const Clip& clip :
             read_clips(file,
                        {clip_request(always(indices), {.height = 48, .width = 64}),
                         clip_request(always({10, 11}), {.height = 48, .width = 64})},
                        {.kept_bytes = kept_bytes, .random_access = random_access}))
          all.push_back(clip.pixels);
      return all;
    };
    const auto kept = pixels(1 << 20, true);
    EXPECT_EQ(kept, pixels(1 << 20, false)) << file;
    for (const std::int64_t bytes : {0, 1500, 4000}) {
      EXPECT_EQ(kept, pixels(bytes, true)) << file << " " << bytes;
      EXPECT_EQ(kept, pixels(bytes, false)) << file << " " << bytes;
    }
  }
}

TEST_F(DecoderTest, FramesAreCountedWhateverTheirTimes) {
  if (!can_write_h264()) GTEST_SKIP() << "this FFmpeg cannot write H.264";
  // A late start, gaps, and a frame that stands for a minute. Frame k is 3 k everywhere.
  TestVideo video{.h264 = true, .key_every = 25};
  for (int k = 0; k < 80; ++k) {
    video.frames.push_back(flat_image(48, 64, 3 * k, 3 * k, 3 * k));
    video.times.push_back(37 + k + k / 3 * 2 + (k >= 60 ? 600 : 0));
  }
  for (const char* name : {"times.mp4", "times.mkv", "times.mov", "times.ts"}) {
    const std::string file = write(name, video);
    EXPECT_EQ(probe_video(file, true).frames, 80) << name;
    for (const bool random_access : {true, false}) {
      const Indices indices = {0, 24, 25, 26, 59, 60, 61, 79};
      const auto clips =
          read_clips(file, {clip_request(always(indices), {.height = 48, .width = 64})},
                     {.random_access = random_access});
      for (std::size_t t = 0; t < indices.size(); ++t)
        EXPECT_NEAR(grey_of(clips[0], static_cast<int>(t), 2), 3 * indices[t], 2)
            << name << " frame " << indices[t];
      const auto last = read_clips(file, {clip_request(always({78}), {.height = 8, .width = 8})},
                                   {.random_access = random_access});
      EXPECT_NEAR(grey_of(last[0], 0, 2), 234, 2) << name;
    }
  }
}

TEST_F(DecoderTest, DamagedBytesGiveAClipOrAnError) {
  if (!can_write_h264()) GTEST_SKIP() << "this FFmpeg cannot write H.264";
  const std::string file = write(
      "k.mkv", {.frames = moving_squares(100), .h264 = true, .key_every = 30, .x264 = "bframes=0"});
  const std::string whole = read_file(file);
  for (std::size_t at = whole.size() / 2; at < whole.size(); at += whole.size() / 40) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
    const std::string damaged = write_bytes("damaged.mkv", bytes);
    try {
      const auto clip =
          read_clips(damaged, {clip_request(always({0, 95}), {.height = 48, .width = 64})});
      EXPECT_EQ(clip[0].shape.frames, 2);
    } catch (const InputError&) {
      SUCCEED();
    }
  }
}

// Resident pages of this process.
std::int64_t resident_pages() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t size = 0, resident = -1;
  statm >> size >> resident;
  return resident;
}

TEST_F(DecoderTest, TenThousandOpensLeaveTheMemoryFlat) {
  SKIP_WITHOUT_MEMORY_FIGURES();
  if (resident_pages() < 0) GTEST_SKIP() << "no /proc/self/statm";
  const std::string good = write("grey.mov", {.frames = grey_frames(2, 16, 16)});
  const std::string bytes = read_file(good);
  const std::string cut = write_bytes("cut.mov", bytes.substr(0, bytes.size() / 2));
  const std::string text = write_bytes("text.mp4", "this is no video\n");
  const auto open_all = [&](int times) {
    for (int k = 0; k < times; ++k) {
      for (const auto& file : {good, cut, text}) {
        try {
          read_clip_file(file, ClipShape{1, 8, 8}, 1);
        } catch (const InputError&) {
          continue;
        }
      }
    }
  };
  open_all(500);
  const std::int64_t before = resident_pages();
  open_all(3000);  // with the first, more than ten thousand files
  EXPECT_LT(resident_pages() - before, 512) << "pages, 2 MiB";
}

TEST_F(DecoderTest, OneOfSeveralStreams) {
  const std::string file = write("grey.mov", {.frames = grey_frames(3, 16, 16)});
  EXPECT_EQ(probe_video(file, false, {.stream = 0}).frames, 3);
  try {
    probe_video(file, false, {.stream = 1});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()),
              file + ": stream: expected the number of a video stream (0), found 1 of 1 streams");
  }
}

TEST_F(DecoderTest, AllClipsAndViewsEqualThoseReadOneByOne) {
  std::vector<TestImage> frames = grey_frames(12, 16, 48);
  for (auto& frame : frames)
    for (std::size_t i = 0; i < frame.rgb.size(); ++i)
      frame.rgb[i] = static_cast<std::uint8_t>(frame.rgb[i] / 4 + i / 3 % 48);
  write("wide.mov", {.frames = frames});
  write_bytes("text.mp4", "this is no video\n");
  const Manifest manifest = read_manifest(write_bytes("list.txt", "wide.mov 1\ntext.mp4 0\n"));
  const auto options = [](int view) {
    return VideoOptions{.shape = {3, 16, 16}, .frame_step = 1, .view = view, .views = 3};
  };
  const ManifestSource source(manifest, options(0));
  EXPECT_EQ(source.views(), 3);
  const ClipSet set = source.read_all(0, 2);
  ASSERT_EQ(set.clips.size(), 6U);
  EXPECT_GT(set.decode_seconds, 0);
  EXPECT_GT(set.scale_seconds, 0);
  for (int view = 0; view < 3; ++view)
    for (int place = 0; place < 2; ++place)
      EXPECT_EQ(set.clips[static_cast<std::size_t>(2 * view + place)].pixels,
                ManifestSource(manifest, options(view)).read(0, place, 2).clip.pixels);
  EXPECT_NE(source.read_all(1, 2).failure, "");
  EXPECT_TRUE(source.read_all(1, 2).clips.empty());

  const ManifestSource single(manifest, {.shape = {3, 16, 16}, .frame_step = 1});
  const Augmentation augmentation{read_augment_spec("released", "test"), 5, 1};
  const ClipSet views = single.read_views(0, 2, augmentation);
  ASSERT_EQ(views.clips.size(), 2U);
  for (int place = 0; place < 2; ++place)
    EXPECT_EQ(views.clips[static_cast<std::size_t>(place)].pixels,
              single.read_view(0, place, 2, augmentation).clip.pixels);
}

TEST_F(DecoderTest, TrainingViewsAreCutFromTheFullFrames) {
  // Frame k: red 20 k, green the column, blue the row.
  std::vector<TestImage> frames = grey_frames(12, 100, 150);
  for (auto& frame : frames)
    for (int y = 0; y < 100; ++y)
      for (int x = 0; x < 150; ++x) {
        frame.rgb[static_cast<std::size_t>((y * 150 + x) * 3 + 1)] = static_cast<std::uint8_t>(x);
        frame.rgb[static_cast<std::size_t>((y * 150 + x) * 3 + 2)] = static_cast<std::uint8_t>(y);
      }
  write("ramp.mov", {.frames = frames});
  const fs::path list = write_bytes("list.txt", "ramp.mov 1\n");
  const VideoOptions options{.shape = {3, 16, 16}, .frame_step = 1};
  const ManifestSource source(read_manifest(list), options);
  const auto view = [&](const char* protocol, std::uint64_t epoch) {
    const Sample sample =
        source.read_view(0, 0, 1, {read_augment_spec(protocol, "test"), 7, epoch});
    EXPECT_EQ(sample.failure, "");
    EXPECT_EQ(sample.clip.shape, options.shape);
    return sample.clip;
  };
  EXPECT_EQ(view("none", 0).pixels, source.read(0, 0, 1).clip.pixels);
  std::set<int> starts;
  bool beyond_the_centre = false;
  for (std::uint64_t epoch = 0; epoch < 40; ++epoch) {
    const Clip clip = view("crop", epoch);
    EXPECT_EQ(clip.pixels, view("crop", epoch).pixels);
    starts.insert(clip.frame(0)[0] / 20);
    EXPECT_EQ(clip.frame(1)[0] - clip.frame(0)[0], 20);
    // The centre crop of evaluation shows columns 25 to 124.
    beyond_the_centre |= clip.frame(0)[1] < 20 || clip.frame(0)[1] > 130;
  }
  EXPECT_TRUE(beyond_the_centre);
  EXPECT_EQ(starts.size(), 9U);  // 12 - 3 places, as the reference counts
  EXPECT_EQ(view("released", 3).pixels, view("released", 3).pixels);
  EXPECT_THROW(source.read_view(0, 1, 1, {read_augment_spec("crop", "test")}), InputError);
}

TEST_F(DecoderTest, MirrorsTrainingViewsUnlessDirectionMatters) {
  std::vector<TestImage> frames = grey_frames(2, 8, 8);
  for (auto& frame : frames)
    for (std::size_t k = 0; k < frame.rgb.size(); ++k)
      frame.rgb[k] = static_cast<std::uint8_t>(k / 3 % 8 * 30);
  write("ramp.mov", {.frames = frames});
  const Manifest manifest = read_manifest(write_bytes("list.txt", "ramp.mov 1\n"));
  for (const bool directional : {false, true}) {
    const ManifestSource source(manifest,
                                {.shape = {2, 8, 8}, .frame_step = 1, .directional = directional});
    const Sample sample = source.read_view(0, 0, 1, {read_augment_spec({{"flip", 1}}, "test")});
    EXPECT_EQ(sample.clip.frame(0)[0], directional ? 0 : 210);
  }
}

TEST_F(DecoderTest, SourceIdentityIsThatOfThePixels) {
  write("grey.mov", {.frames = grey_frames(3, 32, 48)});
  const Manifest manifest = read_manifest(write_bytes("list.txt", "grey.mov 1\n"));
  const auto identity = [&](const VideoOptions& options) {
    return ManifestSource(manifest, options).identity();
  };
  const VideoOptions base{.shape = {4, 16, 16}};
  EXPECT_EQ(identity(base), identity({.shape = {4, 16, 16}, .decode = {.stall_seconds = 3}}));
  EXPECT_NE(identity(base), identity({.shape = {4, 16, 24}}));
  EXPECT_NE(identity(base), identity({.shape = {4, 16, 16}, .frame_step = 2}));
  EXPECT_NE(identity(base), identity({.shape = {4, 16, 16}, .short_side = 18}));
  EXPECT_NE(identity(base), identity({.shape = {4, 16, 16}, .antialias = false}));
  // Records of earlier versions are found by this text.
  EXPECT_EQ(identity(base),
            sha256_of("manifest " + manifest.identity +
                      "\nshape 4 16 16\nsampling 4 1\ntransform resize-crop 1 0 1\n"));
  EXPECT_EQ(identity(base), identity({.shape = {4, 16, 16}, .view = 0, .views = 1}));
  const std::string first = identity({.shape = {4, 16, 16}, .view = 0, .views = 3});
  EXPECT_NE(identity(base), first);
  EXPECT_NE(first, identity({.shape = {4, 16, 16}, .view = 1, .views = 3}));
  EXPECT_THROW(ManifestSource(manifest, {.shape = {4, 16, 16}, .view = 3, .views = 3}), InputError);
  EXPECT_THROW(ManifestSource(manifest, {.shape = {4, 16, 16}, .short_side = 15}), InputError);
  EXPECT_THROW(ManifestSource(manifest, {.shape = {0, 16, 16}}), InputError);
}

}  // namespace decoder_test
}  // namespace permafrost
