// SPDX-License-Identifier: Apache-2.0
#pragma once

// The command line: flags that every command has, and the one command that was chosen. Each command
// is a file with its own flags and what it does:
//
//   void add_masks(CommandLine& line) {
//     const auto command = std::make_shared<MasksCommand>();
//     CLI::App* sub = line.add("masks", "show a masking strategy",
//                              [&line, command] { return run(line.common(), *command); });
//     sub->add_option("--strategy", command->strategy);
//   }
#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/machine/execution.h"
#include "models/encoders/encoder.h"
#include "models/processes/process_group.h"

namespace permafrost {

// What --json prints. Paths and names need not be UTF-8, as JSON has to be: other bytes are
// replaced by U+FFFD. One line, or `indent` spaces a level.
template <typename AnyJson>
std::string json_text(const AnyJson& json, int indent = -1) {
  return json.dump(indent, ' ', false, AnyJson::error_handler_t::replace);
}

struct CommonOptions {
  std::string device = "auto";  // cpu, cuda, auto
  int threads = 0;              // 0: as many as this process may use
  std::uint64_t seed = 1;
  bool seed_given = false;   // pretrain: takes the place of the configuration's
  bool json = false;         // a machine-readable result on stdout
  bool quiet = false;        // no progress
  double rank_timeout = 60;  // seconds
  // The ranks that do the command together; null: this process does it alone.
  ProcessGroup* group = nullptr;

  // Ranks on one machine share its threads.
  int thread_count() const;
  bool is_first_rank() const { return is_first(group); }
};

// What a command that computes is given: the device chosen, at least one thread, notices as lines
// on stderr (of the first rank alone). Throws InputError for a device that is not there.
Execution execution_of(const CommonOptions& common);

class CommandLine {
 public:
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  CLI::App& app() { return app_; }
  const CommonOptions& common() const { return common_; }

  // A command with the flags that all have. `action` returns the exit status and throws Error for
  // what main() turns into one line.
  CLI::App* add(const std::string& name, const std::string& what, std::function<int()> action) {
    return add(app_, name, what, std::move(action));
  }
  // The same below another command: `data pack`.
  CLI::App* add(CLI::App& parent, const std::string& name, const std::string& what,
                std::function<int()> action);

  // A command that several ranks can do together, where the program is started as such (launch.h).
  CLI::App* add_joint(CLI::App& parent, const std::string& name, const std::string& what,
                      std::function<int()> action);
  CLI::App* add_joint(const std::string& name, const std::string& what,
                      std::function<int()> action) {
    return add_joint(app_, name, what, std::move(action));
  }

  // This process failed and ends: one line on stderr, of one rank where ranks fail together.
  void tell_failure(int status, const std::string& message);

  // Runs what the arguments say; 2 and a line on stderr where they say nothing that is known.
  int run(int argc, char** argv);

 private:
  CLI::App app_;
  CommonOptions common_;
  std::unique_ptr<ProcessGroup> group_;
  std::function<int()> chosen_;
};

// --encoder, --spec and --checkpoint-key.
void add_encoder_flags(CLI::App* command, std::string& encoder, EncoderOptions& reading);

}  // namespace permafrost
