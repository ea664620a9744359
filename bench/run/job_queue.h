// SPDX-License-Identifier: Apache-2.0
#pragma once

// One queue for all work of a run. Work comes in groups (what is done with one encoder on one
// task); a group goes through stages (encode, then train the heads); the jobs of a stage are
// independent of each other. Several groups are under way at a time, so that no thread waits for
// the last job of a stage while another group has work.
//
//   run_jobs({{.bytes = 1e9, .begin = [&] { return std::vector<JobStage>{{.jobs = 8, .run = f}};
//   }}},
//            {.threads = 2, .bytes = 4e9});
//
// A job must not depend on which thread runs it, nor on what other groups do: the results are then
// the same for any number of threads.
#include <cstdint>
#include <functional>
#include <vector>

namespace permafrost {

struct JobStage {
  std::int64_t jobs = 0;
  // Does job `number` of the stage, in 0 .. jobs - 1. It may use `threads` threads: 1 as long as
  // there is other work for them.
  std::function<void(std::int64_t number, int threads)> run;
  int rank = 0;  // lower ones are wanted sooner
};

// Jobs in as many stages as they have ranks: entry i of `ranks`, which ascend, is that of jobs
// i * jobs_each .. (i + 1) * jobs_each - 1, and `run` is given their numbers.
std::vector<JobStage> stages_by_rank(const std::vector<int>& ranks, std::int64_t jobs_each,
                                     const std::function<void(std::int64_t job, int threads)>& run);

struct JobGroup {
  double bytes = 0;  // memory that the group holds from begin() to the end of its last job
  int rank = 0;      // of its first stage; groups come in the order of their ranks
  // Called on a thread of the queue. What the stages' functions hold is released when the last job
  // has ended.
  std::function<std::vector<JobStage>()> begin;
};

struct JobLimits {
  int threads = 1;
  // Memory of all groups under way together. A group that is larger than this runs by itself.
  double bytes = 0;
  // A job after the other, in the order of groups and stages, each with all threads: for jobs whose
  // ranks talk to each other.
  bool one_at_a_time = false;
};

// Runs all jobs. Groups begin in their order; a free thread takes the first job of the lowest rank,
// of the earliest group that has one, and begins the next group where none has a job of that
// group's rank or a lower one, and the memory allows it. So what is wanted later waits, as long as
// there is memory for what it holds. After an exception no further job is taken; the jobs under way
// end, then the exception is thrown that belongs to the earliest group, stage and job.
void run_jobs(std::vector<JobGroup> groups, const JobLimits& limits);

}  // namespace permafrost
