// SPDX-License-Identifier: Apache-2.0
// Videos, lists of clips and their loader.
#include <ATen/ATen.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>

#include "common/error.h"
#include "datasets/clips/list_source.h"
#include "datasets/clips/loader.h"
#include "datasets/video/decoder.h"
#include "models/network/vit.h"
#include "python/bindings/parts.h"
#include "python/bindings/tensors.h"

namespace permafrost::python {
namespace {

using Size = std::pair<int, int>;  // height, width

nb::object video_info(const std::string& path, bool decode) {
  VideoInfo info;
  {
    const nb::gil_scoped_release others_go_on;
    info = probe_video(path, decode);
  }
  nb::dict found;
  found["height"] = info.height;
  found["width"] = info.width;
  found["rotation"] = info.rotation;
  found["frames"] = info.frames;
  found["frames_exact"] = info.frames_exact;
  found["fps"] = info.fps;
  found["duration"] = info.duration;
  found["codec"] = info.codec;
  found["container"] = info.container;
  found["still"] = info.still;
  return found;
}

nb::object python_clip(Clip clip) {
  const ClipShape shape = clip.shape;
  return python_tensor(
      tensor_from(std::move(clip.pixels), {shape.frames, shape.height, shape.width, 3}));
}

// Frames in the order that was asked for; the reader gives them ascending.
Clip frames_in_order(const std::string& path, const std::vector<std::int64_t>& wanted,
                     const Size& size) {
  if (wanted.empty()) throw InputError("indices", "", "at least one frame", "none");
  std::vector<std::int64_t> ascending = wanted;
  std::sort(ascending.begin(), ascending.end());
  ascending.erase(std::unique(ascending.begin(), ascending.end()), ascending.end());
  const Clip read = read_frames(path, [&](std::int64_t) { return ascending; },
                                {.height = size.first, .width = size.second});
  Clip clip({static_cast<int>(wanted.size()), size.first, size.second});
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto at = std::lower_bound(ascending.begin(), ascending.end(), wanted[i]);
    const std::uint8_t* frame = read.frame(static_cast<int>(at - ascending.begin()));
    std::copy(frame, frame + read.frame_bytes(), clip.frame(static_cast<int>(i)));
  }
  return clip;
}

nb::object read_video_frames(const std::string& path, const std::vector<std::int64_t>& indices,
                             const Size& size) {
  Clip clip;
  {
    const nb::gil_scoped_release others_go_on;
    clip = frames_in_order(path, indices, size);
  }
  return python_clip(std::move(clip));
}

nb::object read_video_clip(const std::string& path, int frames, const Size& size, int frame_step,
                           int place, int places) {
  Clip clip;
  {
    const nb::gil_scoped_release others_go_on;
    clip = read_clip(path, {.shape = {frames, size.first, size.second}, .frame_step = frame_step},
                     place, places);
  }
  return python_clip(std::move(clip));
}

// What a list gives: its samples, and loaders over them.
class ClipList {
 public:
  ClipList(const std::string& path, const VideoOptions& options, const ManifestOptions& reading)
      : shape_(options.shape) {
    Manifest manifest = read_manifest(path, reading);
    classes_ = manifest.classes;
    class_names_ = manifest.class_names;
    source_ = list_source(path, std::move(manifest), options);
  }
  const ClipSource& source() const { return *source_; }
  const ClipShape& shape() const { return shape_; }
  int classes() const { return classes_; }
  const std::vector<std::string>& class_names() const { return class_names_; }

