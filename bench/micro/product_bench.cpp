// SPDX-License-Identifier: Apache-2.0
// Linear layers of frozen encoders on one thread: LibTorch's own, and ours (cpu_product.h), alone
// and with the GELU that follows one of them; and the whole forward pass with either. The outputs
// are compared before anything is timed.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include <cstdio>

#include "bench/micro/pico_sizes.h"
#include "models/encoders/encoder.h"
#include "models/network/layers/cpu_product.h"
#include "models/network/layers/linear.h"
#include "models/network/vit.h"

namespace permafrost {
namespace {

struct Inputs {
  at::Tensor x, weight, bias;
};

// Rows, in and out: 16 clips of a pico encoder into its layers, and a clip of ViT-S.
const std::int64_t kShapes[][3] = {
    {2304, 64, 192}, {2304, 64, 256}, {2304, 256, 64}, {1568, 384, 1152}, {1568, 384, 1536}};

at::Tensor drawn(at::IntArrayRef shape, std::uint64_t sample) {
  RandomStream stream({.seed = 1, .purpose = "bench", .sample = sample});
  return normal_tensor(shape, 1, stream);
}

Inputs inputs_of(std::int64_t shape) {
  const auto& [rows, in, out] = kShapes[shape];
  return {drawn({rows, in}, 1), drawn({out, in}, 2), drawn({out}, 3)};
}

void count(benchmark::State& state) {
  const auto& [rows, in, out] = kShapes[state.range(0)];
  state.SetLabel(std::to_string(rows) + " x " + std::to_string(in) + " x " + std::to_string(out));
  state.counters["FLOP/s"] = benchmark::Counter(2.0 * static_cast<double>(rows * in * out),
                                                benchmark::Counter::kIsIterationInvariantRate,
                                                benchmark::Counter::kIs1000);
}

void libtorch(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const Inputs in = inputs_of(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(at::linear(in.x, in.weight, in.bias));
  count(state);
}
BENCHMARK(libtorch)->DenseRange(0, 4);

void ours(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const Inputs in = inputs_of(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(cpu_product(in.x, in.weight, in.bias));
  count(state);
}
BENCHMARK(ours)->DenseRange(0, 4);

void libtorch_and_gelu(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const Inputs in = inputs_of(state.range(0));
  for (auto _ : state) {
    at::Tensor out = at::linear(in.x, in.weight, in.bias);
    benchmark::DoNotOptimize(at::gelu_(out));
  }
  count(state);
}
BENCHMARK(libtorch_and_gelu)->DenseRange(1, 1);

void ours_and_gelu(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const Inputs in = inputs_of(state.range(0));
  for (auto _ : state)
    benchmark::DoNotOptimize(cpu_product(in.x, in.weight, in.bias, AfterProduct::gelu));
  count(state);
}
BENCHMARK(ours_and_gelu)->DenseRange(1, 1);

at::Tensor pico_patches() {
  const EncoderSpec spec = pico_encoder();
  return drawn({16, spec.tokens(), spec.patch_values()}, 4);
}

void pico_encoder_by_ours(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const Encoder encoder = random_encoder(pico_encoder(), 1);
  const at::Tensor patches = pico_patches();
  for (auto _ : state) benchmark::DoNotOptimize(encode(encoder.weights, encoder.spec, patches));
}
BENCHMARK(pico_encoder_by_ours)->Unit(benchmark::kMillisecond);

bool agree() {
  for (std::int64_t shape = 0; shape < 5; ++shape) {
    const Inputs in = inputs_of(shape);
    if (!has_cpu_product(in.x, in.weight, in.bias)) return false;
    const at::Tensor difference =
        cpu_product(in.x, in.weight, in.bias) - at::linear(in.x, in.weight, in.bias);
    if (!(difference.abs().max().item<double>() < 1e-3)) return false;
  }
  return true;
}

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
