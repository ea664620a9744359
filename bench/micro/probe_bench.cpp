// SPDX-License-Identifier: Apache-2.0
// How fast steps of probe training are, on random tokens that are kept in memory:
//
//   probe_bench --candidates 20
//
// prints a line of JSON with the milliseconds of a step over --steps steps after --warmup: samples
// picked from the kept ones, gradients of all candidates, clipping, AdamW, by one thread. --write
// FILE measures nothing and leaves there what scripts/lib/probe_step.py needs to do the same steps:
// first weights, tokens, labels, the samples of every step, and the first losses to check against.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/records/build_info.h"
#include "common/error.h"
#include "common/json/json_object.h"
#include "common/machine/core_seconds.h"
#include "common/machine/stopwatch.h"
#include "datasets/clips/loader.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "probes/train/backpropagation.h"
#include "probes/train/stacked_adamw.h"

namespace permafrost {
namespace {

struct Options {
  std::int64_t clips = 512, tokens = 144, batch = 64, warmup = 20, steps = 200, losses = 20;
  int candidates = 4, width = 64, heads = 2, classes = 8;
  double clip_grad = 1.0;
  std::string write;
};

// Learning rates by weight decays, as the candidates of a sweep.
std::vector<ProbeCandidate> candidates_of(const Options& options) {
  std::vector<ProbeCandidate> all;
  for (int c = 0; c < options.candidates; ++c)
    all.push_back({.learning_rate = 1e-3 * (1 + c % 5), .weight_decay = 0.01 * (1 + c / 5)});
  return all;
}

class ProbeSteps {
 public:
  explicit ProbeSteps(const Options& options)
      : options_(options),
        spec_{.width = options.width, .heads = options.heads, .classes = options.classes},
        head_(make_head(spec_, options.candidates, 1)),
        first_(candidate(head_, spec_.kind, 0)),
        optimiser_(head_, spec_.kind),
        schedule_(candidates_of(options), options.warmup + options.steps),
        backpropagate_(head_, spec_, objective_of(HeadLoss::softmax)) {
    const auto generator = at::make_generator<at::CPUGeneratorImpl>(1);
    tokens_ = standardised(at::randn({options.clips, options.tokens, options.width}, generator));
    labels_ = at::randint(0, options.classes, {options.clips}, generator, at::kLong);
  }

  // Loss of step `number`, counted from 1; candidates added up.
  at::Tensor step(std::int64_t number) {
    const at::Tensor samples = samples_of(number);
    const at::Tensor loss =
        backpropagate_(tokens_.index_select(0, samples), labels_.index_select(0, samples));
    optimiser_.step(schedule_.learning_rates(number), schedule_.weight_decays(number),
                    options_.clip_grad);
    return loss;
  }

  // What the other side needs for the same steps.
  void write() {
    Json json{{"width", options_.width},     {"heads", options_.heads},
              {"classes", options_.classes}, {"clip_grad", options_.clip_grad},
              {"warmup", options_.warmup},   {"steps", options_.steps},
              {"batch", options_.batch},     {"candidates", Json::array()},
              {"losses", Json::array()}};
    for (const auto& c : candidates_of(options_))
      json["candidates"].push_back(
          {{"learning_rate", c.learning_rate}, {"weight_decay", c.weight_decay}});
    NamedTensors tensors{{"tokens", tokens_}, {"labels", labels_}};
    visit(first_, spec_.kind, [&](const std::string& name, at::Tensor& tensor) {
      // The query of the reference is [1,1,D]; the others have no dimension of candidates.
      const bool query = name == "pooler.query_tokens";
      tensors.emplace_back("head." + name, query ? tensor : tensor.squeeze(0));
    });
    std::vector<at::Tensor> samples;
    for (std::int64_t k = 1; k <= options_.warmup + options_.steps; ++k)
      samples.push_back(samples_of(k));
    tensors.emplace_back("samples", at::stack(samples));
    for (std::int64_t k = 1; k <= std::min(options_.losses, options_.warmup + options_.steps); ++k)
      json["losses"].push_back(step(k).item<double>());
    write_safetensors(options_.write, tensors, {{"step", json.dump()}});
  }

 private:
  at::Tensor samples_of(std::int64_t number) {
    const std::int64_t batches = options_.clips / options_.batch, epoch = (number - 1) / batches;
    if (epoch != epoch_) {
      const auto order = epoch_order("probe.order", options_.clips, 1, static_cast<int>(epoch));
      order_ = at::tensor(at::ArrayRef<std::int64_t>(order), at::kLong);
      epoch_ = epoch;
    }
    return order_.slice(0, (number - 1) % batches * options_.batch).slice(0, 0, options_.batch);
  }

  Options options_;
  HeadSpec spec_;
  HeadWeights head_, first_;
  StackedAdamW optimiser_;
  StackedSchedule schedule_;
  Backpropagation backpropagate_;
  at::Tensor tokens_, labels_, order_;
  std::int64_t epoch_ = -1;
};

OrderedJson time_of(const Options& options) {
  ProbeSteps steps(options);
  for (std::int64_t k = 1; k <= options.warmup; ++k) steps.step(k);
  const double start = core_seconds();
  const Stopwatch watch;
  for (std::int64_t k = 1; k <= options.steps; ++k) steps.step(options.warmup + k);
  const double seconds = watch.seconds(), processor = core_seconds() - start;
  const auto count = static_cast<double>(options.steps);
  const BuildInfo build = build_info();
  return {{"step_ms", seconds / count * 1e3}, {"processor_ms", processor / count * 1e3},
          {"candidates", options.candidates}, {"batch", options.batch},
          {"steps", options.steps},           {"version", build.version},
          {"commit", build.commit},           {"libtorch", build.libtorch},
          {"processor", build.processor}};
}

void run(const Options& options) {
  if (options.batch > options.clips)
    throw InputError("--batch", "", "at most --clips (" + std::to_string(options.clips) + ")",
                     std::to_string(options.batch));
  at::set_num_threads(1);
  if (options.write.empty())
    std::printf("%s\n", time_of(options).dump().c_str());
  else
    ProbeSteps(options).write();
}

void add_options(CLI::App& app, Options& options) {
  const auto positive = CLI::Range(std::int64_t{1}, std::int64_t{1} << 24);
  app.add_option("--candidates", options.candidates, "trained together")->check(positive);
  app.add_option("--clips", options.clips, "that are kept")->check(positive);
  app.add_option("--tokens", options.tokens, "of a clip")->check(positive);
  app.add_option("--width", options.width, "of a token")->check(positive);
  app.add_option("--heads", options.heads, "of the attention")->check(positive);
  app.add_option("--classes", options.classes, "of the task")->check(positive);
  app.add_option("--batch", options.batch, "clips a step")->check(positive);
  app.add_option("--warmup", options.warmup, "steps that are not timed")->check(positive);
  app.add_option("--steps", options.steps, "steps that are")->check(positive);
  app.add_option("--losses", options.losses, "with --write: steps to check")->check(positive);
  app.add_option("--write", options.write, "inputs for probe_step.py");
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) {
  CLI::App app("milliseconds of a step of probe training");
  permafrost::Options options;
  permafrost::add_options(app, options);
  try {
    app.parse(argc, argv);
    permafrost::run(options);
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "probe_bench: %s\n", error.what());
    return 2;
  } catch (const permafrost::Error& error) {
    std::fprintf(stderr, "probe_bench: %s\n", error.what());
    return error.exit_status();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "probe_bench: internal error: %s\n", error.what());
    return 1;
  }
}
