// SPDX-License-Identifier: Apache-2.0
// store_bench FILE [HEADS]: one step of an attentive head over all tokens of a file that
// `permafrost features --window N` has written, forward and backward: how long it takes and how
// much memory, whatever the file's size.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <cstdio>
#include <cstdlib>

#include "common/error.h"
#include "common/machine/core_seconds.h"
#include "common/machine/memory.h"
#include "common/machine/stopwatch.h"
#include "probes/encode/feature_store.h"
#include "probes/heads/fused_head.h"

namespace permafrost {
namespace {

int run(const char* path, int heads) {
  at::set_num_threads(1);
  const at::NoGradGuard no_grad;
  FeatureStore store(path);
  if (heads < 1 || store.width() % heads != 0)
    throw InputError("HEADS", "", "a divisor of the width, " + std::to_string(store.width()),
                     std::to_string(heads));
  const HeadSpec spec{.width = static_cast<int>(store.width()), .heads = heads, .classes = 8};
  const HeadWeights head = make_head(spec, 1, 1);
  FusedHead fused(spec, 1);
  const double before = peak_memory_bytes().value_or(0), start = core_seconds();
  const Stopwatch watch;
  const at::Tensor logits = fused.logits(head, store, true);
  const double forward = watch.seconds(), forward_core = core_seconds() - start;
  fused.gradients(head, store, logits.softmax(2));
  std::printf(
      "{\"tokens\":%lld,\"width\":%lld,\"forward_seconds\":%.3f,\"forward_core_seconds\":%.3f,"
      "\"step_seconds\":%.3f,\"step_core_seconds\":%.3f,\"peak_memory_bytes\":%.0f,"
      "\"peak_memory_before_bytes\":%.0f}\n",
      static_cast<long long>(store.tokens()), static_cast<long long>(store.width()), forward,
      forward_core, watch.seconds(), core_seconds() - start, peak_memory_bytes().value_or(0),
      before);
  return 0;
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "store_bench: expected FILE [HEADS]\n");
    return 2;
  }
  try {
    return permafrost::run(argv[1], argc > 2 ? std::atoi(argv[2]) : 2);
  } catch (const permafrost::InputError& error) {
    std::fprintf(stderr, "store_bench: %s\n", error.what());
    return 2;
  }
}