 private:
  ClipShape shape_;
  int classes_ = 0;
  std::vector<std::string> class_names_;
  std::unique_ptr<ClipSource> source_;
};

std::shared_ptr<ClipList> open_list(const std::string& path, int frames, const Size& size,
                                    int frame_step, int short_side, bool labels,
                                    const std::string& root) {
  const nb::gil_scoped_release others_go_on;
  ManifestOptions reading{.root = root};
  if (labels)
    reading.name_classes = true;
  else
    reading.labels_ignored = true;
  return std::make_shared<ClipList>(path,
                                    VideoOptions{.shape = {frames, size.first, size.second},
                                                 .frame_step = frame_step,
                                                 .short_side = short_side},
                                    reading);
}

// One pass over a list in a given order; threads of its own read ahead.
class ClipPass {
 public:
  ClipPass(std::shared_ptr<ClipList> list, std::vector<std::int64_t> order, int batch, int clips,
           int threads, int ahead)
      : list_(std::move(list)),
        clips_(clips),
        order_(std::move(order)),
        loader_(list_->source(),
                {.shape = list_->shape(),
                 .batch = batch,
                 .clips = clips,
                 .threads = thread_count(threads),
                 .ahead = ahead},
                static_cast<std::int64_t>(order_.size()),
                [this](std::int64_t i) { return order_[static_cast<std::size_t>(i)]; }) {}

  // (pixels uint8 [B,clips,T,H,W,3], labels [B], indices [B], names [B], failures [B]), or None.
  nb::object next() {
    Batch batch;
    {
      const nb::gil_scoped_release others_go_on;
      if (!loader_.next(batch)) batch.indices.clear();
    }
    if (batch.indices.empty()) return nb::none();
    const ClipShape& shape = list_->shape();
    std::vector<int> labels;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < batch.indices.size(); ++i) {
      labels.push_back(batch.targets[i].label());
      names.push_back(list_->source().name(batch.indices[i]));
    }
    const auto samples = static_cast<std::int64_t>(batch.indices.size());
    const nb::object pixels = python_tensor(tensor_from(
        std::move(batch.pixels), {samples, clips_, shape.frames, shape.height, shape.width, 3}));
    return nb::make_tuple(pixels, labels, batch.indices, names, batch.failures);
  }

 private:
  std::shared_ptr<ClipList> list_;
  int clips_;
  std::vector<std::int64_t> order_;
  Loader loader_;
};

std::shared_ptr<ClipPass> start_pass(const std::shared_ptr<ClipList>& list,
                                     std::vector<std::int64_t> order, int batch, int clips,
                                     int threads, int ahead) {
  for (const auto& [name, value] : {std::pair{"batch", batch}, {"clips", clips}, {"ahead", ahead}})
    if (value < 1) throw InputError(name, "", "a number from 1", std::to_string(value));
  for (const auto i : order)
    if (i < 0 || i >= list->source().size())
      throw InputError("order", "", "samples below " + std::to_string(list->source().size()),
                       std::to_string(i));
  return std::make_shared<ClipPass>(list, std::move(order), batch, clips, threads, ahead);
}

std::vector<int> labels_of(const ClipSource& source) {
  std::vector<int> labels;
  for (std::int64_t i = 0; i < source.size(); ++i) labels.push_back(source.label(i));
  return labels;
}

std::vector<std::int64_t> groups_of(const ClipSource& source) {
  std::vector<std::int64_t> groups;
  for (std::int64_t i = 0; i < source.size(); ++i) groups.push_back(source.group(i));
  return groups;
}

std::vector<std::string> names_of(const ClipSource& source) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < source.size(); ++i) names.push_back(source.name(i));
  return names;
}

}  // namespace

void add_clips(nb::module_& core) {
  core.def("video_info", &video_info);
  core.def("read_frames", &read_video_frames);
  core.def("read_clip", &read_video_clip);
  core.def("epoch_order", [](std::int64_t count, std::uint64_t seed, int epoch) {
    return epoch_order("python.clips", count, seed, epoch);
  });
  nb::class_<ClipList>(core, "ClipList")
      .def("__len__", [](const ClipList& list) { return list.source().size(); })
      .def_prop_ro("classes", &ClipList::classes)
      .def_prop_ro("class_names", &ClipList::class_names)
      .def_prop_ro("labels", [](const ClipList& list) { return labels_of(list.source()); })
      .def_prop_ro("groups", [](const ClipList& list) { return groups_of(list.source()); })
      .def_prop_ro("names", [](const ClipList& list) { return names_of(list.source()); });
  nb::class_<ClipPass>(core, "ClipPass").def("next", &ClipPass::next);
  core.def("open_list", &open_list);
  core.def("start_pass", &start_pass);
}

}  // namespace permafrost::python
