// SPDX-License-Identifier: Apache-2.0
#pragma once

// LibTorch's c10d behind two interfaces, so that one source file alone includes it: the store at
// which ranks meet, and the operations on tensors that all ranks take part in.
#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/error.h"
#include "models/processes/launch.h"

namespace permafrost {

using Milliseconds = std::chrono::milliseconds;

// What an operation throws where another rank, or the store, does not answer.
class ConnectionLost : public Error {
 public:
  using Error::Error;
};

// Texts by name that every rank sees. Throws ConnectionLost where its server is gone.
class SharedStore {
 public:
  virtual ~SharedStore() = default;
  virtual void set(const std::string& key, const std::string& value) = 0;
  virtual std::optional<std::string> find(const std::string& key) = 0;  // does not wait
  // Adds to a number that begins at 0 and returns it.
  virtual std::int64_t add(const std::string& key, std::int64_t amount) = 0;
  // Until all are there: false after `timeout`.
  virtual bool wait(const std::vector<std::string>& keys, Milliseconds timeout) = 0;
  // For another thread: one that waits holds up the others of its connection.
  virtual std::shared_ptr<SharedStore> another_connection() = 0;
};

// "beat/3"
inline std::string key_of_rank(const char* kind, int rank) { return kind + std::to_string(rank); }

// Every rank calls the same operations in the same order, with tensors of equal size, contiguous,
// on the engine's device. They return when this rank's part is done, or queued where the device has
// queues. Throw ConnectionLost.
class Collectives {
 public:
  virtual ~Collectives() = default;
  virtual void broadcast(at::Tensor tensor, int from) = 0;  // one rank's values to all
  virtual void sum(at::Tensor tensor) = 0;                  // in place; in no certain order
  // `out` [ranks*n] are the ranks' `in` [n], in order of ranks.
  virtual void all_gather(at::Tensor out, at::Tensor in) = 0;
  // Part r of `in` [ranks*n] goes to rank r; `out` [ranks*n] are the parts for this one.
  virtual void all_to_all(at::Tensor out, at::Tensor in) = 0;
  // How long an operation waits for the others; a long time at first.
  virtual void set_timeout(Milliseconds timeout) = 0;
};

// The store of a launch: rank 0 opens the port (where the launcher has not), the others connect.
// Throws InputError for a port in use and an address that nobody knows or that does not answer.
std::shared_ptr<SharedStore> open_store(const Launch& launch, Milliseconds timeout);
// For ranks that are threads of this process.
std::shared_ptr<SharedStore> store_in_this_process();
// For tests, whose ranks are processes: on a free port of this machine, as torchrun has one.
struct ServedStore {
  std::shared_ptr<SharedStore> store;
  int port = 0;
};
ServedStore serve_store();

// Gloo, over TCP. `address`: this machine's, as other ranks reach it. The interface that
// GLOO_SOCKET_IFNAME names comes before it. Blocks until all ranks have called it.
std::unique_ptr<Collectives> gloo_collectives(SharedStore& store, int rank, int ranks,
                                              const std::string& address, Milliseconds timeout);

// The address of this machine on the way to `host`: Gloo's own choice, the address of the
// machine's name, is 127.0.0.1 on many. Throws InputError for a host that nobody knows.
std::string address_towards(const std::string& host, int port);

}  // namespace permafrost
