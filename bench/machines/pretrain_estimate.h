// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a pretraining takes on a machine, before it runs: `permafrost pretrain --dry-run --machine`.
#include <string>
#include <vector>

#include "bench/machines/machine.h"
#include "models/pretraining/pretrain_config.h"
#include "models/processes/gradient_exchange.h"

namespace permafrost {

// Of one configuration on so many processes, each on a GPU or on all cores of a node.
struct PretrainEstimate {
  std::string name;
  std::int64_t steps = 0;
  int batch = 0, processes = 1;
  double trained = 0;      // numbers that are trained
  double state_bytes = 0;  // of each process: weights, moments, gradients, copies; no activations
  double step_flops = 0;   // of the whole batch, as Objective::flops counts them
  double sent_bytes = 0;   // by each process in a step
  double computing = 0, reading = 0, sending = 0;  // seconds of a step

  // Clips are read while a GPU computes. Gradients are sent when all of them are there.
  double step_seconds(const Machine& machine) const;
};

// Throws InputError naming `flag` where the processes do not divide the gradient shards, and naming
// the machine where it has no rate for the precision or the network.
PretrainEstimate pretrain_estimate(const PretrainConfig& config, const Machine& machine,
                                   int processes, Reduce reduce);

std::string to_markdown(const std::vector<PretrainEstimate>& runs, const Machine& machine);
Json to_json(const PretrainEstimate& run, const Machine& machine);

}  // namespace permafrost
