// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which cells the requested tables need: each once, however many tables show it. For the runner.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/records/cell_records.h"
#include "bench/records/record.h"
#include "bench/suites/table_spec.h"
#include "datasets/tasks/task.h"
#include "models/encoders/encoder.h"

namespace permafrost {

// One cell under one seed.
struct PlannedCell {
  Record record;        // identities, uses and key; results once `done`
  std::string encoder;  // choice in the suite
  ProtocolChoice protocol;
  const Task* task = nullptr;
  int clips = 1;
  bool done = false, reused = false;
  bool elsewhere = false;  // another shard computes it
  std::string failure;     // why it could not be computed
};

// What is known of an encoder without keeping its weights.
struct PlannedEncoder {
  EncoderIdentity identity;
  EncoderSpec spec;
  std::string unavailable;
};

struct Plan {
  std::vector<PlannedCell> cells;                           // in order of first use
  std::vector<std::vector<std::vector<TableCell>>> places;  // [tables][rows][columns]
  std::map<std::string, PlannedEncoder> encoders;
  std::map<std::string, Task> tasks;  // by name, clip shape and views
};

// What a task is called in Plan::tasks.
std::string task_key(const TaskSpec& spec, const ClipShape& shape, const TestView& test);

// "ENCODER on TASK, PROTOCOL, seed 1": for messages.
std::string name_of(const PlannedCell& cell);

// The record of a cell before it is computed: identities and key, no use.
Record planned_record(const EncoderIdentity& encoder, const Task& task,
                      const ProtocolChoice& protocol, const TaskSpec& spec, std::uint64_t seed);

// Adds a place to those that a record says it fills, by table; of one that is there the published
// number is taken anew.
void add_use(std::vector<CellUse>& uses, const CellUse& use);

// Encoders are loaded one at a time, for their hashes. The clips of the first tasks are kept in
// memory, as many as fit into `clip_bytes`. Throws InputError for damaged files.
Plan make_plan(const Suite& suite, const std::vector<TableSpec>& tables, const SeedRange& seeds,
               const std::filesystem::path& data, double clip_bytes);

// The weights; `unavailable` is set instead where there is no such file.
Encoder open_encoder(const Suite& suite, const EncoderChoice& choice, std::string& unavailable);

// Frozen heads that can be written down (all but knn), one file a fold:
// OUT/heads/KEY.safetensors, or KEY-fold1.safetensors and so on.
bool writes_heads(const ProtocolChoice& protocol);
std::filesystem::path head_path(const std::filesystem::path& out, const PlannedCell& cell,
                                std::size_t fold);

// Cells to compute that share features: one encoder, task and number of clips.
struct PlannedGroup {
  std::string encoder;
  const Task* task = nullptr;
  int clips = 1;
  bool is_finetune = false;
  Precision precision = Precision::float32;  // of frozen encoding
  std::vector<std::size_t> cells;
  std::vector<int> ranks;  // of the cells, ascending: the first table that shows each
};

// The cells that are neither done nor elsewhere: first all that the first table needs, then what
// the second needs beside it, and so on; for each table encoders one after the other.
std::vector<PlannedGroup> groups_to_compute(const Plan& plan);
// All cells, in the same order.
std::vector<PlannedGroup> all_groups(const Plan& plan);

}  // namespace permafrost
