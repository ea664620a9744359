// SPDX-License-Identifier: Apache-2.0
#include "bench/run/job_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

namespace permafrost {
namespace job_queue_test {

JobGroup group_of(double bytes, std::vector<JobStage> stages) {
  return {.bytes = bytes, .begin = [stages = std::move(stages)] { return stages; }};
}

TEST(JobQueue, RunsEveryJobOnceAndStagesInOrder) {
  for (const int threads : {1, 2, 5}) {
    constexpr std::int64_t kGroups = 7, kJobs = 11;
    std::vector<std::atomic<int>> first(kGroups), second(kGroups);
    std::atomic<int> early{0};
    std::vector<JobGroup> groups;
    for (std::size_t g = 0; g < kGroups; ++g)
      groups.push_back(
          group_of(1, {{.jobs = kJobs, .run = [&, g](std::int64_t, int) { ++first[g]; }},
                       {.jobs = 0, .run = {}},
                       {.jobs = 3, .run = [&, g](std::int64_t, int) {
                          if (first[g] != kJobs) ++early;
                          ++second[g];
                        }}}));
    run_jobs(std::move(groups), {.threads = threads, .bytes = 100});
    EXPECT_EQ(early, 0) << threads;
    for (std::size_t g = 0; g < kGroups; ++g) {
      EXPECT_EQ(first[g], kJobs);
      EXPECT_EQ(second[g], 3);
    }
  }
}

TEST(JobQueue, NothingToDoIsDone) {
  run_jobs({}, {.threads = 3});
  bool begun = false;
  run_jobs({{.begin = [&] { return begun = true, std::vector<JobStage>(); }}}, {.threads = 2});
  EXPECT_TRUE(begun);
}

// Two jobs that wait for each other end only where both groups are under way.
TEST(JobQueue, TheNextGroupBeginsWhileTheLastJobOfOneRuns) {
  std::mutex mutex;
  std::condition_variable both;
  int here = 0;
  const auto meet = [&](std::int64_t, int) {
    std::unique_lock lock(mutex);
    ++here;
    both.notify_all();
    both.wait(lock, [&] { return here == 2; });
  };
  run_jobs({group_of(1, {{.jobs = 1, .run = meet}}), group_of(1, {{.jobs = 1, .run = meet}})},
           {.threads = 2, .bytes = 2});
  EXPECT_EQ(here, 2);
}

TEST(JobQueue, MemoryOfGroupsUnderWayStaysInItsBound) {
  std::mutex mutex;
  double held = 0, most = 0;
  const auto hold = [&](double bytes) {
    const std::lock_guard lock(mutex);
    held += bytes;
    most = std::max(most, held);
  };
  std::vector<JobGroup> groups;
  // The fourth is larger than the bound and runs alone.
  for (const double bytes : {3.0, 3.0, 3.0, 9.0, 2.0})
    groups.push_back(
        {.bytes = bytes, .begin = [&, bytes] {
           hold(bytes);
           const std::shared_ptr<void> released(nullptr, [&, bytes](void*) { hold(-bytes); });
           return std::vector<JobStage>{{.jobs = 4, .run = [released](std::int64_t, int) {}}};
         }});
  run_jobs(std::move(groups), {.threads = 4, .bytes = 6});
  EXPECT_EQ(held, 0);
  EXPECT_EQ(most, 9);
}

TEST(JobQueue, TheLastJobHasTheThreadsThatNobodyNeeds) {
  std::vector<int> threads;
  run_jobs({group_of(1, {{.jobs = 1, .run = [&](std::int64_t, int t) { threads.push_back(t); }},
                         {.jobs = 1, .run = [&](std::int64_t, int t) { threads.push_back(t); }}})},
           {.threads = 4, .bytes = 1});
  EXPECT_EQ(threads, (std::vector<int>{4, 4}));
  std::mutex mutex;
  std::multiset<int> many;
  run_jobs({group_of(1, {{.jobs = 9,
                          .run =
                              [&](std::int64_t, int t) {
                                const std::lock_guard lock(mutex);
                                many.insert(t);
                              }}})},
           {.threads = 2, .bytes = 1});
  EXPECT_GE(many.count(1), 8U);
}

TEST(JobQueue, TheEarliestFailureIsThrownAndNothingFollowsIt) {
  std::atomic<int> after{0};
  std::vector<JobGroup> groups;
  groups.push_back(group_of(1, {{.jobs = 3,
                                 .run =
                                     [](std::int64_t job, int) {
                                       if (job == 1) throw std::runtime_error("job 1");
                                     }},
                                {.jobs = 1, .run = [&](std::int64_t, int) { ++after; }}}));
  groups.push_back(group_of(1, {{.jobs = 1, .run = [&](std::int64_t, int) { ++after; }}}));
  try {
    run_jobs(std::move(groups), {.threads = 1, .bytes = 5});
    FAIL() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()), "job 1");
  }
  EXPECT_EQ(after, 0);
}

TEST(JobQueue, AGroupThatCannotBeginEndsTheRun) {
  std::vector<JobGroup> groups(2);
  for (auto& group : groups)
    group.begin = []() -> std::vector<JobStage> { throw std::runtime_error("no file"); };
  EXPECT_THROW(run_jobs(std::move(groups), {.threads = 3, .bytes = 5}), std::runtime_error);
}

// Two groups whose second stage is wanted later, and a third that is wanted later as a whole.
std::string order_of(double memory) {
  std::string order;
  const auto stage = [&](char name, int rank) {
    return JobStage{
        .jobs = 2, .run = [&order, name](std::int64_t, int) { order += name; }, .rank = rank};
  };
  std::vector<JobGroup> groups{group_of(1, {stage('a', 0), stage('A', 1)}),
                               group_of(1, {stage('b', 0), stage('B', 2)}),
                               group_of(1, {stage('c', 1)})};
  groups[2].rank = 1;
  run_jobs(std::move(groups), {.threads = 1, .bytes = memory});
  return order;
}

TEST(JobQueue, WhatIsWantedSoonerComesFirst) { EXPECT_EQ(order_of(10), "aabbAAccBB"); }

TEST(JobQueue, WhatIsWantedLaterIsDoneForItsMemory) { EXPECT_EQ(order_of(1), "aaAAbbBBcc"); }

TEST(JobQueue, JobsOfOneRankAreAStage) {
  std::vector<std::int64_t> done;
  const auto stages = stages_by_rank(
      {0, 0, 2}, 3, [&](std::int64_t job, int threads) { done.push_back(job * 10 + threads); });
  ASSERT_EQ(stages.size(), 2U);
  EXPECT_EQ(stages[0].jobs, 6);
  EXPECT_EQ(stages[0].rank, 0);
  EXPECT_EQ(stages[1].jobs, 3);
  EXPECT_EQ(stages[1].rank, 2);
  stages[0].run(5, 1);
  stages[1].run(0, 4);
  EXPECT_EQ(done, (std::vector<std::int64_t>{51, 64}));
  EXPECT_TRUE(stages_by_rank({}, 3, {}).empty());
}

}  // namespace job_queue_test
}  // namespace permafrost
