// SPDX-License-Identifier: Apache-2.0
// Four candidate heads in one pass over the tokens against four passes of one, forward and
// backward. The outputs are compared before anything is timed.
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <torch/types.h>

#include <cstdio>

#include "probes/head.h"

namespace permafrost {
namespace {

constexpr int kCandidates = 4;
constexpr HeadSpec kSpec{.kind = HeadKind::attentive, .width = 64, .heads = 2, .classes = 8};

HeadWeights trainable(HeadWeights weights) {
  visit(weights, kSpec.kind, [](const std::string&, at::Tensor& tensor) {
    tensor = tensor.detach().clone();
    tensor.set_requires_grad(true);
  });
  return weights;
}

at::Tensor tokens() {
  RandomStream stream({.seed = 1, .purpose = "bench"});
  return standardised(normal_tensor({64, 144, kSpec.width}, 1.0, stream));
}

bool agree() {
  HeadWeights all = make_head(kSpec, kCandidates, 1);
  const at::Tensor x = tokens(), together = head_logits(all, kSpec, x);
  for (int c = 0; c < kCandidates; ++c) {
    const HeadWeights one = candidate(all, kSpec.kind, c);
    if (!at::allclose(head_logits(one, kSpec, x)[0], together[c], 1e-4, 1e-5)) return false;
  }
  return true;
}

void together(benchmark::State& state) {
  const at::Tensor x = tokens();
  const HeadWeights head = trainable(make_head(kSpec, kCandidates, 1));
  for (auto _ : state) head_logits(head, kSpec, x).square().sum().backward();
}
BENCHMARK(together)->Unit(benchmark::kMillisecond);

void one_by_one(benchmark::State& state) {
  const at::Tensor x = tokens();
  std::vector<HeadWeights> heads;
  for (int c = 0; c < kCandidates; ++c) heads.push_back(trainable(make_head(kSpec, 1, 1)));
  for (auto _ : state)
    for (const auto& head : heads) head_logits(head, kSpec, x).square().sum().backward();
}
BENCHMARK(one_by_one)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) {
  at::set_num_threads(1);
  if (!permafrost::agree()) {
    std::fprintf(stderr, "the outputs differ: nothing is timed\n");
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
