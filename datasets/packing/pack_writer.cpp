// SPDX-License-Identifier: Apache-2.0
#include "datasets/packing/pack_writer.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <vector>

#include "common/error.h"
#include "common/files/files.h"
#include "common/machine/parallel.h"
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

  // `before`: the sample as it was packed, and the file that it is in. Whole frames are taken over.
  void pack(const ManifestEntry& entry, const PackedSample* before, const MappedFile* file) {
    writer_.begin({.name = entry.name, .target = target_of(entry), .group = entry.group});
    if (before != nullptr && before->failure.empty() && copy(*before, *file)) return;
    bool first = true;
    try {
      const std::int64_t frames = stream_frames(entry.path, spec_.every,
                                                [&](const ImageView& frame) {
                                                  if (first) {
                                                    view_ = stored_view(frame, spec_);
                                                    height_ = frame.height;
                                                    width_ = frame.width;
                                                  }
                                                  first = false;
                                                  add(frame);
                                                },
                                                {.range = entry.range});
      writer_.end(frames, view_.height, view_.width);
    } catch (const InputError& error) {
      writer_.fail(error.what());
    }
  }

 private:
  bool copy(const PackedSample& before, const MappedFile& file) {
    std::vector<std::string_view> frames;
    for (const auto& frame : before.stored) {
      frames.emplace_back(reinterpret_cast<const char*>(file.data()) + frame.offset, frame.bytes);
      if (frame_hash(frames.back()) != frame.hash) return false;
    }
    for (const auto frame : frames) writer_.add_frame(frame);
    writer_.end(before.frames, before.height, before.width);
    return true;
  }

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

// Why the frames of an entry cannot be read now; empty where they can.
std::string failure_of(const ManifestEntry& entry, int every) {
  try {
    stream_frames(entry.path, every, [](const ImageView&) {}, {.range = entry.range});
    return "";
  } catch (const InputError& error) {
    return error.what();
  }
}

void remove_leavings(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> leavings;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
       it.increment(error))
    if (it->path().filename().string().starts_with(".partial-")) leavings.push_back(it->path());
  for (const auto& path : leavings) fs::remove(path, error);
}

// One call of write_pack().
class PackWriting {
 public:
  PackWriting(const Manifest& list, const std::string& list_name, const fs::path& folder,
              const PackOptions& options)
      : list_(list), folder_(folder), options_(options) {
    info_ = {.spec = options.spec,
             .plan = pack_plan(options.spec, list.identity),
             .list_identity = list.identity,
             .list_name = list_name,
             .classes = list.classes,
             .class_names = list.class_names,
             .samples = static_cast<std::int64_t>(list.entries.size())};
    require_same_plan();
  }

  // Every count-th shard, from number `index` on.
  void make_shards(const PackPart& part) {
    const std::int64_t count = (info_.samples + shard_size() - 1) / shard_size();
    info_.shards.resize(static_cast<std::size_t>(count));
    failures_.resize(static_cast<std::size_t>(count));
    const std::int64_t mine = (count - part.index + part.count - 1) / part.count;
    parallel_for(std::max<std::int64_t>(0, mine), options_.execution.threads,
                 [&](std::int64_t k) { make_shard(part.index + k * part.count); });
  }

  PackInfo write() {
    if (list_.missing() == info_.samples) throw_nothing_read("none of the files is there");
    remove_leavings(folder_);
    make_shards({});
    std::string reasons;
    for (const auto& failed : failures_) {
      info_.failures += static_cast<std::int64_t>(failed.size());
      for (const auto& reason : failed) reasons += reason + "\n";
    }
    if (info_.failures == info_.samples) {
      for (const auto& shard : info_.shards) fs::remove(folder_ / shard.file);
      fs::remove(folder_ / "pack.json");
      throw_nothing_read(failures_[0][0]);
    }
    write_pack_info(folder_, info_);
    std::error_code ignored;
    if (reasons.empty())
      fs::remove(folder_ / kPackFailures, ignored);
    else
      write_file_atomically(folder_ / kPackFailures, reasons);
    return read_pack_info(folder_);
  }

 private:
  std::int64_t shard_size() const { return std::max<std::int64_t>(1, options_.shard_samples); }

  // A shard as it is on disk.
  struct Found {
    std::unique_ptr<MappedFile> file;
    PackShardIndex index;
  };

