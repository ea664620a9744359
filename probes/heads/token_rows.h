// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tokens of clips that a head reads some rows at a time: from memory, or from a file that need not
// fit into it (probes/encode/feature_store.h).
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace permafrost {

// Used by one thread at a time.
class TokenRows {
 public:
  virtual ~TokenRows() = default;
  virtual std::int64_t clips() const = 0;
  virtual std::int64_t tokens() const = 0;  // of a clip
  virtual std::int64_t width() const = 0;
  // Standardised tokens [count,width] of a clip from number `first` on, side by side; valid until
  // the next call.
  virtual const float* rows(std::int64_t clip, std::int64_t first, std::int64_t count) = 0;
};

// Of a float32 tensor [B,N,D] on the host.
class TensorRows : public TokenRows {
 public:
  explicit TensorRows(const at::Tensor& tokens) : tokens_(tokens.contiguous()) {}
  std::int64_t clips() const override { return tokens_.size(0); }
  std::int64_t tokens() const override { return tokens_.size(1); }
  std::int64_t width() const override { return tokens_.size(2); }
  const float* rows(std::int64_t clip, std::int64_t first, std::int64_t) override {
    return tokens_.const_data_ptr<float>() + (clip * tokens() + first) * width();
  }

 private:
  at::Tensor tokens_;
};

}  // namespace permafrost
