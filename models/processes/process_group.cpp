// SPDX-License-Identifier: Apache-2.0
#include "models/processes/process_group.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "common/error.h"

namespace permafrost {
namespace {

constexpr std::chrono::hours kLong{24 * 365};  // the watch knows better when to give up

std::string machine_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

// What a rank says of itself in the roll call: "MACHINE ADDRESS".
struct Presence {
  std::string machine, address;
};
Presence presence_of(const std::string& text) {
  Presence presence;
  std::istringstream(text) >> presence.machine >> presence.address;
  return presence;
}

std::string joined_numbers(const std::vector<int>& numbers) {
  std::string text;
  for (const int number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

// Where nobody answers and nobody says so: a stranger's port takes the connection and is silent.
class Alarm {
 public:
  Alarm(Milliseconds timeout, std::function<void()> ring)
      : thread_([this, timeout, ring = std::move(ring)] {
          std::unique_lock lock(mutex_);
          if (!off_.wait_for(lock, timeout, [this] { return is_off_; })) ring();
        }) {}
  ~Alarm() {
    {
      const std::lock_guard lock(mutex_);
      is_off_ = true;
    }
    off_.notify_all();
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable off_;
  bool is_off_ = false;
  std::jthread thread_;
};

std::shared_ptr<SharedStore> store_of(const Launch& launch, const GroupOptions& options) {
  const Alarm alarm(options.timeout + std::chrono::seconds(1), [&] {
    options.end(2, "MASTER_ADDR: expected rank 0 to answer at " + launch.master_address + ":" +
                       std::to_string(launch.master_port) + " within " +
                       std::to_string(options.timeout.count() / 1000) + " s, found no answer");
  });
  return open_store(launch, options.timeout);
}

at::Tensor bytes_of(const std::string& text) {
  at::Tensor bytes = at::empty({static_cast<std::int64_t>(text.size())}, at::kByte);
  if (!text.empty()) std::memcpy(bytes.data_ptr(), text.data(), text.size());
  return bytes;
}

}  // namespace

ProcessGroup::ProcessGroup(const Launch& launch, const GroupOptions& options)
    : rank_(launch.rank), ranks_(launch.ranks), options_(options) {
  const std::string address = address_towards(launch.master_address, launch.master_port);
  store_ = store_of(launch, options_);
  roll_call(machine_name() + " " + address, options_.timeout);
  collectives_ = gloo_collectives(*store_, rank_, ranks_, address, options_.timeout);
  collectives_->set_timeout(kLong);
  watch_ = std::make_unique<RankWatch>(
      store_, RankWatch::Options{.rank = rank_,
                                 .ranks = ranks_,
                                 .timeout = options_.timeout,
                                 .name_of = [this](int rank) { return name_of(rank); },
                                 .end = options_.end});
}

ProcessGroup::ProcessGroup(const std::shared_ptr<SharedStore>& store, int rank, int ranks,
                           const GroupOptions& options)
    : rank_(rank),
      ranks_(ranks),
      options_(options),
      store_(store),
      collectives_(gloo_collectives(*store, rank, ranks, "127.0.0.1", options.timeout)),
      machines_(static_cast<std::size_t>(ranks), machine_name()),
      rank_on_machine_(rank),
      ranks_on_machine_(ranks) {}

ProcessGroup::~ProcessGroup() = default;

std::string ProcessGroup::name_of(int rank) const {
  return "rank " + std::to_string(rank) + " (" + machines_[static_cast<std::size_t>(rank)] + ")";
}

void ProcessGroup::roll_call(const std::string& presence, Milliseconds timeout) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + timeout;
  if (store_->add(key_of_rank("roll/", rank_), 1) > 1)
    throw InputError("RANK", "", "a number that no other process has",
                     std::to_string(rank_) + ", which two processes have");
  if (rank_ == 0) store_->set("ranks", std::to_string(ranks_));
  if (store_->wait({"ranks"}, timeout)) {
    const std::string first = *store_->find("ranks");
    if (first != std::to_string(ranks_)) {
      const std::string line = "WORLD_SIZE: expected " + first + ", as rank 0 has, found " +
                               std::to_string(ranks_) + " at rank " + std::to_string(rank_) + " (" +
                               machine_name() + ")";
      store_->set("unlike", line);
      throw Error(line, 2);
    }
  }
  store_->set(key_of_rank("here/", rank_), presence);
  std::vector<std::string> keys;
  for (int rank = 0; rank < ranks_; ++rank) keys.push_back(key_of_rank("here/", rank));
  while (!store_->wait(keys, Milliseconds(50))) {
    if (const auto line = store_->find("unlike")) throw Error(*line, 2);
    if (Clock::now() < end) continue;
    std::vector<int> missing;
    for (int rank = 0; rank < ranks_; ++rank)
      if (!store_->find(key_of_rank("here/", rank))) missing.push_back(rank);
    throw InputError(
        "WORLD_SIZE", "",
        std::to_string(ranks_) + " ranks within " + std::to_string(timeout.count() / 1000) + " s",
        (missing.size() == 1 ? "no rank " : "no ranks ") + joined_numbers(missing));
  }
  std::vector<std::string> answers;
  for (const auto& key : keys) answers.push_back(*store_->find(key));
  read_machines(answers);
}

void ProcessGroup::read_machines(const std::vector<std::string>& answers) {
  std::vector<Presence> all;
  for (const auto& answer : answers) all.push_back(presence_of(answer));
  rank_on_machine_ = ranks_on_machine_ = 0;
  const Presence& mine = all[static_cast<std::size_t>(rank_)];
  bool several = false;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    machines_.push_back(all[rank].machine);
    several = several || all[rank].machine != mine.machine;
    if (all[rank].machine != mine.machine) continue;
    ++ranks_on_machine_;
    if (static_cast<int>(rank) < rank_) ++rank_on_machine_;
  }
  for (std::size_t rank = 0; several && rank < all.size(); ++rank)
    if (all[rank].address.starts_with("127.") || all[rank].address == "::1")
      throw InputError("MASTER_ADDR", "", "an address that all machines reach",
                       name_of(static_cast<int>(rank)) + " would be called at " + all[rank].address,
                       "set MASTER_ADDR to an address of the network, or GLOO_SOCKET_IFNAME to "
                       "the name of the interface");
}

at::Device ProcessGroup::exchange_device(const at::Device& device) {
  // NCCL is of CUDA devices; for another one somebody has to name a library that has its functions.
  if (!device.is_cuda() && std::getenv("PERMAFROST_NCCL") == nullptr) return at::kCPU;
  if (exchange_.how.empty()) {
    const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
    const std::string seen = visible == nullptr ? "" : visible;
    exchange_ = open_device_exchange(*this, options_.gpu.empty() ? seen : options_.gpu);
  }
  return exchange_.collectives ? device : at::Device(at::kCPU);
}

Collectives& ProcessGroup::engine_of(const at::Tensor& tensor) {
  return tensor.is_cpu() ? *collectives_ : *exchange_.collectives;
}

template <typename Operation>
void ProcessGroup::together(std::int64_t sent, const Operation& operation) {
  sent_bytes_ += sent;
  if (watch_) watch_->enter();
  try {
    operation();
  } catch (const ConnectionLost& error) {
    if (watch_) watch_->end_after_loss(error.what());
    throw;
  }
  if (watch_) watch_->finish();
}

void ProcessGroup::broadcast(const at::Tensor& tensor, int from) {
  const auto bytes = static_cast<std::int64_t>(tensor.nbytes());
  together(rank_ == from ? bytes * (ranks_ - 1) : 0,
           [&] { engine_of(tensor).broadcast(tensor, from); });
}

void ProcessGroup::sum(const at::Tensor& tensor) {
  const auto bytes = static_cast<std::int64_t>(tensor.nbytes());
  together(2 * bytes * (ranks_ - 1) / ranks_, [&] { engine_of(tensor).sum(tensor); });
}

void ProcessGroup::all_gather(const at::Tensor& out, const at::Tensor& in) {
  const auto bytes = static_cast<std::int64_t>(in.nbytes());
  together(bytes * (ranks_ - 1), [&] { engine_of(in).all_gather(out, in); });
}

void ProcessGroup::all_to_all(const at::Tensor& out, const at::Tensor& in) {
  const auto bytes = static_cast<std::int64_t>(in.nbytes());
  together(bytes * (ranks_ - 1) / ranks_, [&] { engine_of(in).all_to_all(out, in); });
}

std::vector<std::string> ProcessGroup::gather(const std::string& mine) {
  const at::Tensor sizes = at::zeros({ranks_}, at::kLong);
  all_gather(sizes, at::tensor({static_cast<std::int64_t>(mine.size())}, at::kLong));
  const std::int64_t most = sizes.max().item<std::int64_t>();
  std::vector<std::string> texts(static_cast<std::size_t>(ranks_));
  if (most == 0) return texts;
  at::Tensor padded = at::zeros({most}, at::kByte);
  padded.slice(0, 0, static_cast<std::int64_t>(mine.size())).copy_(bytes_of(mine));
  const at::Tensor all = at::empty({ranks_ * most}, at::kByte);
  all_gather(all, padded);
  for (int rank = 0; rank < ranks_; ++rank)
    texts[static_cast<std::size_t>(rank)].assign(
        static_cast<const char*>(all.data_ptr()) + rank * most,
        static_cast<std::size_t>(sizes[rank].item<std::int64_t>()));
  return texts;
}

std::string ProcessGroup::from_first(const std::string& text) {
  const at::Tensor size = at::tensor({static_cast<std::int64_t>(text.size())}, at::kLong);
  broadcast(size);
  const at::Tensor bytes =
      is_first() ? bytes_of(text) : at::empty({size.item<std::int64_t>()}, at::kByte);
  if (bytes.numel() > 0) broadcast(bytes);
  return {static_cast<const char*>(bytes.data_ptr()), static_cast<std::size_t>(bytes.numel())};
}

bool ProcessGroup::any(bool mine) {
  const at::Tensor count = at::tensor({mine ? 1 : 0}, at::kInt);
  sum(count);
  return count.item<int>() > 0;
}

void ProcessGroup::barrier() { any(false); }

void ProcessGroup::require_same(const std::string& what, const std::string& value,
                                const std::string& hint) {
  const auto values = gather(value);
  for (int rank = 1; rank < ranks_; ++rank)
    if (values[static_cast<std::size_t>(rank)] != values[0])
      throw InputError(name_of(rank), what, quoted(values[0]) + ", as rank 0 has",
                       quoted(values[static_cast<std::size_t>(rank)]), hint);
}

void ProcessGroup::expect_steps_of(std::chrono::duration<double> step) {
  if (watch_) watch_->expect_steps_of(step);
}

bool ProcessGroup::fail(int status, const std::string& message) {
  if (!watch_ || ended_) return false;
  ended_ = true;
  try {
    if (is_first()) {
      watch_->stop();
      store_->set("verdict", std::to_string(status) + "\n" + message);
      // Rank 0 may have the store: the others read first.
      std::this_thread::sleep_for(std::min<Milliseconds>(options_.timeout, Milliseconds(1500)));
      return false;
    }
    if (store_->add("failures", 1) == 1)
      store_->set("failure", std::to_string(status) + "\n" + name_of(rank_) + ": " + message);
    const bool told = store_->wait({"verdict"}, Milliseconds(10000));
    watch_->stop();
    return told;
  } catch (const ConnectionLost&) {
    return false;
  }
}

void ProcessGroup::leave() {
  if (!watch_ || ended_) return;
  ended_ = true;
  try {
    barrier();
    watch_->stop();
    store_->set(key_of_rank("left/", rank_), "1");
    if (!is_first()) return;
    std::vector<std::string> keys;
    for (int rank = 1; rank < ranks_; ++rank) keys.push_back(key_of_rank("left/", rank));
    store_->wait(keys, options_.timeout);
  } catch (const ConnectionLost&) {
    // The work is done: a rank that is lost now takes nothing with it.
  }
}

}  // namespace permafrost