  void require_same_plan() const {
    if (!is_pack(folder_)) return;
    std::optional<PackInfo> there;
    try {
      there = read_pack_info(folder_);
    } catch (const InputError& error) {
      notice(error.what());  // the shards tell whether they are of this pack
    }
    if (there && there->plan != info_.plan)
      throw InputError((folder_ / "pack.json").string(), "plan", info_.plan, there->plan,
                       "another list or other settings; give another folder");
  }

  [[noreturn]] void throw_nothing_read(const std::string& first) const {
    throw Error(folder_.string() + ": no pack, as none of the " + std::to_string(info_.samples) +
                " samples of " + info_.list_name + " could be read: " + first);
  }

  void notice(const std::string& what) const {
    const std::lock_guard lock(mutex_);
    options_.execution.tell(what + ": written anew");
  }

  // Nothing where the file is missing or no whole shard. Throws InputError for one of another pack.
  std::optional<Found> read_shard(const fs::path& path, std::int64_t first,
                                  std::int64_t end) const {
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return std::nullopt;
    Found found{.file = std::make_unique<MappedFile>(path), .index = {}};
    try {
      found.index = read_pack_shard(
          {reinterpret_cast<const char*>(found.file->data()), found.file->size()}, path.string());
    } catch (const InputError& error) {
      notice(error.what());
      return std::nullopt;
    }
    if (found.index.plan != info_.plan || found.index.first != first ||
        static_cast<std::int64_t>(found.index.samples.size()) != end - first)
      throw InputError(path.string(), "plan", "a shard of this pack", "one of another",
                       "give another folder, or remove this one");
    return found;
  }

  // Whether a failure of the shard is none any more, or another.
  bool has_changed(const PackShardIndex& index, std::int64_t first) const {
    for (std::size_t k = 0; k < index.samples.size(); ++k) {
      const std::string& before = index.samples[k].failure;
      if (before.empty()) continue;
      const ManifestEntry& now = entry(first + static_cast<std::int64_t>(k));
      if (failure_of(now, options_.spec.every) != before) return true;
    }
    return false;
  }

  const ManifestEntry& entry(std::int64_t i) const {
    return list_.entries[static_cast<std::size_t>(i)];
  }

  void write_shard(const fs::path& path, const Found* before, std::int64_t first,
                   std::int64_t end) const {
    ShardWriter writer(path, info_.plan, first, options_.spec.coding);
    SamplePacker packer(options_.spec, writer);
    for (std::int64_t i = first; i < end; ++i) {
      const auto k = static_cast<std::size_t>(i - first);
      packer.pack(entry(i), before == nullptr ? nullptr : &before->index.samples[k],
                  before == nullptr ? nullptr : before->file.get());
      if (options_.done) options_.done();
    }
    writer.finish();
  }

  void make_shard(std::int64_t number) {
    const fs::path path = folder_ / shard_name(number);
    const std::int64_t first = number * shard_size();
    const std::int64_t end = std::min(info_.samples, first + shard_size());
    std::optional<Found> found = read_shard(path, first, end);
    if (!found || has_changed(found->index, first)) {
      write_shard(path, found ? &*found : nullptr, first, end);
      found = read_shard(path, first, end);
      if (!found) throw Error(path.string() + ": the shard was damaged as it was written");
    } else if (options_.done) {
      for (std::int64_t i = first; i < end; ++i) options_.done();
    }
    const auto k = static_cast<std::size_t>(number);
    info_.shards[k] = {path.filename().string(), found->file->size(), end - first,
                       found->index.sha256};
    for (const auto& sample : found->index.samples)
      if (!sample.failure.empty()) failures_[k].push_back(sample.name + ": " + sample.failure);
  }

  const Manifest& list_;
  const fs::path& folder_;
  const PackOptions& options_;
  PackInfo info_;
  std::vector<std::vector<std::string>> failures_;  // [shards], in order of the samples
  mutable std::mutex mutex_;
};

}  // namespace

PackInfo write_pack(const Manifest& list, const std::string& list_name, const fs::path& folder,
                    const PackOptions& options) {
  return PackWriting(list, list_name, folder, options).write();
}

void write_pack_shards(const Manifest& list, const std::string& list_name, const fs::path& folder,
                       const PackOptions& options, const PackPart& part) {
  PackWriting(list, list_name, folder, options).make_shards(part);
}

}  // namespace permafrost
