// SPDX-License-Identifier: Apache-2.0
#include "bench/app/command_line.h"

#include <algorithm>
#include <cstdio>

#include "bench/app/device.h"
#include "bench/app/ranks/join_ranks.h"
#include "bench/records/build_info.h"
#include "common/machine/parallel.h"

namespace permafrost {

int CommonOptions::thread_count() const {
  if (threads > 0) return threads;
  const int sharing = group == nullptr ? 1 : group->ranks_on_machine();
  return std::max(1, available_threads() / sharing);
}

Execution execution_of(const CommonOptions& common) {
  return {.device = chosen_device(common.device),
          .threads = common.thread_count(),
          .seed = common.seed,
          .quiet = common.quiet,
          .notice = [tells = common.is_first_rank()](const std::string& line) {
            if (tells) std::fprintf(stderr, "%s\n", line.c_str());
          }};
}

CommandLine::CommandLine()
    : app_("Permafrost: frozen evaluation of self-supervised video encoders") {
  app_.require_subcommand(1);
  app_.set_version_flag("--version", "permafrost " + build_info().version);
}

CLI::App* CommandLine::add(CLI::App& parent, const std::string& name, const std::string& what,
                           std::function<int()> action) {
  CLI::App* sub = parent.add_subcommand(name, what);
  sub->add_option("--device", common_.device, "cpu, cuda, or auto: cuda where there is one")
      ->capture_default_str();
  sub->add_option("--threads", common_.threads,
                  "number of threads; 0: all that this process may use")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  sub->add_option(
         "--seed", common_.seed,
         "first seed (default 1); pretrain: replaces the configuration's; data synth: seeds "
         "above 1 give clips that no task uses")
      ->each([this](const std::string&) { common_.seed_given = true; });
  sub->add_flag("--json", common_.json, "print the result as JSON on standard output");
  sub->add_flag("--quiet", common_.quiet, "print no progress");
  sub->callback([this, action = std::move(action)] { chosen_ = action; });
  return sub;
}

CLI::App* CommandLine::add_joint(CLI::App& parent, const std::string& name, const std::string& what,
                                 std::function<int()> action) {
  CLI::App* sub = add(parent, name, what, [this, action = std::move(action)] {
    group_ = join_ranks(common_.rank_timeout);
    common_.group = group_.get();
    if (!common_.is_first_rank()) common_.quiet = true;
    const int status = action();
    if (group_) group_->leave();
    return status;
  });
  sub->add_option("--rank-timeout", common_.rank_timeout,
                  "seconds that ranks of torchrun or srun wait for one that is lost")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  return sub;
}

void CommandLine::tell_failure(int status, const std::string& message) {
  const auto tell = [&] { std::fprintf(stderr, "permafrost: %s\n", message.c_str()); };
  // The first rank speaks before the others know: as soon as one ends, torchrun ends the rest.
  if (common_.is_first_rank()) tell();
  const bool told = group_ && group_->fail(status, message);
  if (!common_.is_first_rank() && !told) tell();
}

int CommandLine::run(int argc, char** argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app_.exit(error);
    std::fprintf(stderr, "permafrost: %s (permafrost --help lists commands and flags)\n",
                 error.what());
    return 2;
  }
  return chosen_();
}

void add_encoder_flags(CLI::App* command, std::string& encoder, EncoderOptions& reading) {
  command->add_option("--encoder", encoder, "zoo name, checkpoint, or Hugging Face folder")
      ->required();
  command->add_option("--spec", reading.spec,
                      "fields of the network that the file does not say: a known name, JSON, or a "
                      "JSON file");
  command->add_option("--checkpoint-key", reading.key,
                      "which entry of a checkpoint file, or part of its names: model, "
                      "state_dict.net; default: the first of target_encoder, encoder, teacher, "
                      "model ... that is there");
}

}  // namespace permafrost
