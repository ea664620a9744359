// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clips from the video and image files of a manifest.
//
//   ManifestSource source(read_manifest("val.csv"), {.shape = {16, 224, 224}, .frame_step = 4});
//   const Sample sample = source.read(0, 0, 1);
#include <string>
#include <vector>

#include "datasets/augment/augmentation.h"
#include "datasets/clip_source.h"
#include "datasets/video/decoder.h"
#include "datasets/video/manifest.h"
#include "datasets/video/sampling.h"

namespace permafrost {

// How a clip is cut out of a file.
struct VideoOptions {
  ClipShape shape;
  int frame_step = 4;
  bool allow_overlap = true;
  int short_side = 0;     // before the centre crop; 0: as small as the crop allows
  bool antialias = true;  // see ViewSpec
  int view = 0;           // read() shows crop `view` of `views` along the long side
  int views = 1;
  bool directional = false;  // see ClipSource
  DecodeOptions decode;
};

// The parts of the options, for every source that cuts clips so.
ViewSpec view_of(const VideoOptions& options);
ClipSampling sampling_of(const VideoOptions& options, int places);
// Throws InputError for a shape below 1, a crop that does not fit, and a place outside of places.
void check_options(const VideoOptions& options, int place, int places);
// What decides the cut, as text: a part of identities.
std::string cutting_text(const VideoOptions& options);
// The frames of a training view: at a random place where the draw says so.
std::vector<std::int64_t> view_indices(const ClipSampling& sampling, std::int64_t frames, int place,
                                       const ViewDraw& draw);

// Thread-safe.
class ManifestSource : public ClipSource {
 public:
  // Throws InputError when the shape has a size below 1, or the crop does not fit.
  ManifestSource(Manifest manifest, const VideoOptions& options);

  std::int64_t size() const override;
  int classes() const { return manifest_.classes; }
  int label(std::int64_t index) const override;
  std::int64_t group(std::int64_t index) const override;
  std::string name(std::int64_t index) const override;  // the path as the manifest writes it
  // Frames are chosen by clip_indices as clip `place` of `places`. A file that cannot be read gives
  // a failure that names it; only a wrong index or place throws.
  Sample read(std::int64_t index, int place, int places) const override;
  // All places and views in one pass through the file.
  ClipSet read_all(std::int64_t index, int places) const override;
  int views() const override { return options_.views; }
  // The clip at a random place of its temporal segment, cut from the full frames.
  Sample read_view(std::int64_t index, int place, int places,
                   const Augmentation& augmentation) const override;
  ClipSet read_views(std::int64_t index, int places,
                     const Augmentation& augmentation) const override;
  bool directional() const override { return options_.directional; }
  // Manifest, shape, sampling and transform. The number of places is the caller's to add.
  std::string identity() const override;
  const Manifest& manifest() const { return manifest_; }

 private:
  const ManifestEntry& entry(std::int64_t index) const;
  Manifest manifest_;
  VideoOptions options_;
};

// Augmented training views of some of `places` clips, one a draw of draw_view().
std::vector<Clip> read_clip_views(const std::string& path, const VideoOptions& options,
                                  const std::vector<int>& which, int places,
                                  const std::vector<ViewDraw>& draws,
                                  DecodeStatistics* statistics = nullptr);

// Clip `place` of `places` of one file. Throws InputError when it cannot be read.
Clip read_clip(const std::string& path, const VideoOptions& options, int place = 0, int places = 1);
Clip read_clip_file(const std::string& path, const ClipShape& shape, int frame_step, int place = 0,
                    int places = 1);

}  // namespace permafrost
