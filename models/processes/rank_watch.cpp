// SPDX-License-Identifier: Apache-2.0
#include "models/processes/rank_watch.h"

#include <algorithm>
#include <sstream>

namespace permafrost {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr Milliseconds kAnswer{10000};  // within which a verdict is there once somebody looks

std::string text_of(const Ending& ending) {
  return std::to_string(ending.status) + "\n" + ending.message;
}
Ending ending_of(const std::string& text) {
  const auto line = text.find('\n');
  return {.status = std::stoi(text.substr(0, line)), .message = text.substr(line + 1)};
}

// Often enough to find a lost rank in seconds, seldom enough for a store of many ranks.
Milliseconds interval_of(const RankWatch::Options& options) {
  const Milliseconds of_ranks(500 + 2 * options.ranks);
  return std::clamp(options.timeout / 10, Milliseconds(20), of_ranks);
}

std::string seconds_text(Seconds seconds) {
  std::ostringstream text;
  text.precision(3);
  text << seconds.count();
  return text.str() + " s";
}

}  // namespace

SignsOfLife::SignsOfLife(int ranks, Time now) : signs_(static_cast<std::size_t>(ranks)) {
  for (auto& sign : signs_) sign.heard = sign.since = now;
}

void SignsOfLife::note(int rank, const std::string& text, Time now) {
  Sign& sign = signs_[static_cast<std::size_t>(rank)];
  if (text == sign.text) return;
  sign.text = text;
  sign.heard = now;
  std::istringstream fields(text);
  std::int64_t tick = 0, entered = 0;
  bool waiting = false;
  fields >> tick >> entered >> waiting;
  if (entered == sign.entered && waiting == sign.waiting) return;
  sign.entered = entered;
  sign.waiting = waiting;
  sign.since = now;
}

void SignsOfLife::note_left(int rank) { signs_[static_cast<std::size_t>(rank)].left = true; }

std::optional<int> SignsOfLife::silent(Seconds silence, Time now) const {
  for (std::size_t rank = 0; rank < signs_.size(); ++rank)
    if (!signs_[rank].left && now - signs_[rank].heard > silence) return static_cast<int>(rank);
  return std::nullopt;
}

std::optional<int> SignsOfLife::late(Seconds wait, Time now) const {
  std::int64_t waited_for = 0;
  for (const auto& sign : signs_)
    if (!sign.left && sign.waiting && now - sign.since > wait)
      waited_for = std::max(waited_for, sign.entered);
  for (std::size_t rank = 0; rank < signs_.size(); ++rank)
    if (!signs_[rank].left && signs_[rank].entered < waited_for) return static_cast<int>(rank);
  return std::nullopt;
}

RankWatch::RankWatch(const std::shared_ptr<SharedStore>& store, Options options)
    : options_(std::move(options)), store_(store), signs_(options_.ranks, Clock::now()) {
  thread_ = std::jthread([this, own = store->another_connection()] { run(own); });
}

RankWatch::~RankWatch() { stop(); }

void RankWatch::enter() {
  ++entered_;
  waiting_ = true;
}
void RankWatch::finish() { waiting_ = false; }
void RankWatch::expect_steps_of(Seconds step) { step_ = step.count(); }

void RankWatch::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stopping_.notify_all();
  if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id()) thread_.join();
}

void RankWatch::run(const std::shared_ptr<SharedStore>& store) {
  for (;;) {
    try {
      beat(*store);
      if (!lost_) options_.rank == 0 ? look_after_all(*store) : look_after_first(*store);
    } catch (const ConnectionLost& error) {
      if (!lost_) end_without_store(error.what());
      return;
    }
    std::unique_lock lock(mutex_);
    if (stopping_.wait_for(lock, interval_of(options_), [&] { return stopped_; })) return;
  }
}

std::string RankWatch::sign() const {
  return std::to_string(tick_.load()) + " " + std::to_string(entered_.load()) + " " +
         (waiting_ ? "1" : "0");
}

void RankWatch::beat(SharedStore& store) {
  ++tick_;
  store.set(key_of_rank("beat/", options_.rank), sign());
}

std::optional<Ending> RankWatch::failure(SharedStore& store) {
  const auto text = store.find("failure");
  if (!text) return std::nullopt;
  // A fault that all ranks find is found by this one too, and told by it without a rank's name.
  std::unique_lock lock(mutex_);
  if (stopping_.wait_for(lock, Milliseconds(500), [&] { return stopped_; })) return std::nullopt;
  return ending_of(*text);
}

