// SPDX-License-Identifier: Apache-2.0
// How fast the steps of a pretraining configuration are, on random clips that lie on the device:
//
//   pretrain_bench models/zoo/pico/vjepa-multiblock.json --threads 2
//   pretrain_bench bench/micro/vit-b16.json --device cuda --peak
//
// prints a line of JSON with clips/s over --steps steps after --warmup. --peak adds what share of
// the device's matrix product the arithmetic of a step is
// (models/pretraining/objectives/objective.h);
// --profile tells where the time goes instead, --kernels what kernels of a GPU it goes to;
// --attention holds attention to one of LibTorch's kernels. --write FILE measures nothing and
// leaves there what others need to do the same steps (step_inputs.h).
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/device.h"
#include "bench/micro/device_kernels.h"
#include "bench/micro/step_inputs.h"
#include "bench/micro/step_parts.h"
#include "bench/records/build_info.h"
#include "common/error.h"
#include "common/machine/core_seconds.h"
#include "common/machine/parallel.h"
#include "common/machine/stopwatch.h"
#include "common/nearest_name.h"
#include "models/pretraining/trainer.h"

namespace permafrost {
namespace {

struct Options {
  std::string config, device = "cpu", precision, attention, write;
  int threads = 1, batch = 0, shards = 0;  // 0: the configuration's
  std::int64_t warmup = 3, steps = 20, losses = 3;
  bool peak = false, profile = false, kernels = false, repeat_masks = false;
};

// Leaves one kernel to choose from; a GPU that lacks it for the sizes at hand then says so.
void hold_attention_to(const std::string& kernel, const at::Device& device) {
  if (kernel.empty()) return;
  const std::vector<std::string> known =
      device.is_cpu() ? std::vector<std::string>{"flash", "math"}
                      : std::vector<std::string>{"cudnn", "efficient", "flash", "math"};
  if (std::find(known.begin(), known.end(), kernel) == known.end())
    throw InputError("--attention", "", "one of " + joined(known) + " on " + device.str(),
                     quoted(kernel));
  at::Context& context = at::globalContext();
  context.setSDPUseCuDNN(kernel == "cudnn");
  context.setSDPUseMemEfficient(kernel == "efficient");
  context.setSDPUseFlash(kernel == "flash");
  context.setSDPUseMath(kernel == "math");
}

PretrainConfig config_of(const Options& options) {
  Json json = read_json(options.config);
  if (json.is_object()) {
    if (options.batch > 0) json["batch"] = options.batch;
    if (options.shards > 0) json["gradient_shards"] = options.shards;
    if (!options.precision.empty()) json["precision"] = options.precision;
  }
  PretrainConfig config = read_pretrain_config(json, options.config);
  // No step is a logged, kept or last one: those wait for the device and look at features.
  config.log_every = config.checkpoint_every = config.steps = std::int64_t{1} << 40;
  return config;
}

at::Tensor random_clips(const PretrainConfig& config) {
  const ClipShape shape = config.encoder.clip_shape();
  return at::randint(0, 256, {config.batch, shape.frames, shape.height, shape.width, 3},
                     at::make_generator<at::CPUGeneratorImpl>(1), at::kByte);
}

// ---- Time ---------------------------------------------------------------------------------------

struct Seconds {
  double clock = 0, processor = 0;  // the latter of all threads together
};

// The number of the first timed step, which its masks are drawn by.
std::int64_t first_timed(const Options& options) {
  return options.repeat_masks ? 1 : options.warmup + 1;
}

void take_steps(Trainer& trainer, const at::Tensor& pixels, std::int64_t steps,
                const at::Device& device) {
  for (std::int64_t k = 0; k < steps; ++k) trainer.step(pixels);
  wait_for(device);
}

void warm_up(Trainer& trainer, const at::Tensor& pixels, const Options& options,
             const at::Device& device) {
  take_steps(trainer, pixels, options.warmup, device);
  trainer.state().step = first_timed(options) - 1;
}

// Of the steps after the warm-up.
Seconds timed_steps(Trainer& trainer, const at::Tensor& pixels, const Options& options,
                    const at::Device& device) {
  warm_up(trainer, pixels, options, device);
  const double start = core_seconds();
  const Stopwatch watch;
  take_steps(trainer, pixels, options.steps, device);
  return {watch.seconds(), core_seconds() - start};
}

// Operations a second of a square matrix product: the best of a few runs of many.
double measured_peak(const at::Device& device, at::ScalarType type, std::int64_t side,
                     int products) {
  const at::NoGradGuard no_grad;
  const auto values = at::TensorOptions(type).device(device);
  const at::Tensor a = at::rand({side, side}, values).sub_(0.5);
  const at::Tensor b = at::rand({side, side}, values).sub_(0.5);
  at::Tensor out = at::empty({side, side}, values);
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    at::mm_out(out, a, b);  // what the pause before it cost is not the product's
    wait_for(device);
    const Stopwatch watch;
    for (int k = 0; k < products; ++k) at::mm_out(out, a, b);
    wait_for(device);
    const auto n = static_cast<double>(side);
    best = std::max(best, products * 2 * n * n * n / watch.seconds());
  }
  return best;
}

void add_peak(OrderedJson& line, const PretrainConfig& config, const Options& options,
              const at::Device& device, double seconds) {
  StepFigures sums;
  const Objective& objective = *config.objective;
  for (std::int64_t k = 0; k < options.steps; ++k)
    for (const auto& [part, flops] : objective.flops(objective.draw(first_timed(options) + k)))
      sums.add(part, flops, k == 0 ? 1 : 0);
  // A CPU multiplies float32 faster than bfloat16, and sooner as fast as it can.
  const double peak = device.is_cpu() ? measured_peak(device, at::kFloat, 2048, 2)
                                      : measured_peak(device, at::kBFloat16, 8192, 50);
  const double clips = static_cast<double>(options.steps) * config.batch;
  double total = 0;
  for (const auto& [part, flops] : sums.means()) {
    line["gflop_per_clip"][part] = flops / clips / 1e9;
    total += flops;
  }
  line["gflop_per_clip"]["total"] = total / clips / 1e9;
  line["tflops"] = total / seconds / 1e12;
  line["peak"] = device.is_cpu() ? "float32 2048^3, one thread" : "bfloat16 8192^3";
  line["peak_tflops"] = peak / 1e12;
  line["share_of_peak"] = total / seconds / peak;
}

TrainerOptions trainer_options(const Options& options, int threads, const at::Device& device) {
  return {.threads = threads, .device = device, .changing_shapes = options.attention != "cudnn"};
}

// Ready for its first step on these clips.
Trainer trainer_of(const PretrainConfig& config, const Options& options, int threads,
                   const at::Device& device, const at::Tensor& pixels) {
  Trainer trainer(config, trainer_options(options, threads, device));
  if (config.objective->clips_to_measure() > 0) trainer.measure(pixels);
  return trainer;
}

OrderedJson time_of(const PretrainConfig& config, const Options& options,
                    const at::Device& device) {
  const at::Tensor pixels = random_clips(config).to(device);
  Trainer trainer = trainer_of(config, options, options.threads, device, pixels);
  const Seconds seconds = timed_steps(trainer, pixels, options, device);
  const auto steps = static_cast<double>(options.steps);
  const BuildInfo build = build_info();
  OrderedJson line{{"clips_per_second", steps * config.batch / seconds.clock},
                   {"step_ms", seconds.clock / steps * 1e3},
                   {"processor_ms", seconds.processor / steps * 1e3},
                   {"batch", config.batch},
                   {"steps", options.steps},
                   {"threads", options.threads},
                   {"device", options.device},
                   {"attention", options.attention.empty() ? "any" : options.attention},
                   {"masks", options.repeat_masks ? "of the warm-up" : "new"},
                   {"version", build.version},
                   {"commit", build.commit},
                   {"libtorch", build.libtorch}};
  if (options.peak) add_peak(line, config, options, device, seconds.clock);
  return line;
}

// Milliseconds a step in every part, by one thread, whose parts cannot overlap.
OrderedJson profile_of(const PretrainConfig& config, const Options& options,
                       const at::Device& device) {
  const at::Tensor pixels = random_clips(config).to(device);
  Trainer trainer = trainer_of(config, options, 1, device, pixels);
  warm_up(trainer, pixels, options, device);
  const StepParts parts(device);
  const Stopwatch watch;
  take_steps(trainer, pixels, options.steps, device);
  const double all = watch.seconds(), to_ms = 1e3 / static_cast<double>(options.steps);
  OrderedJson line{{"step_ms", all * to_ms}, {"parts_ms", OrderedJson::object()}};
  double rest = all;
  for (const auto& [name, seconds] : parts.seconds()) {
    line["parts_ms"][name] = seconds * to_ms;
    rest -= seconds;
  }
  line["parts_ms"]["rest"] = rest * to_ms;
  return line;
}

// Milliseconds and calls a step of every kernel, the longest first.
OrderedJson kernels_of(const PretrainConfig& config, const Options& options,
                       const at::Device& device) {
  const at::Tensor pixels = random_clips(config).to(device);
  Trainer trainer = trainer_of(config, options, 1, device, pixels);
  warm_up(trainer, pixels, options, device);
  const auto kernels =
      device_kernels(device, [&] { take_steps(trainer, pixels, options.steps, device); });
  const auto steps = static_cast<double>(options.steps);
  OrderedJson line{{"busy_ms", 0.0}, {"kernels", OrderedJson::array()}};
  double busy = 0;
  for (const auto& kernel : kernels) {
    busy += kernel.seconds / steps * 1e3;
    line["kernels"].push_back({{"ms", kernel.seconds / steps * 1e3},
                               {"calls", static_cast<double>(kernel.calls) / steps},
                               {"name", kernel.name}});
  }
  line["busy_ms"] = busy;
  return line;
}

// ---- The command line ---------------------------------------------------------------------------

void check(Options& options, const PretrainConfig& config) {
  options.device = chosen_device(options.device);
  if (options.device == "cpu" && options.threads > config.gradient_shards)
    throw InputError("--threads", "",
                     "at most a thread a gradient shard (" +
                         std::to_string(config.gradient_shards) + "; --shards)",
                     std::to_string(options.threads));
  if (options.kernels && options.device == "cpu")
    throw InputError("--kernels", "", "a GPU; --profile tells where a CPU's time goes", "cpu");
  if (options.repeat_masks && options.steps > options.warmup)
    throw InputError(
        "--steps", "",
        "with --repeat-masks at most --warmup (" + std::to_string(options.warmup) + ")",
        std::to_string(options.steps));
}

int run(Options& options) {
  const PretrainConfig config = config_of(options);
  check(options, config);
  const at::Device device(options.device);
  hold_attention_to(options.attention, device);
  if (!options.write.empty()) {
    write_step_inputs(options.write, config, random_clips(config),
                      {.where = options.config,
                       .threads = options.threads,
                       .device = device,
                       .warmup = options.warmup,
                       .steps = options.steps,
                       .losses = options.losses});
    return 0;
  }
  const OrderedJson line = options.profile   ? profile_of(config, options, device)
                           : options.kernels ? kernels_of(config, options, device)
                                             : time_of(config, options, device);
  std::printf("%s\n", line.dump().c_str());
  return 0;
}

void add_options(CLI::App& app, Options& options) {
  const auto positive = CLI::Range(std::int64_t{1}, std::int64_t{1} << 30);
  app.add_option("config", options.config, "a pretraining configuration")->required();
  app.add_option("--device", options.device, "cpu, cuda or auto");
  app.add_option("--threads", options.threads, "of the CPU")->check(positive);
  app.add_option("--batch", options.batch, "clips a step")->check(positive);
  app.add_option("--shards", options.shards, "parts of a batch")->check(positive);
  app.add_option("--precision", options.precision, "float32 or bfloat16");
  app.add_option("--attention", options.attention,
                 "cudnn, efficient, flash or math; any if left out");
  app.add_option("--warmup", options.warmup, "steps that are not timed")->check(positive);
  app.add_option("--steps", options.steps, "steps that are")->check(positive);
  app.add_option("--losses", options.losses, "with --write: steps to check")->check(positive);
  auto* write = app.add_option("--write", options.write, "inputs for pretrain_step.py");
  auto* peak = app.add_flag("--peak", options.peak, "share of the fastest matrix product");
  auto* profile = app.add_flag("--profile", options.profile, "where the time goes");
  app.add_flag("--repeat-masks", options.repeat_masks,
               "time the masks of the warm-up again, for which every kernel is planned already");
  auto* kernels = app.add_flag("--kernels", options.kernels, "what a GPU's time goes to");
  write->excludes(peak)->excludes(profile)->excludes(kernels);
  peak->excludes(profile)->excludes(kernels);
  profile->excludes(kernels);
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) {
  permafrost::prepare_process();
  CLI::App app("steps of pretraining a second");
  permafrost::Options options;
  permafrost::add_options(app, options);
  try {
    app.parse(argc, argv);
    return permafrost::run(options);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "pretrain_bench: %s\n", error.what());
    return 2;
  } catch (const permafrost::Error& error) {
    std::fprintf(stderr, "pretrain_bench: %s\n", error.what());
    return error.exit_status();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pretrain_bench: internal error: %s\n", error.what());
    return 1;
  }
}
