// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/loader.h"

#include <algorithm>

#include "common/error.h"
#include "common/machine/stopwatch.h"
#include "common/machine/threads.h"
#include "common/random.h"

namespace permafrost {

std::vector<std::int64_t> epoch_order(std::string_view purpose, std::int64_t count,
                                      std::uint64_t seed, int epoch) {
  return RandomStream(
             {.seed = seed, .purpose = purpose, .epoch = static_cast<std::uint64_t>(epoch)})
      .permutation(count);
}

Loader::Loader(const ClipSource& source, const LoaderOptions& options, std::int64_t count,
               std::function<std::int64_t(std::int64_t)> index_at)
    : source_(source), options_(options), count_(count), index_at_(std::move(index_at)) {
  slots_.resize(static_cast<std::size_t>(std::max(1, options_.ahead)));
  threads_ = start_threads(std::max(1, options_.threads), work_);
}

void Loader::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto may_claim = [this] {
      return claimed_ >= count_ ||
             claimed_ / options_.batch < consumed_ + static_cast<std::int64_t>(slots_.size());
    };
    room_.wait(lock, stop_.get_token(), may_claim);
    if (stop_.stop_requested() || claimed_ >= count_) return;
    read_next(lock);
  }
}

void Loader::make_room(Slot& slot, std::int64_t number) const {
  const auto size = static_cast<std::size_t>(
      std::min<std::int64_t>(options_.batch, count_ - batch_begin(number)));
  slot.missing = static_cast<int>(size);
  slot.batch.indices.assign(size, 0);
  slot.batch.targets.assign(size, {});
  slot.batch.failures.assign(size, "");
  slot.batch.pixels.assign(size * static_cast<std::size_t>(options_.clips) * options_.shape.bytes(),
                           0);
}

void Loader::read_next(std::unique_lock<std::mutex>& lock) {
  const std::int64_t position = claimed_++;
  const std::int64_t number = position / options_.batch;
  Slot& slot = slots_[static_cast<std::size_t>(number) % slots_.size()];
  const std::int64_t in_batch = position - batch_begin(number);
  std::exception_ptr failure;
  try {
    if (in_batch == 0) make_room(slot, number);
    lock.unlock();
    read_sample(slot, position, in_batch);
  } catch (...) {
    failure = std::current_exception();
  }
  if (!lock.owns_lock()) lock.lock();
  if (failure && !failure_) {
    failure_ = failure;
    stop_.request_stop();
  }
  if (--slot.missing == 0 || failure) ready_.notify_all();
}

void Loader::add_times(const ClipSet& set, double seconds) {
  const std::lock_guard lock(mutex_);
  ++statistics_.samples;
  statistics_.failures += !set.failure.empty();
  statistics_.read_seconds += seconds;
  statistics_.decode_seconds += set.decode_seconds;
  statistics_.scale_seconds += set.scale_seconds;
}

LoaderStatistics Loader::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

void Loader::read_sample(Slot& slot, std::int64_t position, std::int64_t in_batch) {
  const std::int64_t index = index_at_(position);
  const auto k = static_cast<std::size_t>(in_batch);
  slot.batch.indices[k] = index;
  slot.batch.targets[k] = source_.target(index);
  try {
    const Stopwatch watch;
    const ClipSet set = source_.read_all(index, options_.clips);
    add_times(set, watch.seconds());
    slot.batch.failures[k] = set.failure;
    if (!set.failure.empty()) return;
    if (set.clips.size() != static_cast<std::size_t>(options_.clips))
      throw Error("the source has several views of a clip, which is not for batches");
    std::size_t place = k * set.clips.size();
    for (const Clip& clip : set.clips) {
      if (!(clip.shape == options_.shape))
        throw Error("the source returned a clip of another shape than the loader was told");
      std::copy(clip.pixels.begin(), clip.pixels.end(),
                slot.batch.pixels.begin() +
                    static_cast<std::ptrdiff_t>(place++ * options_.shape.bytes()));
    }
  } catch (const std::exception& error) {
    throw Error(source_.name(index) + ": " + error.what());
  }
}

bool Loader::next(Batch& batch) {
  std::unique_lock lock(mutex_);
  if (batch_begin(consumed_) >= count_) return false;
  Slot& slot = slots_[static_cast<std::size_t>(consumed_) % slots_.size()];
  const auto done = [&] {
    const std::int64_t end = std::min(count_, batch_begin(consumed_ + 1));
    return failure_ != nullptr || (claimed_ >= end && slot.missing == 0);
  };
  const Stopwatch watch;
  while (threads_.empty() && !done()) read_next(lock);  // the system gives no threads
  ready_.wait(lock, done);
  statistics_.wait_seconds += watch.seconds();
  if (failure_) std::rethrow_exception(failure_);
  std::swap(batch, slot.batch);
  ++consumed_;
  lock.unlock();
  room_.notify_all();
  return true;
}

void require_readable(const Batch& batch, const std::string& what) {
  for (const auto& failure : batch.failures)
    if (!failure.empty())
      throw InputError(what, "", "clips that can be read", failure,
                       "take the file out of the manifest");
}

}  // namespace permafrost
