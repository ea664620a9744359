// SPDX-License-Identifier: Apache-2.0
// permafrost evaluate: a released head on a task, without training.
#include <ATen/ATen.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bench/app/commands.h"
#include "bench/evaluate/evaluation.h"
#include "bench/suites/task_option.h"
#include "common/error.h"
#include "common/files/files.h"
#include "models/encoders/encoder.h"
#include "probes/heads/classifier_file.h"

namespace permafrost {
namespace {

struct EvaluateCommand {
  std::string encoder, head, task, suite = "pico", data, out, recipe, head_entry;
  EncoderOptions reading;
  std::vector<std::string> set;
  int head_heads = 0;  // 0: as the head's family has it
};

Classifier head_of(const EvaluateCommand& command, const Encoder& encoder) {
  std::error_code ignored;
  if (!std::filesystem::exists(command.head, ignored) &&
      std::filesystem::exists(zoo_folder() / (command.head + ".safetensors"), ignored))
    throw InputError("--head", "", "a file or folder that holds a head", quoted(command.head),
                     "this is an encoder of the zoo; name it with --encoder");
  return load_classifier(command.head,
                         {.heads = command.head_heads,
                          .encoder_heads = encoder.spec.heads,
                          .entry = command.head_entry},
                         "--head");
}

int run(const CommonOptions& common, const EvaluateCommand& command) {
  const Suite suite = read_suite(command.suite);
  EvaluationOptions options;
  std::string data = command.data;
  options.task = chosen_task(suite, command.task, data);
  options.data = data_folder(data);
  options.recipe = command.recipe;
  options.set = command.set;
  options.execution = execution_of(common);
  options.group = common.group;
  const Encoder encoder = load_encoder(command.encoder, "--encoder", command.reading);
  const Classifier head = head_of(command, encoder);
  const bool writes = !command.out.empty() && common.is_first_rank();
  if (writes) require_writable_directory(command.out, "--out");
  const Evaluation evaluation = evaluate_task(encoder, head, options);
  if (writes) write_evaluation(command.out, evaluation);
  const std::string text =
      common.json
          ? to_json(evaluation).dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n"
          : to_markdown(evaluation);
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

void add_evaluate(CommandLine& line) {
  const auto command = std::make_shared<EvaluateCommand>();
  CLI::App* sub = line.add_joint("evaluate", "a released head on a task, without training",
                                 [&line, command] { return run(line.common(), *command); });
  add_encoder_flags(sub, command->encoder, command->reading);
  sub->add_option("--head", command->head, "file or folder of a classification head")->required();
  sub->add_option("--task", command->task, "a task of the suite, or a JSON file that declares one")
      ->required();
  sub->add_option("--suite", command->suite, "suite: pico, pico2, tiny, denoiser, gate or paper")
      ->capture_default_str();
  sub->add_option("--data", command->data, "folder of real datasets; default: $PERMAFROST_DATA");
  sub->add_option("--out", command->out, "folder for evaluation.json and predictions.csv");
  sub->add_option("--recipe", command->recipe,
                  "released protocol by name; default: chosen by the number of classes");
  sub->add_option("--set", command->set, "key=value over the recipe: clips=2, views=1");
  sub->add_option("--head-heads", command->head_heads, "attention heads, where no file tells")
      ->check(CLI::Range(1, 1024));
  sub->add_option("--head-entry", command->head_entry, "which of several heads in a file");
}

}  // namespace permafrost
