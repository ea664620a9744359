// SPDX-License-Identifier: Apache-2.0
#pragma once

// From the cells of a plan that are not done to jobs for the queue: batches to encode, folds of
// probes to train, folds to fine-tune. The last job of a cell writes its record.
#include <cstddef>
#include <functional>
#include <vector>

#include "bench/run/job_queue.h"
#include "bench/run/plan.h"
#include "bench/run/runner.h"
#include "probes/encode/encoding_clock.h"

namespace permafrost {

struct CellJobs {
  // One for each encoder, task and number of clips; its bytes are the features that it keeps and
  // what training takes.
  std::vector<JobGroup> groups;
  double bytes = 0;  // that groups under way may take together: options.memory_bytes
  std::function<EncodingSeconds()> encoding;  // of all jobs so far
};

// Options, suite and plan must outlive the result. `ended` is told, on any thread, which cell has
// its record or was given up. Jobs throw Error for an encoder whose file changed after it was
// planned.
CellJobs cell_jobs(const TablesOptions& options, const Suite& suite, Plan& plan,
                   const std::function<void(std::size_t cell)>& ended = {});

}  // namespace permafrost
