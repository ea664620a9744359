// SPDX-License-Identifier: Apache-2.0
#include "bench/run/job_queue.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <tuple>

#include "common/machine/parallel.h"

namespace permafrost {
namespace {

// A group that has begun.
struct Flight {
  std::vector<JobStage> stages;
  std::size_t stage = 0;     // the one whose jobs are handed out
  std::int64_t next = 0;     // job of it that is handed out next
  std::int64_t running = 0;  // jobs of it that have not ended
  bool begun = false;        // false while begin() runs
  bool over() const { return begun && stage == stages.size(); }
  std::int64_t waiting() const {
    return begun && stage < stages.size() ? stages[stage].jobs - next : 0;
  }
};

constexpr std::int64_t kBegin = -1;  // in place of a job's number: begin() of the group

struct Claim {
  std::size_t group = 0, stage = 0;
  std::int64_t job = kBegin;
  int threads = 1;
  auto rank() const { return std::tuple(group, stage, job); }
};

class Queue {
 public:
  Queue(std::vector<JobGroup> groups, const JobLimits& limits)
      : groups_(std::move(groups)), flights_(groups_.size()), limits_(limits) {}

  void run() {
    const int workers = limits_.one_at_a_time ? 1 : std::max(1, limits_.threads);
    parallel_for(workers, workers, [this](std::int64_t) { work(); });
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (!failure_ && ended_ < groups_.size()) {
      const std::optional<Claim> claim = take();
      if (!claim) {
        changed_.wait(lock);
        continue;
      }
      lock.unlock();
      std::vector<JobStage> stages;
      std::exception_ptr failure;
      try {
        if (claim->job == kBegin)
          stages = groups_[claim->group].begin();
        else
          flights_[claim->group].stages[claim->stage].run(claim->job, claim->threads);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      --busy_;
      if (failure)
        fail(*claim, failure);
      else if (claim->job == kBegin)
        begun(claim->group, std::move(stages));
      else
        ended(claim->group);
      changed_.notify_all();
    }
  }

  std::optional<Claim> take() {
    const std::size_t group = most_wanted();
    const bool has_job = group < next_;
    if (!can_begin() || (has_job && rank_of(group) <= groups_[next_].rank)) {
      if (!has_job) return std::nullopt;
      return taken_from(group);
    }
    bytes_ += groups_[next_].bytes;
    ++busy_;
    return Claim{.group = next_++};
  }

  int rank_of(std::size_t group) const {
    const Flight& flight = flights_[group];
    return flight.stages[flight.stage].rank;
  }

  // The earliest of the groups whose next job has the lowest rank; next_ where none has a job.
  std::size_t most_wanted() const {
    std::size_t found = next_;
    for (std::size_t g = first_; g < next_; ++g)
      if (flights_[g].waiting() > 0 && (found == next_ || rank_of(g) < rank_of(found))) found = g;
    return found;
  }

  bool can_begin() const {
    if (next_ == groups_.size()) return false;
    const bool alone = next_ == ended_;
    return alone || bytes_ + groups_[next_].bytes <= limits_.bytes;
  }

  Claim taken_from(std::size_t group) {
    Flight& flight = flights_[group];
    Claim claim{.group = group, .stage = flight.stage, .job = flight.next++};
    ++flight.running;
    claim.threads = share_of_threads();
    ++busy_;
    return claim;
  }

  // Of a job that is just being taken: threads that neither jobs under way nor waiting work need.
  int share_of_threads() const {
    if (limits_.one_at_a_time) return std::max(1, limits_.threads);
    std::int64_t others = busy_ + static_cast<std::int64_t>(groups_.size() - next_);
    for (std::size_t g = first_; g < next_; ++g) others += flights_[g].waiting();
    return static_cast<int>(std::max<std::int64_t>(1, limits_.threads / (others + 1)));
  }

  void begun(std::size_t group, std::vector<JobStage> stages) {
    Flight& flight = flights_[group];
    flight.stages = std::move(stages);
    flight.begun = true;
    pass_empty_stages(group);
  }

  void ended(std::size_t group) {
    Flight& flight = flights_[group];
    if (--flight.running > 0 || flight.waiting() > 0) return;
    ++flight.stage;
    flight.next = 0;
    pass_empty_stages(group);
  }

  void pass_empty_stages(std::size_t group) {
    Flight& flight = flights_[group];
    while (flight.stage < flight.stages.size() && flight.stages[flight.stage].jobs <= 0)
      ++flight.stage;
    if (!flight.over()) return;
    flight.stages.clear();
    flight.stage = 0;
    groups_[group].begin = nullptr;
    bytes_ -= groups_[group].bytes;
    ++ended_;
    while (first_ < next_ && flights_[first_].over()) ++first_;
  }

  void fail(const Claim& claim, std::exception_ptr failure) {
    if (failure_ && failed_at_.rank() < claim.rank()) return;
    failure_ = std::move(failure);
    failed_at_ = claim;
  }

  std::vector<JobGroup> groups_;
  std::vector<Flight> flights_;
  JobLimits limits_;
  std::size_t first_ = 0;  // groups before it are over
  std::size_t next_ = 0;   // the group that begins next
  std::size_t ended_ = 0;  // groups that are over
  double bytes_ = 0;       // of the groups under way
  std::int64_t busy_ = 0;  // jobs and begin() calls under way
  std::exception_ptr failure_;
  Claim failed_at_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace

std::vector<JobStage> stages_by_rank(const std::vector<int>& ranks, std::int64_t jobs_each,
                                     const std::function<void(std::int64_t, int)>& run) {
  std::vector<JobStage> stages;
  for (auto from = ranks.begin(); from != ranks.end();) {
    const auto to = std::upper_bound(from, ranks.end(), *from);
    const std::int64_t first = (from - ranks.begin()) * jobs_each;
    stages.push_back(
        {.jobs = (to - from) * jobs_each,
         .run = [run, first](std::int64_t job, int threads) { run(first + job, threads); },
         .rank = *from});
    from = to;
  }
  return stages;
}

void run_jobs(std::vector<JobGroup> groups, const JobLimits& limits) {
  Queue(std::move(groups), limits).run();
}

}  // namespace permafrost
