// SPDX-License-Identifier: Apache-2.0
// How fast the synthetic world is drawn: clips a second and core, at two sizes, in both versions.
#include <benchmark/benchmark.h>

#include "datasets/synthetic/scene.h"

namespace permafrost::synthetic {
namespace {

void draw(benchmark::State& state) {
  const auto side = static_cast<int>(state.range(0));
  const auto version = static_cast<int>(state.range(1));
  std::int64_t index = 0;
  for (auto _ : state) {
    const auto task = static_cast<SyntheticTask>(index % 2);  // the two that move
    benchmark::DoNotOptimize(
        render(draw_scene({task, Split::train, index++, version}), {8, side, side}).pixels.data());
  }
  state.counters["clips/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(draw)->ArgsProduct({{48, 96}, {1, 2}})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace permafrost::synthetic

BENCHMARK_MAIN();
