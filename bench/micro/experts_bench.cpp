// SPDX-License-Identifier: Apache-2.0
// A layer of experts on one thread beside the ordinary layer of as many active weights: forward for
// frozen encoders, and forward and backward as in pretraining, with the losses of the router. The
// outputs are compared with the plain formula before anything is timed.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include <cstdio>

#include "models/network/layers/feed_forward.h"

namespace permafrost {
namespace {

// Clips and tokens of one, width, hidden width of the ordinary layer: 16 clips of a pico encoder as
// they are frozen, what a gradient shard sees of them behind masks, and ViT-S.
const std::int64_t kShapes[][4] = {{16, 144, 64, 256}, {16, 48, 64, 256}, {16, 144, 384, 1536}};
constexpr int kExperts = 8, kChosen = 2;

at::Tensor drawn(at::IntArrayRef shape, std::uint64_t sample) {
  RandomStream stream({.seed = 1, .purpose = "bench", .sample = sample});
  return normal_tensor(shape, 1, stream);
}

struct Layer {
  FeedForwardSpec spec;
  FeedForwardWeights weights;
  std::vector<at::Tensor> leaves;
  at::Tensor x, gradient;  // [B,N,D]; of the output

  Layer(std::int64_t shape, bool experts, bool trained) {
    const auto& [clips, tokens, width, hidden] = kShapes[shape];
    spec.width = static_cast<int>(hidden);
    if (experts) {
      spec.width /= kChosen;
      spec.routing = {.experts = kExperts, .chosen = kChosen};
    }
    RandomStream stream({.seed = 1, .purpose = "bench.layer"});
    weights = make_feed_forward(spec, width, Init::xavier, stream);
    x = drawn({clips, tokens, width}, 1);
    gradient = drawn({clips, tokens, width}, 2);
    if (!trained) return;
    leaves.push_back(x.requires_grad_());
    visit(weights, "",
          [&](const std::string&, at::Tensor& t) { leaves.push_back(t.requires_grad_()); });
  }

  at::Tensor forward(BlockTrace* trace = nullptr) const {
    return apply_feed_forward(weights, spec, x, trace);
  }

  void forward_and_backward() {
    BlockTrace trace{.router = {.balance = 0.01, .z = 0.001}};
    at::Tensor loss = (forward(&trace) * gradient).mean();
    for (const auto& [name, extra] : trace.losses) loss = loss + extra;
    loss.backward();
    for (auto& leaf : leaves) leaf.mutable_grad() = at::Tensor();
  }
};

void count(benchmark::State& state, const FeedForwardSpec& spec, double times) {
  const auto& [clips, tokens, width, hidden] = kShapes[state.range(0)];
  state.SetLabel(std::to_string(clips * tokens) + " tokens, width " + std::to_string(width));
  state.counters["FLOP/s"] = benchmark::Counter(
      times *
          feed_forward_flops(spec, static_cast<double>(clips * tokens), static_cast<double>(width)),
      benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

void frozen(benchmark::State& state, bool experts) {
  const at::NoGradGuard no_grad;
  const Layer layer(state.range(0), experts, false);
  for (auto _ : state) benchmark::DoNotOptimize(layer.forward());
  count(state, layer.spec, 1);
}
BENCHMARK_CAPTURE(frozen, dense, false)->DenseRange(0, 2)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(frozen, experts, true)->DenseRange(0, 2)->Unit(benchmark::kMillisecond);

void training(benchmark::State& state, bool experts) {
  Layer layer(state.range(0), experts, true);
  for (auto _ : state) layer.forward_and_backward();
  count(state, layer.spec, 3);
}
BENCHMARK_CAPTURE(training, dense, false)->DenseRange(0, 2)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(training, experts, true)->DenseRange(0, 2)->Unit(benchmark::kMillisecond);

// Every token by itself, in float64.
bool agrees(std::int64_t shape) {
  const at::NoGradGuard no_grad;
  const Layer layer(shape, true, false);
  const at::Tensor found = layer.forward();
  const FeedForwardWeights& w = layer.weights;
  for (std::int64_t n = 0; n < layer.x.size(1); n += 7) {
    const at::Tensor token = layer.x[1][n].to(at::kDouble);
    const at::Tensor p = at::softmax(at::mv(w.gate.to(at::kDouble), token), 0);
    const auto [best, experts] = at::topk(p, kChosen);
    at::Tensor expected = at::zeros_like(token);
    for (int j = 0; j < kChosen; ++j) {
      const auto e = experts[j].item<std::int64_t>();
      const at::Tensor hidden =
          at::gelu(at::mv(w.fc1.weight[e].to(at::kDouble), token) + w.fc1.bias[e].to(at::kDouble));
      expected += best[j] / best.sum() *
                  (at::mv(w.fc2.weight[e].to(at::kDouble), hidden) + w.fc2.bias[e].to(at::kDouble));
    }
    if (!((found[1][n].to(at::kDouble) - expected).abs().max().item<double>() < 1e-3)) return false;
  }
  return true;
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) {
  at::set_num_threads(1);
  for (std::int64_t shape = 0; shape < 3; ++shape)
    if (!permafrost::agrees(shape)) {
      std::fprintf(stderr, "the outputs differ: nothing is timed\n");
      return 1;
    }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
