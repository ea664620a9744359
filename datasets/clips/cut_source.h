// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the sources of videos have in common, be they files or packs: which frames and crops make
// the clips of a sample. How a sample gives its frames is left to them.
#include <string>
#include <vector>

#include "datasets/augment/augmentation.h"
#include "datasets/clips/clip_source.h"
#include "datasets/frames/clip_request.h"
#include "datasets/video/decoder.h"

namespace permafrost {

// How a clip is cut out of a video.
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

// Clip `place` of `places`, in the view that read() shows. Throws InputError for a shape below 1, a
// crop that does not fit, and a place outside of places.
ClipRequest clip_request(const VideoOptions& options, int place, int places);
// What decides the cut, as text: a part of identities.
std::string cutting_text(const VideoOptions& options);

class CutSource : public ClipSource {
 public:
  // Throws InputError when the shape has a size below 1, or the crop does not fit.
  explicit CutSource(const VideoOptions& options);

  // Frames are chosen by clip_indices as clip `place` of `places`. A sample that cannot be read
  // gives a failure; only a wrong index or place throws.
  Sample read(std::int64_t index, int place, int places) const override;
  ClipSet read_all(std::int64_t index, int places) const override;
  int views() const override { return options_.views; }
  int view() const override { return options_.view; }
  // The clip at a random place of its temporal segment, cut from the full frames.
  Sample read_view(std::int64_t index, int place, int places,
                   const Augmentation& augmentation) const override;
  ClipSet read_views(std::int64_t index, int places,
                     const Augmentation& augmentation) const override;
  bool directional() const override { return options_.directional; }

 protected:
  // The clips in the order of the requests; a frame that several want is decoded once.
  virtual ClipSet cut(std::int64_t index, const std::vector<ClipRequest>& requests) const = 0;
  const VideoOptions& options() const { return options_; }

 private:
  ClipSet augmented_clips(std::int64_t index, const std::vector<int>& which, int places,
                          const Augmentation& augmentation) const;
  VideoOptions options_;
};

}  // namespace permafrost
