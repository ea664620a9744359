// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clips from the video and image files of a manifest.
//
//   ManifestSource source(read_manifest("val.csv"), {.shape = {16, 224, 224}, .frame_step = 4});
//   const Sample sample = source.read(0, 0, 1);
#include <string>

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
  int view = 0;           // crop `view` of `views` along the long side
  int views = 1;
  bool directional = false;  // see ClipSource
  DecodeOptions decode;
};

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
  // The clip at a random place of its temporal segment, cut from the full frames.
  Sample read_view(std::int64_t index, int place, int places,
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

// An augmented training view of clip `place` of `places`, by a draw of draw_view().
Clip read_clip_view(const std::string& path, const VideoOptions& options, int place, int places,
                    const ViewDraw& draw);

// Clip `place` of `places` of one file. Throws InputError when it cannot be read.
Clip read_clip(const std::string& path, const VideoOptions& options, int place = 0, int places = 1);
Clip read_clip_file(const std::string& path, const ClipShape& shape, int frame_step, int place = 0,
                    int places = 1);

}  // namespace permafrost
