// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether this process is one of several that do one job together (a *rank*), and where they meet:
// from the variables that torchrun, srun and people who start processes by hand set.
#include <functional>
#include <optional>
#include <string>

namespace permafrost {

struct Launch {
  int rank = 0, ranks = 1;
  std::optional<int> local_rank;  // among those of this machine, where the launcher says it
  std::string master_address;     // of rank 0's machine
  int master_port = 0;
  // torchrun keeps the store at which ranks meet in a process of its own: no rank opens the port.
  bool store_is_launchers = false;
  std::string attempt = "0";  // which of torchrun's restarts this is
  std::string launcher;       // "torchrun", "srun" or "RANK and WORLD_SIZE"
};

// The value of a variable of the environment; null where it is not set.
using Environment = std::function<const char*(const char* name)>;

// Reads RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT; of a step of srun SLURM_PROCID,
// SLURM_STEP_NUM_TASKS and SLURM_LOCALID, and where all its tasks are on one machine also where
// they meet. RANK comes before SLURM_PROCID, as torchrun inside srun sets both. None where the
// process is alone. Throws InputError naming a variable that is missing, no number, or out of
// range.
std::optional<Launch> launch_of(const Environment& environment);
std::optional<Launch> launch_of_process();  // of this one's environment

// The one GPU that a rank is to see, as a value of CUDA_VISIBLE_DEVICES: the local rank's of those
// that `visible` lists (empty: all `devices` of the machine), from the first again where ranks are
// more. Nothing where there is no GPU, where `visible` names one already, as `srun --gpus-per-task
// 1` does, or where the local rank is not known.
std::optional<std::string> gpu_of_rank(const Launch& launch, const std::string& visible,
                                       int devices);

// "rank 1 of 4 (torchrun), meeting at node7:29500"
std::string to_text(const Launch& launch);

}  // namespace permafrost
