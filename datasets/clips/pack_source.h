// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clips from a pack, cut as ManifestSource cuts them from files. Where the stored frames are as
// large as the view asks for (short_side of pack and view equal, every frame stored, raw), the
// pixels are those of the files.
#include <memory>
#include <mutex>
#include <vector>

#include "datasets/clips/cut_source.h"
#include "datasets/lists/manifest.h"
#include "datasets/pack/pack.h"

namespace permafrost {

// Thread-safe.
class PackSource : public CutSource {
 public:
  // `list` is read_manifest() of the same folder. Throws InputError as Pack and ManifestSource.
  PackSource(const std::filesystem::path& folder, Manifest list, const VideoOptions& options);
  ~PackSource() override;

  std::int64_t size() const override { return pack_.size(); }
  Target target(std::int64_t index) const override;
  std::int64_t group(std::int64_t index) const override;
  std::string name(std::int64_t index) const override;
  std::string identity() const override;

 protected:
  // A frame that is damaged, and a sample that could not be packed, are failures.
  ClipSet cut(std::int64_t index, const std::vector<ClipRequest>& requests) const override;

 private:
  std::vector<Clip> cut(const PackedSample& packed, std::int64_t index,
                        std::vector<ClipRequest> requests, FrameDecoder& decoder) const;
  const ManifestEntry& entry(std::int64_t index) const;
  std::unique_ptr<FrameDecoder> take_decoder() const;
  void give_back(std::unique_ptr<FrameDecoder> decoder) const;

  Pack pack_;
  Manifest list_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<FrameDecoder>> decoders_;  // one for every reading thread
};

}  // namespace permafrost
