// SPDX-License-Identifier: Apache-2.0
// permafrost probe, permafrost finetune: one encoder on one task of a suite, as a table of one row.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/commands.h"
#include "bench/run/runner.h"
#include "bench/suites/single_probe.h"
#include "bench/suites/task_option.h"
#include "common/error.h"
#include "models/encoders/encoder.h"

namespace permafrost {
namespace {

struct ProbeCommand {
  std::string encoder, task, out, suite = "pico", data, features_cache, tensorboard;
  EncoderOptions reading;
  std::vector<std::string> heads, set;
};

// Name of the encoder in `suite`, which it is read into unless it is one of the suite's own
// ("random-init"), with other weights for other seeds.
std::string chosen_encoder(Suite& suite, const ProbeCommand& command, bool tells) {
  std::vector<std::string> names;
  for (const auto& choice : suite.encoders) {
    if (choice.name == command.encoder) return choice.name;
    names.push_back(choice.name);
  }
  const Encoder encoder = load_encoder(command.encoder, "--encoder", command.reading, names);
  if (tells)
    for (const auto& note : encoder.notes) std::fprintf(stderr, "%s\n", note.c_str());
  suite.encoders = {
      {.name = encoder.name, .zoo = command.encoder, .reading = command.reading, .read = encoder}};
  return encoder.name;
}

int run_row(const CommonOptions& common, const ProbeCommand& command, bool finetune) {
  Suite suite = read_suite(command.suite);
  const std::string encoder = chosen_encoder(suite, command, common.is_first_rank());
  std::string data = command.data;
  const TaskSpec task = chosen_task(suite, command.task, data);
  const ProtocolChoice base = single_protocol(suite, task, finetune);
  suite.tasks = {task};
  suite.protocols.clear();
  suite.seeds = 1;
  TableSpec table;
  table.title = (finetune ? "Fine-tuning " : "Frozen ") + encoder + " on " + task.name;
  table.row_title = "encoder";
  table.rows = {{.name = encoder, .encoder = encoder}};
  std::vector<std::string> heads = command.heads;
  if (heads.empty()) heads = {finetune ? "" : "attentive"};
  for (const auto& head : heads) {
    const ProtocolChoice protocol = changed_protocol(base, task, head, command.set);
    suite.protocols.push_back(protocol);
    table.columns.push_back({.name = protocol.name, .task = task.name, .protocol = protocol.name});
  }
  TablesOptions options;
  options.out = command.out;
  options.data = data;
  options.execution = execution_of(common);
  options.group = common.group;
  options.keep_heads = !finetune;
  options.features_cache = features_cache_named(command.features_cache);
  options.tensorboard = command.tensorboard;
  const TablesResult result = run_specs(options, suite, {table});
  if (!result.failed.empty()) throw Error(result.failed[0]);
  if (!common.is_first_rank()) return 0;
  if (!result.tables[0].cells[0][0].available())
    throw InputError("--task", task.name, "data that can be read",
                     result.tables[0].cells[0][0].unavailable);
  const std::string text =
      common.json ? json_text(to_json(result.tables[0])) : to_markdown(result.tables[0]);
  std::printf("%s\n", text.c_str());
  return 0;
}

// What probe and finetune have in common.
CLI::App* add_row_command(CommandLine& line, const char* name, const char* what, bool finetune,
                          const std::shared_ptr<ProbeCommand>& command) {
  CLI::App* sub = line.add_joint(name, what, [&line, command, finetune] {
    return run_row(line.common(), *command, finetune);
  });
  add_encoder_flags(sub, command->encoder, command->reading);
  sub->add_option("--task", command->task, "a task of the suite, or a JSON file that declares one")
      ->required();
  sub->add_option("--out", command->out, "folder of the results")->required();
  sub->add_option("--suite", command->suite, "suite: pico, pico2, tiny, denoiser, gate or paper")
      ->capture_default_str();
  sub->add_option("--data", command->data, "folder of real datasets; default: $PERMAFROST_DATA");
  sub->add_option("--set", command->set, "key=value over the suite's protocol");
  return sub;
}

}  // namespace

void add_probe(CommandLine& line) {
  const auto command = std::make_shared<ProbeCommand>();
  CLI::App* sub =
      add_row_command(line, "probe", "train a probe on a frozen encoder", false, command);
  sub->add_option("--head", command->heads, "attentive, linear, mean_pool, knn")->delimiter(',');
  sub->add_option("--features-cache", command->features_cache,
                  "folder of features that outlive a run, or off; default: below ~/.cache");
  sub->add_option("--tensorboard", command->tensorboard,
                  "folder of curves of the training for TensorBoard, a folder a fold");
}

void add_finetune(CommandLine& line) {
  add_row_command(line, "finetune", "fine-tune an encoder", true, std::make_shared<ProbeCommand>());
}

}  // namespace permafrost
