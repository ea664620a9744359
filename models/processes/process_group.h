// SPDX-License-Identifier: Apache-2.0
#pragma once

// Several processes (*ranks*) that do one job. Each of them runs the same program with the same
// arguments; they meet, exchange tensors and texts, and end together:
//
//   if (const auto launch = launch_of_process()) {
//     ProcessGroup group(*launch, {.end = print_and_exit});
//     group.require_same("configuration", text, "...");
//     group.leave();
//   }
//
// A rank that dies, hangs or fails ends all others: see rank_watch.h.
#include <ATen/core/Tensor.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/processes/device_exchange.h"
#include "models/processes/engine.h"
#include "models/processes/launch.h"
#include "models/processes/rank_watch.h"

namespace permafrost {

struct GroupOptions {
  // How long ranks wait for one that does not come or gives no sign of life, and how much longer
  // than the longest step so far for one that does not come to its next step.
  Milliseconds timeout = std::chrono::seconds(60);
  // Ends this process, from any thread; may throw in tests, where ranks are threads.
  EndProcess end;
  // The GPU that this rank computes on, where it does; empty: what CUDA_VISIBLE_DEVICES names.
  std::string gpu;
};

class ProcessGroup {
 public:
  // Meets the other ranks. Throws InputError for a port in use, an address that does not answer,
  // ranks that do not come in time, another number of ranks, and a rank that is there twice.
  ProcessGroup(const Launch& launch, const GroupOptions& options);
  // Ranks that are threads of this process: nobody watches.
  ProcessGroup(const std::shared_ptr<SharedStore>& store, int rank, int ranks,
               const GroupOptions& options);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  int rank() const { return rank_; }
  int ranks() const { return ranks_; }
  bool is_first() const { return rank_ == 0; }
  int rank_on_machine() const { return rank_on_machine_; }
  int ranks_on_machine() const { return ranks_on_machine_; }
  // "rank 2 (node7)"
  std::string name_of(int rank) const;
  const std::string& machine() const { return machines_[static_cast<std::size_t>(rank_)]; }

  // Where what `device` computed is to lie when it is exchanged: on `device`, over NCCL, if every
  // rank has it and a GPU of its own; else on the CPU. All ranks ask together; the answer is kept.
  at::Device exchange_device(const at::Device& device);
  // How, for people: see DeviceExchange; empty before anybody asked for a device.
  const std::string& exchange() const { return exchange_.how; }

  // Of every rank in its turn; they return on all when each has called. Contiguous tensors of equal
  // sizes on every rank, on the CPU or the exchange_device(); there they are queued on its current
  // stream, and the operation does not wait.
  void broadcast(const at::Tensor& tensor, int from = 0);  // one rank's values to all
  void sum(const at::Tensor& tensor);  // in place, in no certain order of additions
  void all_gather(const at::Tensor& out, const at::Tensor& in);  // [ranks*n] of [n]
  void all_to_all(const at::Tensor& out, const at::Tensor& in);  // [ranks*n], n to each rank
  std::vector<std::string> gather(const std::string& mine);      // every rank's, on each
  std::string from_first(const std::string& text);               // rank 0's, on each
  bool any(bool mine);                                           // whether one says so
  void barrier();

  // Throws InputError on every rank where a rank has another value than rank 0; the error names the
  // rank, `what`, and both values.
  void require_same(const std::string& what, const std::string& value,
                    const std::string& hint = "");

  // From now on a rank that is alive must come to the next operation within `step` more than the
  // time-out; 0: whenever it does. Work of very different lengths needs that.
  void expect_steps_of(std::chrono::duration<double> step);

  // This rank failed and ends: tells the others, and rank 0 tells the user. True where somebody
  // else tells the user, so that this process has nothing to print.
  bool fail(int status, const std::string& message);
  // The job is done. Rank 0, which may have the store, goes last.
  void leave();

  // What this rank has sent by operations on tensors so far, in bytes, by the algorithms' formulas:
  // a broadcast and a gather send each byte once to each other rank that needs it.
  std::int64_t sent_bytes() const { return sent_bytes_; }

 private:
  void roll_call(const std::string& presence, Milliseconds timeout);
  void read_machines(const std::vector<std::string>& answers);
  Collectives& engine_of(const at::Tensor& tensor);
  template <typename Operation>
  void together(std::int64_t sent, const Operation& operation);

  int rank_, ranks_;
  GroupOptions options_;
  std::shared_ptr<SharedStore> store_;
  std::unique_ptr<Collectives> collectives_;
  DeviceExchange exchange_;
  std::vector<std::string> machines_;  // by rank
  int rank_on_machine_ = 0, ranks_on_machine_ = 1;
  std::atomic<std::int64_t> sent_bytes_ = 0;  // read while another thread exchanges
  bool ended_ = false;
  std::unique_ptr<RankWatch> watch_;
};

// Whether this process reads and writes what ranks share: the first of a group, or one alone
// (null).
inline bool is_first(const ProcessGroup* group) { return group == nullptr || group->is_first(); }

}  // namespace permafrost
