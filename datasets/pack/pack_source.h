// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clips from a pack, cut as ManifestSource cuts them from files. Where the stored frames are as
// large as the view asks for (short_side of pack and view equal, every frame stored, raw), the
// pixels are those of the files.
#include <memory>
#include <mutex>
#include <vector>

#include "datasets/pack/pack.h"
#include "datasets/video/source.h"

namespace permafrost {

// Thread-safe.
class PackSource : public ClipSource {
 public:
  // `list` is read_pack_list() of the same folder. Throws InputError as Pack and ManifestSource.
  PackSource(const std::filesystem::path& folder, Manifest list, const VideoOptions& options);
  ~PackSource() override;

  std::int64_t size() const override { return pack_.size(); }
  int label(std::int64_t index) const override;
  std::int64_t group(std::int64_t index) const override;
  std::string name(std::int64_t index) const override;
  // A frame that is damaged, and a sample that could not be packed, are failures.
  Sample read(std::int64_t index, int place, int places) const override;
  Sample read_view(std::int64_t index, int place, int places,
                   const Augmentation& augmentation) const override;
  bool directional() const override { return options_.directional; }
  std::string identity() const override;

 private:
  using Render = std::function<void(const ImageView&, std::uint8_t*)>;
  Sample cut(std::int64_t index, const FrameRule& rule, const Render& render) const;
  const ManifestEntry& entry(std::int64_t index) const;
  std::unique_ptr<FrameDecoder> take_decoder() const;
  void give_back(std::unique_ptr<FrameDecoder> decoder) const;

  Pack pack_;
  Manifest list_;
  VideoOptions options_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<FrameDecoder>> decoders_;  // one for every reading thread
};

}  // namespace permafrost