void RankWatch::give(SharedStore& store, const Ending& ending) {
  store.set("verdict", text_of(ending));
  options_.end(ending.status, ending.message);
}

void RankWatch::look_after_all(SharedStore& store) {
  if (const auto failed = failure(store)) return give(store, *failed);
  if (const auto reason = store.find("lost"))
    if (!lost_.exchange(true)) return search(store, *reason);
  for (int rank = 1; rank < options_.ranks; ++rank) {
    if (store.find(key_of_rank("left/", rank))) signs_.note_left(rank);
    if (const auto sign = store.find(key_of_rank("beat/", rank)))
      signs_.note(rank, *sign, Clock::now());
  }
  signs_.note(0, sign(), Clock::now());
  if (const auto rank = signs_.silent(options_.timeout, Clock::now()))
    return give(store, {.message = options_.name_of(*rank) + " gave no sign of life for " +
                                   seconds_text(options_.timeout)});
  if (step_ <= 0) return;
  const Seconds wait = options_.timeout + Seconds(step_);
  if (const auto rank = signs_.late(wait, Clock::now()))
    give(store, {.message = options_.name_of(*rank) +
                            " lives and did not come to the step at which others have waited for " +
                            seconds_text(wait)});
}

void RankWatch::look_after_first(SharedStore& store) {
  if (const auto text = store.find("verdict")) return options_.end(ending_of(*text).status, "");
  if (const auto sign = store.find("beat/0")) signs_.note(0, *sign, Clock::now());
  if (store.find("left/0")) signs_.note_left(0);
  if (signs_.silent(options_.timeout, Clock::now()) == 0)
    options_.end(
        1, options_.name_of(0) + " gave no sign of life for " + seconds_text(options_.timeout));
}

// Signs of life that are left from now on.
class RankWatch::Search {
 public:
  Search(RankWatch& watch, SharedStore& store)
      : watch_(watch), store_(store), began_(Clock::now()), signs_(watch.options_.ranks, began_) {
    listen();  // what was left before is none
  }

  // Until it ends the process.
  void run(const std::string& reason) {
    const RankWatch::Options& options = watch_.options_;
    const Milliseconds interval = interval_of(options);
    const bool is_first = options.rank == 0;
    while (Clock::now() - began_ < kAnswer) {
      std::this_thread::sleep_for(interval / 2);
      if (is_first) watch_.beat(store_);  // this may be the thread that gives them
      if (const auto text = store_.find("verdict")) return options.end(ending_of(*text).status, "");
      if (is_first)
        if (const auto text = store_.find("failure")) return watch_.give(store_, ending_of(*text));
      listen();
      const auto gone = signs_.silent(4 * interval, Clock::now());
      if (gone && (is_first || *gone == 0))
        return end(options.name_of(*gone) + " is gone: " + reason);
    }
    end("the connection between ranks was lost at " + options.name_of(options.rank) + ": " +
        reason);
  }

 private:
  void end(const std::string& message) {
    const Ending ending{.message = message};
    if (watch_.options_.rank == 0) return watch_.give(store_, ending);
    watch_.options_.end(ending.status, ending.message);
  }

  void listen() {
    for (int rank = 0; rank < watch_.options_.ranks; ++rank) {
      if (store_.find(key_of_rank("left/", rank))) signs_.note_left(rank);
      if (const auto sign = store_.find(key_of_rank("beat/", rank)))
        signs_.note(rank, *sign, Clock::now());
    }
  }

  RankWatch& watch_;
  SharedStore& store_;
  SignsOfLife::Time began_;
  SignsOfLife signs_;
};

void RankWatch::search(SharedStore& store, const std::string& reason) {
  Search(*this, store).run(reason);
}

void RankWatch::end_without_store(const std::string& reason) {
  const std::string keeper = options_.rank == 0 ? "the launcher's store" : options_.name_of(0);
  options_.end(1, keeper + " is gone: " + reason);
}

void RankWatch::end_after_loss(const std::string& reason) {
  try {
    if (options_.rank != 0) {
      lost_ = true;
      store_->set("lost", reason);
    } else if (lost_.exchange(true)) {
      // The watch searches already and ends the process.
      std::this_thread::sleep_for(2 * kAnswer);
      return;
    }
    search(*store_, reason);
  } catch (const ConnectionLost&) {
    end_without_store(reason);
  }
}

}  // namespace permafrost
