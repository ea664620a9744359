// SPDX-License-Identifier: Apache-2.0
#include "models/network/arithmetic.h"

namespace permafrost {

double linear_flops(double tokens, double in, double out) { return 2 * tokens * in * out; }

double block_flops(double tokens, double width, double hidden, Ffn ffn) {
  const double projections = linear_flops(tokens, width, 4 * width);  // queries, keys, values, out
  const double attention = 2 * linear_flops(tokens, width, tokens);   // scores, and their mixture
  const double layers = ffn == Ffn::swiglu ? 3 : 2;
  return projections + attention + layers * linear_flops(tokens, width, hidden);
}

double embedding_flops(const EncoderSpec& spec, double tokens) {
  return linear_flops(tokens, spec.patch_values(), spec.width);
}

double blocks_flops(const EncoderSpec& spec, double tokens) {
  return spec.depth * block_flops(tokens, spec.width, spec.hidden(), spec.ffn);
}

}  // namespace permafrost
