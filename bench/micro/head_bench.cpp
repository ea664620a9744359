// SPDX-License-Identifier: Apache-2.0
// One training step of candidate heads side by side: what 20 cost against 1, alone and with the
// encoding of the batch that a run in one pass over the data would pay, and against one head
// evaluated as the reference writes it. The outputs are compared before anything is timed.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include <cstdio>

#include "bench/micro/pico_sizes.h"
#include "models/encoders/encoder.h"
#include "models/network/vit.h"
#include "probes/heads/classifier.h"
#include "probes/train/backpropagation.h"
#include "probes/train/stacked_adamw.h"

namespace permafrost {
namespace {

constexpr std::int64_t kBatch = 64;

HeadSpec pico_head(HeadKind kind) { return {.kind = kind, .width = 64, .heads = 2, .classes = 8}; }

at::Tensor tokens() {
  RandomStream stream({.seed = 1, .purpose = "bench"});
  return standardised(normal_tensor({kBatch, pico_encoder().tokens(), 64}, 1.0, stream));
}

at::Tensor labels() { return at::arange(kBatch, at::kLong).remainder(8); }

// Learning rates by weight decays, as the candidates of a sweep.
std::vector<ProbeCandidate> candidates(std::int64_t count) {
  std::vector<ProbeCandidate> all;
  for (std::int64_t c = 0; c < count; ++c)
    all.push_back({.learning_rate = 1e-3 * static_cast<double>(1 + c % 5),
                   .weight_decay = 0.01 * static_cast<double>(1 + c / 5)});
  return all;
}

bool agree() {
  for (const auto kind : {HeadKind::attentive, HeadKind::linear}) {
    const HeadSpec spec = pico_head(kind);
    HeadWeights all = make_head(spec, 20, 1);
    visit(all, kind, [](const std::string&, at::Tensor& tensor) {
      RandomStream stream({.seed = 2, .purpose = "bench"});
      tensor = tensor + normal_tensor(tensor.sizes(), 0.1, stream);
    });
    const at::Tensor x = tokens(), together = head_logits(all, spec, x);
    for (const int c : {0, 7, 19}) {
      const HeadWeights one = candidate(all, kind, c);
      const ClassifierSpec plain = classifier_spec_of(spec);
      const at::Tensor written = classify(classifier_weights_of(one, spec), plain, x);
      for (const auto& logits : {head_logits(one, spec, x)[0], written})
        if (!at::allclose(logits, together[c], 1e-3, 1e-3)) return false;
    }
  }
  return true;
}

// A step of training on kept features, `count` candidates in one pass.
void train_step(benchmark::State& state, HeadKind kind, bool with_encoder) {
  const auto all = candidates(state.range(0));
  const HeadSpec spec = pico_head(kind);
  HeadWeights head = make_head(spec, static_cast<int>(all.size()), 1);
  StackedAdamW optimiser(head, kind);
  const StackedSchedule schedule(all, 1 << 30);
  const EncoderSpec encoder_spec = pico_encoder();
  const Encoder encoder = random_encoder(encoder_spec, 1);
  const at::Tensor pixels = at::rand({kBatch, encoder_spec.tokens(), encoder_spec.patch_values()});
  const at::Tensor target = labels();
  Backpropagation backpropagate(head, spec, objective_of(HeadLoss::softmax));
  const at::Tensor kept = sees_the_mean_alone(kind) ? tokens().mean(1, true) : tokens();
  std::int64_t step = 0;
  for (auto _ : state) {
    at::Tensor x = kept;
    if (with_encoder) {
      const at::NoGradGuard no_grad;
      x = standardised(encode(encoder.weights, encoder_spec, pixels));
    }
    backpropagate(x, target);
    ++step;
    optimiser.step(schedule.learning_rates(step), schedule.weight_decays(step), 1.0);
  }
}
BENCHMARK_CAPTURE(train_step, attentive, HeadKind::attentive, false)
    ->Arg(1)
    ->Arg(4)
    ->Arg(20)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(train_step, attentive_encoded, HeadKind::attentive, true)
    ->Arg(1)
    ->Arg(20)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(train_step, linear, HeadKind::linear, false)
    ->Arg(1)
    ->Arg(20)
    ->Unit(benchmark::kMillisecond);

// One head with keys and values of every token, forward and backward, no optimiser.
void as_written(benchmark::State& state) {
  const HeadSpec spec = pico_head(HeadKind::attentive);
  const ClassifierSpec plain = classifier_spec_of(spec);
  ClassifierWeights head = classifier_weights_of(make_head(spec, 1, 1), spec);
  visit(head, plain,
        [](const std::string&, at::Tensor& tensor) { tensor.set_requires_grad(true); });
  const at::Tensor x = tokens(), target = labels();
  for (auto _ : state) at::cross_entropy_loss(classify(head, plain, x), target).backward();
}
BENCHMARK(as_written)->Unit(benchmark::kMillisecond);

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
