// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clips from the video and image files of a manifest.
//
//   ManifestSource source(read_manifest("val.csv"), {.shape = {16, 224, 224}, .frame_step = 4});
//   const Sample sample = source.read(0, 0, 1);
#include <string>
#include <vector>

#include "datasets/clips/cut_source.h"
#include "datasets/lists/manifest.h"

namespace permafrost {

// Thread-safe.
class ManifestSource : public CutSource {
 public:
  // Throws InputError as CutSource.
  ManifestSource(Manifest manifest, const VideoOptions& options);

  std::int64_t size() const override;
  int classes() const { return manifest_.classes; }
  Target target(std::int64_t index) const override;
  std::int64_t group(std::int64_t index) const override;
  std::string name(std::int64_t index) const override;  // the path as the manifest writes it
  // Manifest, shape, sampling and transform. The number of places is the caller's to add.
  std::string identity() const override;
  const Manifest& manifest() const { return manifest_; }

 protected:
  // In one pass through the file. A failure names it.
  ClipSet cut(std::int64_t index, const std::vector<ClipRequest>& requests) const override;

 private:
  const ManifestEntry& entry(std::int64_t index) const;
  Manifest manifest_;
};

// Clip `place` of `places` of one file. Throws InputError when it cannot be read.
Clip read_clip(const std::string& path, const VideoOptions& options, int place = 0, int places = 1);
Clip read_clip_file(const std::string& path, const ClipShape& shape, int frame_step, int place = 0,
                    int places = 1);

}  // namespace permafrost
