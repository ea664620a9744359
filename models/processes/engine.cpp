// SPDX-License-Identifier: Apache-2.0
#include "models/processes/engine.h"

#include <c10/util/Logging.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace permafrost {
namespace {

// Without the place in Gloo's sources that stands before it in brackets.
std::string first_line(const std::string& text) {
  const std::string line = text.substr(0, text.find('\n'));
  const auto end = line.find("] ");
  return line.starts_with("[/") && end != std::string::npos ? line.substr(end + 2) : line;
}

// Before anything of c10d is made. It tells its errors twice, once in its log: we tell them once.
// Its recorder of operations is one for all groups of a process, without a lock.
void prepare_engine() {
  static const bool done = [] {
    ::setenv("TORCH_CPP_LOG_LEVEL", "FATAL", 0);
    ::setenv("TORCH_FR_BUFFER_SIZE", "0", 0);
    c10::initLogging();
    return true;
  }();
  static_cast<void>(done);
}

// What c10d and Gloo throw, as one line.
template <typename Call>
auto connected(const Call& call) {
  try {
    return call();
  } catch (const c10::Error& error) {
    throw ConnectionLost(first_line(error.what_without_backtrace()));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw ConnectionLost(first_line(error.what()));
  }
}

class C10dStore : public SharedStore {
 public:
  explicit C10dStore(c10::intrusive_ptr<c10d::Store> store) : store_(std::move(store)) {}

  void set(const std::string& key, const std::string& value) override {
    connected([&] { store_->set(key, value); });
  }
  std::optional<std::string> find(const std::string& key) override {
    return connected([&]() -> std::optional<std::string> {
      if (!store_->check({key})) return std::nullopt;
      return store_->get_to_str(key);
    });
  }
  std::int64_t add(const std::string& key, std::int64_t amount) override {
    return connected([&] { return store_->add(key, amount); });
  }
  // In short waits: a long one of c10d cannot be told from a broken connection.
  bool wait(const std::vector<std::string>& keys, Milliseconds timeout) override {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + timeout;
    while (!connected([&] { return store_->check(keys); })) {
      if (Clock::now() >= end) return false;
      ::usleep(2000);
    }
    return true;
  }
  std::shared_ptr<SharedStore> another_connection() override {
    return connected([&] { return std::make_shared<C10dStore>(store_->clone()); });
  }
  const c10::intrusive_ptr<c10d::Store>& store() const { return store_; }

 private:
  c10::intrusive_ptr<c10d::Store> store_;
};

class GlooCollectives : public Collectives {
 public:
  explicit GlooCollectives(c10::intrusive_ptr<c10d::ProcessGroupGloo> group)
      : group_(std::move(group)) {}

  void broadcast(at::Tensor tensor, int from) override {
    std::vector<at::Tensor> tensors{std::move(tensor)};
    c10d::BroadcastOptions options;
    options.rootRank = from;
    finish([&] { return group_->broadcast(tensors, options); });
  }
  void sum(at::Tensor tensor) override {
    std::vector<at::Tensor> tensors{std::move(tensor)};
    finish([&] { return group_->allreduce(tensors); });
  }
  void all_gather(at::Tensor out, at::Tensor in) override {
    finish([&] { return group_->_allgather_base(out, in); });
  }
  void all_to_all(at::Tensor out, at::Tensor in) override {
    std::vector<std::int64_t> equal;
    finish([&] { return group_->alltoall_base(out, in, equal, equal); });
  }
  void set_timeout(Milliseconds timeout) override { group_->setTimeout(timeout); }

 private:
  template <typename Begin>
  void finish(const Begin& begin) {
    connected([&] {
      const auto work = begin();
      work->wait();
    });
  }

  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};

[[noreturn]] void throw_unmet(const Launch& launch, const std::string& reason) {
  const std::string port = std::to_string(launch.master_port);
  if (reason.find("EADDRINUSE") != std::string::npos ||
      reason.find("address already in use") != std::string::npos)
    throw InputError("MASTER_PORT", "", "a port that is free on this machine",
                     port + ", which another program has");
  throw InputError("MASTER_ADDR", "", "rank 0's machine, answering at port " + port,
                   quoted(launch.master_address) + ": " + reason);
}

}  // namespace

std::shared_ptr<SharedStore> open_store(const Launch& launch, Milliseconds timeout) {
  prepare_engine();
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(launch.master_port);
  options.isServer = launch.rank == 0 && !launch.store_is_launchers;
  options.waitWorkers = false;  // the roll call says who is missing
  options.timeout = timeout;
  try {
    auto store = c10::make_intrusive<c10d::TCPStore>(launch.master_address, options);
    return std::make_shared<C10dStore>(
        c10::make_intrusive<c10d::PrefixStore>("permafrost/" + launch.attempt, std::move(store)));
  } catch (const c10::Error& error) {
    throw_unmet(launch, first_line(error.what_without_backtrace()));
  } catch (const std::exception& error) {
    throw_unmet(launch, first_line(error.what()));
  }
}

std::shared_ptr<SharedStore> store_in_this_process() {
  prepare_engine();
  return std::make_shared<C10dStore>(c10::make_intrusive<c10d::HashStore>());
}

ServedStore serve_store() {
  prepare_engine();
  c10d::TCPStoreOptions options;
  options.port = 0;
  options.isServer = true;
  options.waitWorkers = false;
  auto store = c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
  const int port = store->getPort();
  return {.store = std::make_shared<C10dStore>(std::move(store)), .port = port};
}

std::unique_ptr<Collectives> gloo_collectives(SharedStore& store, int rank, int ranks,
                                              const std::string& address, Milliseconds timeout) {
  return connected([&]() -> std::unique_ptr<Collectives> {
    auto options = c10d::ProcessGroupGloo::Options::create(timeout);
    const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
    options->devices.push_back(interface != nullptr && *interface != '\0'
                                   ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                   : c10d::ProcessGroupGloo::createDeviceForHostname(address));
    return std::make_unique<GlooCollectives>(c10::make_intrusive<c10d::ProcessGroupGloo>(
        dynamic_cast<C10dStore&>(store).store(), rank, ranks, options));
  });
}

std::string address_towards(const std::string& host, int port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  const int unknown = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (unknown != 0)
    throw InputError("MASTER_ADDR", "", "the name or address of rank 0's machine",
                     quoted(host) + ": " + ::gai_strerror(unknown));
  std::string address;
  for (const addrinfo* to = found; to != nullptr && address.empty(); to = to->ai_next) {
    // Connecting a datagram socket sends nothing and chooses the interface.
    const int socket = ::socket(to->ai_family, SOCK_DGRAM, 0);
    if (socket < 0) continue;
    sockaddr_storage mine{};
    socklen_t size = sizeof mine;
    char text[NI_MAXHOST] = "";
    if (::connect(socket, to->ai_addr, to->ai_addrlen) == 0 &&
        ::getsockname(socket, reinterpret_cast<sockaddr*>(&mine), &size) == 0 &&
        ::getnameinfo(reinterpret_cast<sockaddr*>(&mine), size, text, sizeof text, nullptr, 0,
                      NI_NUMERICHOST) == 0)
      address = text;
    ::close(socket);
  }
  ::freeaddrinfo(found);
  if (address.empty())
    throw InputError("MASTER_ADDR", "", "a machine that this one has a way to", quoted(host));
  return address;
}

}  // namespace permafrost
