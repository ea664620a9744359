// SPDX-License-Identifier: Apache-2.0
// permafrost pretrain: encoders from configurations, one or many of them in one call.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "bench/app/commands.h"
#include "bench/app/device.h"
#include "bench/machines/pretrain_estimate.h"
#include "common/error.h"
#include "common/machine/stop_signal.h"
#include "models/pretraining/pretrain_queue.h"

namespace permafrost {
namespace {

struct PretrainCommand {
  std::vector<std::string> configs;
  std::string out;          // of one configuration; of several: each has a folder of its name there
  std::string data;         // where lists start; empty: the folder of each configuration
  std::string tensorboard;  // folder, as --out
  std::vector<std::string> set;
  std::string reduce;  // empty: exact on CPUs, fast on GPUs
  int jobs = 1;
  double minutes = 0;
  bool dry_run = false;
  std::string machine = "epyc-2";
  int processes = 1;
};

QueuedRun run_of(const CommonOptions& common, const PretrainCommand& command,
                 const std::string& path) {
  QueuedRun run;
  run.json = read_json(path);
  if (common.seed_given) run.json["seed"] = common.seed;
  for (const auto& assignment : command.set) set_json(run.json, assignment);
  run.config = read_pretrain_config(run.json, path, command.data);
  const std::filesystem::path out = command.out;
  const bool alone = command.configs.size() == 1;
  run.out = alone ? out : out / run.config.name;
  if (!command.tensorboard.empty())
    run.tensorboard = alone ? std::filesystem::path(command.tensorboard)
                            : std::filesystem::path(command.tensorboard) / run.config.name;
  return run;
}

std::vector<QueuedRun> runs_of(const CommonOptions& common, const PretrainCommand& command) {
  std::vector<QueuedRun> runs;
  std::set<std::string> names;
  for (const auto& path : command.configs) {
    runs.push_back(run_of(common, command, path));
    if (!names.insert(runs.back().config.name).second)
      throw InputError(path, "name", "a name that no other configuration has",
                       quoted(runs.back().config.name),
                       "each has its folder of that name in --out");
  }
  return runs;
}

Json json_of(const QueuedRun& run, const PretrainResult& result) {
  return {{"out", run.out.string()},
          {"steps", result.steps},
          {"clips_per_second", result.clips_per_second},
          {"wait_seconds", result.wait_seconds},
          {"missing_files", result.missing_files},
          {"loader",
           {{"read_seconds", result.loader.read_seconds},
            {"decode_seconds", result.loader.decode_seconds},
            {"scale_seconds", result.loader.scale_seconds},
            {"wait_seconds", result.loader.wait_seconds}}},
          {"encoder", (run.out / "encoder.safetensors").string()}};
}

void print_json(const std::vector<QueuedRun>& runs, const std::vector<QueueResult>& results) {
  Json all = Json::array();
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (results[i].started) all.push_back(json_of(runs[i], results[i].run));
  std::printf("%s\n", json_text(runs.size() == 1 && !all.empty() ? all[0] : all).c_str());
}

std::string state_of(const PretrainConfig& config, const QueueResult& result) {
  if (!result.started) return "not begun";
  if (result.run.finished) return "finished";
  return "stopped at step " + std::to_string(result.run.steps) + " of " +
         std::to_string(config.steps);
}

// "-" where the objective has no such figure.
std::string shown(double number, const char* format) {
  if (std::isnan(number)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

std::string norms_of(const StepReport& report) {
  std::string text;
  for (const auto& [name, norm] : report.gradient_norms)
    text += (text.empty() ? "" : ", ") + shown(norm, "%.3g");
  return text;
}

// The health of every run as a Markdown table: a collapsed one shows in deviation and rank.
void print_table(const std::vector<QueuedRun>& runs, const std::vector<QueueResult>& results) {
  std::printf(
      "| run | clips | clips/s | computing | loss | deviation | at a place | rank "
      "| gradients E, P | state |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n");
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const PretrainResult& run = results[i].run;
    const StepReport& last = run.last;
    const double computing = run.seconds > 0 ? 1 - run.wait_seconds / run.seconds : 0;
    const auto figure = [&](const char* name, const char* format) {
      return shown(number_named(last.figures, name), format);
    };
    std::printf("| %s | %lld | %.0f | %.0f %% | %.4f | %s | %s | %s | %s | %s |\n",
                runs[i].config.name.c_str(),
                static_cast<long long>(run.steps * runs[i].config.batch), run.clips_per_second,
                100 * computing, last.loss, figure("feature_deviation", "%.3f").c_str(),
                figure("feature_deviation_at_place", "%.3f").c_str(),
                figure("feature_rank", "%.1f").c_str(), norms_of(last).c_str(),
                state_of(runs[i].config, results[i]).c_str());
  }
}

bool is_finished(const QueueResult& result) { return result.started && result.run.finished; }

struct Stop {
  std::string signal;  // "SIGTERM"; empty where none was sent
  int status = 0;
};

// Of any rank: all have stopped at the same step.
Stop stop_of(const StopSignal& signal, ProcessGroup* group) {
  const Stop mine{.signal = signal.name(), .status = signal.exit_status()};
  if (group == nullptr) return mine;
  const auto names = group->gather(mine.signal);
  const auto statuses = group->gather(std::to_string(mine.status));
  for (std::size_t rank = 0; rank < names.size(); ++rank)
    if (!names[rank].empty()) return {.signal = names[rank], .status = std::stoi(statuses[rank])};
  return mine;
}

// One line for all runs; the exit status is that of a program that the signal ended.
int stopped(const Stop& stop, const std::vector<QueuedRun>& runs,
            const std::vector<QueueResult>& results, bool is_first_rank) {
  std::string what;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!results[i].started || results[i].run.finished) continue;
    what += (what.empty() ? "" : ", ") + runs[i].config.name + " at step " +
            std::to_string(results[i].run.steps) + " of " + std::to_string(runs[i].config.steps);
  }
  std::fflush(stdout);
  if (!is_first_rank) return stop.status;
  std::fprintf(stderr, "permafrost: stopped by %s: %s; the same command goes on from there\n",
               stop.signal.c_str(), what.empty() ? "no run was under way" : what.c_str());
  return stop.status;
}

Reduce chosen_reduce(const PretrainCommand& command, const Execution& execution) {
  if (!command.reduce.empty()) return reduce_named(command.reduce);
  return execution.device == "cpu" ? Reduce::exact : Reduce::fast;
}

int dry_run(const CommonOptions& common, const PretrainCommand& command) {
  const Machine machine = read_machine(command.machine, "--machine");
  const Reduce reduce = !command.reduce.empty() ? reduce_named(command.reduce)
                        : machine.gpu           ? Reduce::fast
                                                : Reduce::exact;
  std::vector<PretrainEstimate> estimates;
  Json json = Json::array();
  for (const auto& run : runs_of(common, command)) {
    estimates.push_back(pretrain_estimate(run.config, machine, command.processes, reduce));
    json.push_back(to_json(estimates.back(), machine));
  }
  if (common.json)
    std::printf("%s\n", json_text(json.size() == 1 ? json[0] : json).c_str());
  else
    std::printf("%s\n", to_markdown(estimates, machine).c_str());
  return 0;
}

int run(const CommonOptions& common, const PretrainCommand& command) {
  if (command.dry_run) return dry_run(common, command);
  if (command.out.empty()) throw InputError("--out", "", "a folder", "nothing");
  if (common.group != nullptr && command.jobs > 1)
    throw InputError("--jobs", "", "1 where several ranks train one run together",
                     std::to_string(command.jobs));
  const std::vector<QueuedRun> runs = runs_of(common, command);
  const StopSignal signal;
  QueueOptions options;
  options.stop = [&signal] { return signal.asked(); };
  options.jobs = command.jobs;
  options.minutes = command.minutes;
  options.execution = execution_of(common);
  options.execution.quiet = common.quiet || command.jobs > 1;  // bars of several runs would mix
  options.group = common.group;
  options.reduce = chosen_reduce(command, options.execution);
  const auto results =
      pretrain_all(runs, options, [&](const QueuedRun& run, const PretrainResult& result) {
        if (common.json || (common.quiet && runs.size() > 1)) return;
        if (result.missing_files > 0)
          std::printf("%s: %lld files of its lists are missing and were left out (log.jsonl)\n",
                      run.config.name.c_str(), static_cast<long long>(result.missing_files));
        std::printf("%s: %lld steps done, %.0f clips/s, %s\n", run.config.name.c_str(),
                    static_cast<long long>(result.steps), result.clips_per_second,
                    result.finished
                        ? ("encoder in " + (run.out / "encoder.safetensors").string()).c_str()
                        : "to be continued by the same command");
        std::fflush(stdout);
      });
  if (common.json)
    print_json(runs, results);
  else if (runs.size() > 1)
    print_table(runs, results);
  if (std::ranges::all_of(results, is_finished)) return 0;
  const Stop stop = stop_of(signal, common.group);
  if (!stop.signal.empty()) return stopped(stop, runs, results, common.is_first_rank());
  return 0;
}

}  // namespace

