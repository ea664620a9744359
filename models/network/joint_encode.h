// SPDX-License-Identifier: Apache-2.0
#pragma once

// encode() of one long clip whose tokens all attend to each other, in memory that grows with the
// tokens and not with their square: rows go through linear layers in chunks, and attention takes
// some queries at a time.
//
//   JointEncoding joint(encoder.weights);
//   joint.add(patchify(pixels, window_spec));           // [1,K,values], as often as there are more
//   const at::Tensor z = joint.finish(whole.weights, whole.spec);   // [1,N,D]
#include <cstdint>
#include <functional>
#include <vector>

#include "models/network/vit.h"

namespace permafrost {

struct JointOptions {
  Tokens tokens = Tokens::patch;
  int threads = 1;  // of ours, beside each other over chunks; changes no number
  // Is told from any thread how many of depth * N rows more are done.
  std::function<void(std::int64_t)> done = {};
};

class JointEncoding {
 public:
  // `weights` are those of the encoder at any size, and outlive this.
  explicit JointEncoding(const VitWeights& weights) : weights_(weights) {}

  // The next patches [1,K,values] of the clip: they are embedded, and not kept.
  void add(const at::Tensor& patches);
  std::int64_t tokens() const { return tokens_; }

  // encode() of all of them, equal up to rounding. `weights` and `spec` are those of the encoder
  // for a clip of so many frames. May be called once. Throws Error where the tokens are not
  // those of the spec, and InputError for an encoder of images, whose frames do not attend to each
  // other.
  at::Tensor finish(const VitWeights& weights, const EncoderSpec& spec,
                    const JointOptions& options = {});

 private:
  const VitWeights& weights_;
  std::vector<at::Tensor> parts_;  // [1,K,D], embedded without positions
  std::int64_t tokens_ = 0;
};

// The most memory that a JointEncoding of `tokens` tokens takes, the result and the table of
// positions among it, weights aside.
double joint_bytes(const EncoderSpec& spec, double tokens, int threads = 1);

}  // namespace permafrost
