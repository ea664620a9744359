// SPDX-License-Identifier: Apache-2.0
#include "datasets/pack/pack_writer.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <system_error>
#include <vector>

#include "common/error.h"
#include "common/files.h"
#include "common/parallel.h"
#include "datasets/video/frame_stream.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

std::string shard_name(std::int64_t number) {
  char name[40];
  std::snprintf(name, sizeof name, "shard-%06lld.pfshard", static_cast<long long>(number));
  return name;
}

// The size of the stored frames: the short side made small, never larger.
ViewSpec stored_view(const ImageView& frame, const PackSpec& spec) {
  const int side = std::min({frame.height, frame.width, spec.short_side});
  // The crop takes all of the resized frame; plan_view tells how large that is.
  const ResizeCrop plan =
      plan_view(frame.height, frame.width, {.height = 1, .width = 1, .short_side = side});
  return {.height = plan.resized_height,
          .width = plan.resized_width,
          .short_side = side,
          .antialias = spec.antialias};
}

// One sample at a time; keeps what frames need between them.
class SamplePacker {
 public:
  SamplePacker(const PackSpec& spec, ShardWriter& writer)
      : spec_(spec), writer_(writer), jpeg_(nullptr) {
    if (spec.coding == PackCoding::jpeg) jpeg_ = std::make_unique<JpegEncoder>(spec.quality);
  }

  void pack(const ManifestEntry& entry) {
    writer_.begin({.name = entry.name, .label = entry.label, .group = entry.group});
    bool first = true;
    try {
      const std::int64_t frames = stream_frames(
          entry.path, spec_.every,
          [&](const ImageView& frame) {
            if (first) {
              view_ = stored_view(frame, spec_);
              height_ = frame.height;
              width_ = frame.width;
            }
            first = false;
            add(frame);
          },
          entry.range);
      writer_.end(frames, view_.height, view_.width);
    } catch (const InputError& error) {
      writer_.fail(error.what());
    }
  }

 private:
  void add(const ImageView& frame) {
    ViewSpec view = view_;
    // Of a video that changes its size, later frames are scaled to fill the first one's.
    if (frame.height != height_ || frame.width != width_) view.short_side = 0;
    pixels_.resize(static_cast<std::size_t>(view_.height) * static_cast<std::size_t>(view_.width) *
                   3);
    resize_crop(frame, plan_view(frame.height, frame.width, view), view.antialias, pixels_.data());
    if (!jpeg_) {
      writer_.add_frame({reinterpret_cast<const char*>(pixels_.data()), pixels_.size()});
      return;
    }
    writer_.add_frame(jpeg_->encode(
        {pixels_.data(), view_.height, view_.width, std::ptrdiff_t{3} * view_.width}));
  }

  const PackSpec& spec_;
  ShardWriter& writer_;
  std::unique_ptr<JpegEncoder> jpeg_;
  ViewSpec view_;
  int height_ = 0, width_ = 0;  // of the first frame
  std::vector<std::uint8_t> pixels_;
};

PackShard describe(const fs::path& path, const PackShardIndex& index, std::uint64_t bytes) {
  return {path.filename().string(), bytes, static_cast<std::int64_t>(index.samples.size()),
          index.sha256};
}

std::int64_t failures_of(const PackShardIndex& index) {
  return std::count_if(index.samples.begin(), index.samples.end(),
                       [](const PackedSample& sample) { return !sample.failure.empty(); });
}

PackShardIndex read_index(const fs::path& path, std::uint64_t& bytes) {
  const MappedFile file(path);
  bytes = file.size();
  return read_pack_shard({reinterpret_cast<const char*>(file.data()), file.size()}, path.string());
}

void remove_leavings(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> leavings;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
       it.increment(error))
    if (it->path().filename().string().starts_with(".partial-shard-"))
      leavings.push_back(it->path());
  for (const auto& path : leavings) fs::remove(path, error);
}

}  // namespace

PackInfo write_pack(const Manifest& list, const std::string& list_name, const fs::path& folder,
                    const PackOptions& options) {
  PackInfo info{.spec = options.spec,
                .plan = pack_plan(options.spec, list.identity),
                .list_identity = list.identity,
                .list_name = list_name,
                .classes = list.classes,
                .class_names = list.class_names,
                .samples = static_cast<std::int64_t>(list.entries.size())};
  if (is_pack(folder)) {
    const PackInfo there = read_pack_info(folder);
    if (there.plan != info.plan)
      throw InputError((folder / "pack.json").string(), "plan", info.plan, there.plan,
                       "another list or other settings; give another folder");
  }
  const std::int64_t size = std::max<std::int64_t>(1, options.shard_samples);
  const std::int64_t count = (info.samples + size - 1) / size;
  info.shards.resize(static_cast<std::size_t>(count));
  std::vector<std::int64_t> failures(static_cast<std::size_t>(count));
  parallel_for(count, options.threads, [&](std::int64_t number) {
    const fs::path path = folder / shard_name(number);
    const std::int64_t first = number * size, end = std::min(info.samples, first + size);
    std::uint64_t bytes = 0;
    std::error_code ignored;
    const bool is_there = fs::exists(path, ignored);
    if (!is_there) {
      ShardWriter writer(path, info.plan, first, options.spec.coding);
      SamplePacker packer(options.spec, writer);
      for (std::int64_t i = first; i < end; ++i) {
        packer.pack(list.entries[static_cast<std::size_t>(i)]);
        if (options.done) options.done();
      }
      writer.finish();
    }
    const PackShardIndex index = read_index(path, bytes);
    if (index.plan != info.plan || index.first != first ||
        static_cast<std::int64_t>(index.samples.size()) != end - first)
      throw InputError(path.string(), "plan", "a shard of this pack", "one of another",
                       "give another folder, or remove this one");
    info.shards[static_cast<std::size_t>(number)] = describe(path, index, bytes);
    failures[static_cast<std::size_t>(number)] = failures_of(index);
    if (is_there && options.done)
      for (std::int64_t i = first; i < end; ++i) options.done();
  });
  for (const auto failed : failures) info.failures += failed;
  write_pack_info(folder, info);
  remove_leavings(folder);
  return read_pack_info(folder);
}

}  // namespace permafrost
