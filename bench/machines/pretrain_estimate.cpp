// SPDX-License-Identifier: Apache-2.0
#include "bench/machines/pretrain_estimate.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/text/markdown.h"
#include "common/error.h"
#include "models/pretraining/objectives/learner.h"

namespace permafrost {
namespace {

constexpr int kDrawnSteps = 8;  // over which the arithmetic of a step is averaged: masks differ

// Bytes of the state of a trained number: weight, gradient and two moments; in bfloat16 also copies
// of weight and gradient. Of one that follows: weight, and its copy.
struct StateBytes {
  double trained = 0, following = 0;
};
StateBytes bytes_of(Precision precision) {
  return precision == Precision::bfloat16 ? StateBytes{20, 6} : StateBytes{16, 4};
}

void count_state(const PretrainConfig& config, PretrainEstimate& estimate) {
  const StateBytes bytes = bytes_of(config.precision);
  const auto learner = config.objective->start();
  for (const auto& group : learner->groups()) {
    double numbers = 0;
    group.visit([&](const std::string&, at::Tensor& tensor) {
      numbers += static_cast<double>(tensor.numel());
    });
    const bool trained = group.role == Role::trained;
    if (trained) estimate.trained += numbers;
    estimate.state_bytes += numbers * (trained ? bytes.trained : bytes.following);
  }
}

// Means over the first steps.
struct StepArithmetic {
  double flops = 0;
  double at_full_rate = 0;  // operations of a wide network that would take as long
};
StepArithmetic mean_arithmetic(const PretrainConfig& config, double half_width) {
  const Objective& objective = *config.objective;
  StepArithmetic sum;
  for (int step = 1; step <= kDrawnSteps; ++step)
    for (const auto& [part, flops] : objective.flops(objective.draw(step))) {
      const int own = objective.width_of(part), width = own > 0 ? own : config.encoder.width;
      sum.flops += flops;
      sum.at_full_rate += flops * (1 + half_width / width);
    }
  return {sum.flops / kDrawnSteps, sum.at_full_rate / kDrawnSteps};
}

// See summed_over_ranks().
double sent_bytes(double numbers, int processes, int shards_of_each, Reduce reduce) {
  const double others = static_cast<double>(processes - 1) / processes;
  const auto blocks = static_cast<double>(
      most_blocks(Addition::pairwise, std::int64_t{processes} * shards_of_each, processes));
  if (reduce == Reduce::exact) return 4 * numbers * (blocks + 1) * others;
  return (reduce == Reduce::fast ? 8 : 4) * numbers * others;
}

double computing_rate(const Machine& machine, Precision precision) {
  const std::string name = name_of(precision);
  const auto rate = machine.pretraining.find(name);
  if (rate == machine.pretraining.end())
    throw InputError("machine " + machine.name, "teraflops.pretraining", "a rate for " + name,
                     "none");
  return rate->second * (machine.gpu ? 1 : machine.cores);
}

// Clips that repeat are drawn once, which a long run does not notice.
double reading_seconds(const PretrainConfig& config, const Machine& machine, double clips) {
  const double cores = static_cast<double>(machine.cores) / (machine.gpu ? machine.devices : 1);
  const double drawn = config.distinct_clips > 0 ? 0 : (1 - config.real_share) * clips;
  const double pixels = drawn * static_cast<double>(config.encoder.clip_shape().bytes()) / 3;
  return (config.real_share * clips / machine.decoded_clips + pixels / machine.drawn_pixels) /
         cores;
}

std::string milliseconds(double seconds) { return fixed(1e3 * seconds, 1); }

}  // namespace

double PretrainEstimate::step_seconds(const Machine& machine) const {
  return (machine.gpu ? std::max(computing, reading) : computing + reading) + sending;
}

PretrainEstimate pretrain_estimate(const PretrainConfig& config, const Machine& machine,
                                   int processes, Reduce reduce) {
  PretrainEstimate estimate{
      .name = config.name, .steps = config.steps, .batch = config.batch, .processes = processes};
  const ShardRange mine = shards_of_rank(config.gradient_shards, 0, processes);
  if (processes > 1 && machine.network <= 0)
    throw InputError("machine " + machine.name, "network_gigabytes_per_second", "a rate", "none");
  count_state(config, estimate);
  const StepArithmetic step = mean_arithmetic(config, machine.pretraining_half_width);
  estimate.step_flops = step.flops;
  estimate.sent_bytes = sent_bytes(estimate.trained, processes, mine.count, reduce);
  estimate.computing = step.at_full_rate / processes / computing_rate(machine, config.precision);
  estimate.reading =
      reading_seconds(config, machine, static_cast<double>(config.batch) / processes);
  if (processes > 1) estimate.sending = estimate.sent_bytes / machine.network;
  return estimate;
}

std::string to_markdown(const std::vector<PretrainEstimate>& runs, const Machine& machine) {
  TextRows rows{{"run", "processes", "trained, M", "state, GB", "Tflop a step", "MB sent a step",
                 "computing, ms", "reading, ms", "sending, ms", "clips/s", "hours"}};
  std::string warnings;
  for (const auto& run : runs) {
    const double step = run.step_seconds(machine);
    rows.push_back({run.name, std::to_string(run.processes), fixed(run.trained / 1e6, 1),
                    fixed(run.state_bytes / 1e9, 2), fixed(run.step_flops / 1e12, 3),
                    fixed(run.sent_bytes / 1e6, 1), milliseconds(run.computing),
                    milliseconds(run.reading), milliseconds(run.sending),
                    fixed(run.batch / step, 0),
                    fixed(static_cast<double>(run.steps) * step / 3600, 2)});
    if (run.state_bytes > machine.device_bytes)
      warnings += "- " + run.name + ": its state alone does not fit into the " +
                  fixed(machine.device_bytes / 1e9, 1) + " GB of a device.\n";
  }
  std::vector<bool> right(rows[0].size(), true);
  right[0] = false;
  return "## Dry run on " + machine.title + "\n\n" + markdown_table(rows, right) +
         "\n- Computed from the networks, not measured; activations are not counted.\n" + warnings;
}

Json to_json(const PretrainEstimate& run, const Machine& machine) {
  const double step = run.step_seconds(machine);
  return {{"name", run.name},
          {"machine", machine.name},
          {"processes", run.processes},
          {"trained", run.trained},
          {"state_bytes", run.state_bytes},
          {"step_flops", run.step_flops},
          {"sent_bytes", run.sent_bytes},
          {"computing_seconds", run.computing},
          {"reading_seconds", run.reading},
          {"sending_seconds", run.sending},
          {"step_seconds", step},
          {"clips_per_second", run.batch / step},
          {"hours", static_cast<double>(run.steps) * step / 3600}};
}

}  // namespace permafrost