void add_pretrain(CommandLine& line) {
  const auto command = std::make_shared<PretrainCommand>();
  CLI::App* sub = line.add_joint("pretrain", "pretrain an encoder; resumes by itself",
                                 [&line, command] { return run(line.common(), *command); });
  sub->add_option("config", command->configs, "CONFIG.json, or several")->required();
  sub->add_option("--set", command->set, "key=value over the configuration, a.b for nested keys");
  sub->add_option(
      "--out", command->out,
      "folder of the run; with several configurations each gets a folder of its name in it");
  sub->add_option("--data", command->data,
                  "folder of real clips, where lists start; else that of the configuration");
  sub->add_option("--reduce", command->reduce,
                  "how ranks add gradients: exact (the bits of one process; default on CPUs), fast "
                  "(default on GPUs) or fast-bf16")
      ->check(CLI::IsMember({"exact", "fast", "fast-bf16"}));
  sub->add_option("--jobs", command->jobs,
                  "how many of several configurations run at a time (default 1)")
      ->check(CLI::Range(1, 256));
  sub->add_option("--tensorboard", command->tensorboard,
                  "folder of curves for TensorBoard; with several configurations as --out");
  sub->add_option("--minutes", command->minutes, "stop at a checkpoint after so long; 0: never");
  auto* dry_run = sub->add_flag("--dry-run", command->dry_run,
                                "arithmetic, memory, traffic and hours on --machine; trains and "
                                "writes nothing");
  sub->add_option("--machine", command->machine, "of --dry-run: a name or a JSON file")
      ->needs(dry_run)
      ->capture_default_str();
  sub->add_option("--processes", command->processes, "of --dry-run: ranks that train together")
      ->needs(dry_run)
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
}

}  // namespace permafrost
