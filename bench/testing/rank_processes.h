// SPDX-License-Identifier: Apache-2.0
#pragma once

// The program as several ranks on this machine. Tests only.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/files/files.h"
#include "models/processes/engine.h"

namespace permafrost {

using Variables = std::map<std::string, std::string>;

struct RankRan {
  int status = -1;  // of the exit, or 128 + the signal
  std::string out, err;
};

class RankProcesses {
 public:
  // One process a rank, meeting at `store`, which the test keeps as torchrun's agent does: no race
  // for ports, and any rank may be killed. `folder` takes what they print. `more`: variables of
  // one rank, over those of a launch; `arguments`: its own.
  RankProcesses(
      int ranks, const ServedStore& store, const std::filesystem::path& folder,
      const std::function<std::string(int rank)>& arguments,
      const std::function<Variables(int rank)>& more = [](int) { return Variables(); })
      : folder_(folder) {
    for (int rank = 0; rank < ranks; ++rank) {
      Variables variables{{"RANK", std::to_string(rank)},
                          {"WORLD_SIZE", std::to_string(ranks)},
                          {"MASTER_ADDR", "127.0.0.1"},
                          {"MASTER_PORT", std::to_string(store.port)},
                          {"TORCHELASTIC_USE_AGENT_STORE", "True"}};
      for (const auto& [name, value] : more(rank)) variables[name] = value;
      processes_.push_back(start(rank, variables, arguments(rank)));
    }
  }
  ~RankProcesses() {
    for (const pid_t process : processes_)
      if (process > 0) ::kill(process, SIGKILL);
    for (const pid_t process : processes_)
      if (process > 0) ::waitpid(process, nullptr, 0);
  }
  RankProcesses(const RankProcesses&) = delete;
  RankProcesses& operator=(const RankProcesses&) = delete;

  void signal(int rank, int number) { ::kill(processes_[static_cast<std::size_t>(rank)], number); }

  // Waits for its end; no status (-1) after `seconds`.
  RankRan wait(int rank, double seconds = 300) {
    pid_t& process = processes_[static_cast<std::size_t>(rank)];
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    RankRan ran;
    for (int status = 0; std::chrono::steady_clock::now() < end;) {
      if (::waitpid(process, &status, WNOHANG) == process) {
        process = -1;
        ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ran.out = read_file(file("out", rank));
    ran.err = read_file(file("err", rank));
    return ran;
  }
  std::vector<RankRan> wait_all(double seconds = 300) {
    std::vector<RankRan> all;
    for (int rank = 0; rank < static_cast<int>(processes_.size()); ++rank)
      all.push_back(wait(rank, seconds));
    return all;
  }

 private:
  std::filesystem::path file(const char* kind, int rank) const {
    return folder_ / (std::string(kind) + "." + std::to_string(rank));
  }

  pid_t start(int rank, const Variables& variables, const std::string& arguments) const {
    const std::string command = std::string("exec ") + PERMAFROST_PROGRAM + " " + arguments;
    const std::string out = file("out", rank), err = file("err", rank);
    const pid_t process = ::fork();
    if (process != 0) return process;
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
    constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
    ::dup2(::open(out.c_str(), kFlags, 0600), 1);
    ::dup2(::open(err.c_str(), kFlags, 0600), 2);
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }

  std::filesystem::path folder_;
  std::vector<pid_t> processes_;
};

}  // namespace permafrost
