// SPDX-License-Identifier: Apache-2.0
#pragma once

// Features of one long video in a file that need not fit into memory, as a head reads them:
//
//   FeatureStore store("film.safetensors");            // of permafrost features --window N
//   const at::Tensor logits = FusedHead(spec, 1).logits(head, store, false);
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "models/encoders/checkpoints/safetensors.h"
#include "probes/heads/token_rows.h"

namespace permafrost {

// All tokens of the file's windows, one after the other, are those of one clip. They are
// standardised when they are read; the file is mapped, and pages that were read are given back, so
// that some megabytes of it are in memory at a time.
class FeatureStore : public TokenRows {
 public:
  // Throws InputError for a file without float32 `features` [W,n,D].
  explicit FeatureStore(const std::filesystem::path& path);

  std::int64_t clips() const override { return 1; }
  std::int64_t tokens() const override { return tokens_.size(0); }
  std::int64_t width() const override { return tokens_.size(1); }
  std::int64_t windows() const { return windows_; }
  const float* rows(std::int64_t clip, std::int64_t first, std::int64_t count) override;

  const std::map<std::string, std::string>& metadata() const { return file_.metadata; }
  // The first frame of each time step, int64 [W,T].
  const at::Tensor& frames() const { return frames_; }

 private:
  void give_back(std::int64_t first);

  SafetensorsFile file_;
  at::Tensor tokens_;  // [W*n,D], mapped
  at::Tensor frames_;
  at::Tensor block_;  // what rows() points to
  std::int64_t windows_ = 0;
  std::int64_t given_back_ = 0;  // rows in front of this are not in memory
};

}  // namespace permafrost
