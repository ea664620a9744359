// SPDX-License-Identifier: Apache-2.0
#pragma once

// Features of a task under a frozen encoder: computed once, kept for every head, seed and table.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/progress.h"
#include "datasets/clip_source.h"
#include "models/encoder.h"

namespace permafrost {

struct LabelledFeatures {
  at::Tensor tokens;                  // float32 [n, clips*N, D], standardised (see head.h)
  std::vector<int> labels;            // [n]
  std::vector<std::string> failures;  // [n], the reason where a sample could not be read
  std::int64_t failed() const;
};

// Reads and encodes every sample of the source, `clips` temporal segments each, tokens of the
// segments one after the other. Work is cut into fixed chunks, so the result does not depend on
// `threads`. Throws Error when the encoder's weights changed meanwhile (law 10).
LabelledFeatures encode_source(const Encoder& encoder, const ClipSource& source, int clips,
                               int threads, Progress* progress = nullptr);

// Raw final-norm features float32 [B,N,D] of clips, in inference mode.
at::Tensor encode_pixels(const Encoder& encoder, const at::Tensor& pixels);

}  // namespace permafrost
