// SPDX-License-Identifier: Apache-2.0
#include "models/processes/launch.h"

#include <charconv>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "common/error.h"

namespace permafrost {
namespace {

constexpr int kMostRanks = 1 << 20;

class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  bool has(const char* name) const { return !text(name).empty(); }
  std::string text(const char* name) const {
    const char* value = environment_(name);
    return value == nullptr ? "" : value;
  }
  int number(const char* name, int least, int most) const {
    const std::string value = text(name);
    int number = -1;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool whole = error == std::errc{} && end == value.data() + value.size();
    if (!whole || number < least || number > most)
      throw InputError(
          name, "", "a whole number from " + std::to_string(least) + " to " + std::to_string(most),
          value.empty() ? "nothing: the variable is not set" : quoted(value));
    return number;
  }

 private:
  const Environment& environment_;
};

std::optional<Launch> by_variables(const Variables& variables) {
  if (!variables.has("RANK") && !variables.has("WORLD_SIZE")) return std::nullopt;
  Launch launch{.ranks = variables.number("WORLD_SIZE", 1, kMostRanks)};
  launch.rank = variables.number("RANK", 0, launch.ranks - 1);
  if (variables.has("LOCAL_RANK"))
    launch.local_rank = variables.number("LOCAL_RANK", 0, launch.ranks - 1);
  launch.store_is_launchers = variables.text("TORCHELASTIC_USE_AGENT_STORE") == "True";
  if (variables.has("TORCHELASTIC_RESTART_COUNT"))
    launch.attempt = variables.text("TORCHELASTIC_RESTART_COUNT");
  launch.launcher = variables.has("TORCHELASTIC_RUN_ID") || launch.store_is_launchers
                        ? "torchrun"
                        : "RANK and WORLD_SIZE";
  return launch;
}

// Only srun sets the number of tasks of a step: a batch script and a shell have none.
std::optional<Launch> by_srun(const Variables& variables) {
  if (!variables.has("SLURM_PROCID") || !variables.has("SLURM_STEP_NUM_TASKS")) return std::nullopt;
  Launch launch{.ranks = variables.number("SLURM_STEP_NUM_TASKS", 1, kMostRanks),
                .launcher = "srun"};
  launch.rank = variables.number("SLURM_PROCID", 0, launch.ranks - 1);
  if (variables.has("SLURM_LOCALID"))
    launch.local_rank = variables.number("SLURM_LOCALID", 0, launch.ranks - 1);
  return launch;
}

// A step of srun on one machine needs nobody to say where it meets. Steps of other jobs on the same
// machine have other numbers.
void meet_on_one_machine(const Variables& variables, Launch& launch) {
  constexpr int kMost = 1 << 30, kFirstPort = 20000, kPorts = 10000;
  if (launch.launcher != "srun" || variables.text("SLURM_STEP_NUM_NODES") != "1") return;
  launch.master_address = "127.0.0.1";
  const int job = variables.number("SLURM_JOB_ID", 0, kMost);
  const int step = variables.has("SLURM_STEP_ID") ? variables.number("SLURM_STEP_ID", 0, kMost) : 0;
  launch.master_port = kFirstPort + (job % kPorts + step % kPorts) % kPorts;
}

void meet(const Variables& variables, Launch& launch) {
  const bool said = variables.has("MASTER_ADDR") || variables.has("MASTER_PORT");
  if (!said) meet_on_one_machine(variables, launch);
  if (!launch.master_address.empty()) return;
  if (!variables.has("MASTER_ADDR"))
    throw InputError("MASTER_ADDR", "", "the name or address of rank 0's machine",
                     "nothing: the variable is not set",
                     launch.launcher == "srun"
                         ? "in the job script: export MASTER_ADDR=$(scontrol show hostnames "
                           "\"$SLURM_JOB_NODELIST\" | head -n 1) MASTER_PORT=29500"
                         : "on one machine: MASTER_ADDR=127.0.0.1 MASTER_PORT=29500");
  launch.master_address = variables.text("MASTER_ADDR");
  launch.master_port = variables.number("MASTER_PORT", 1, 65535);
}

}  // namespace

std::optional<Launch> launch_of(const Environment& environment) {
  const Variables variables(environment);
  auto launch = by_variables(variables);
  if (!launch) launch = by_srun(variables);
  if (!launch || launch->ranks == 1) return std::nullopt;
  meet(variables, *launch);
  return launch;
}

std::optional<Launch> launch_of_process() {
  return launch_of([](const char* name) -> const char* { return std::getenv(name); });
}

std::optional<std::string> gpu_of_rank(const Launch& launch, const std::string& visible,
                                       int devices) {
  std::vector<std::string> listed;
  std::istringstream text(visible);
  for (std::string one; std::getline(text, one, ',');) listed.push_back(one);
  if (visible.empty())
    for (int device = 0; device < devices; ++device) listed.push_back(std::to_string(device));
  if (!launch.local_rank || devices == 0 || listed.size() < (visible.empty() ? 1u : 2u))
    return std::nullopt;
  return listed[static_cast<std::size_t>(*launch.local_rank) % listed.size()];
}

std::string to_text(const Launch& launch) {
  return "rank " + std::to_string(launch.rank) + " of " + std::to_string(launch.ranks) + " (" +
         launch.launcher + "), meeting at " + launch.master_address + ":" +
         std::to_string(launch.master_port);
}

}  // namespace permafrost
