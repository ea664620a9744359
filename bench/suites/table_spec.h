// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is asked: suites (encoders, tasks and protocols of one size) and tables (rows, columns, the
// published numbers), read from JSON under bench/specs/; the claims of a table from bench/claims/.
//
//   const Suite suite = read_suite("pico");
//   const TableSpec table = read_table(1);
//   require_fit(table, suite);
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/suites/claim_spec.h"
#include "common/json/json_object.h"
#include "datasets/tasks/task.h"
#include "models/encoders/denoiser_file.h"
#include "models/encoders/encoder.h"
#include "probes/train/protocol.h"

namespace permafrost {

// An encoder by name, a denoiser at one noise level, random weights of a spec, or no network at
// all: pixels.
struct EncoderChoice {
  std::string name;          // what rows call it
  std::string zoo;           // zoo name, checkpoint or folder; empty for what is made here
  std::string obtain;        // where the file is to be had, for people
  Json expected;             // named_later: EncoderSpec's fields, for estimates before it is there
  bool named_later = false;  // by a file of paths: `zoo` is then no name yet
  EncoderOptions reading;    // how `zoo` is read
  std::optional<Encoder> read;  // what is in `zoo`, where somebody has read it already
  std::string like;             // random or pixels: the spec of this zoo encoder, or ...
  Json spec;                    // ... this spec
  std::string denoiser;         // zoo name or path of a denoiser, see encoder_at()
  FrozenAt frozen;              // what of it is the encoder
  bool pixels = false;          // of the patches that the spec cuts, see pixel_encoder()
  bool one_frame = false;       // pixels of the middle frame alone
  std::uint64_t seed = 1;
  // Pretrainings (or random weights) of the same encoder with other seeds, by their names in the
  // suite, this one first; none: one encoder. Seed s of a run takes number (s - 1) modulo their
  // count.
  std::vector<std::string> pretrainings;
  bool made_here() const { return zoo.empty() && denoiser.empty() && !named_later; }
};

struct ProtocolChoice {
  std::string name;
  bool is_finetune = false;
  ProbeProtocol probe;
  bool clips_given = false;  // else the task's number of clips is taken
  // Low-shot (label_fraction below 1): so many seeds, each another subset of the labels; 0: as many
  // seeds as the run has. No part of the key: split k is seed k.
  int splits = 0;
  FinetuneProtocol finetune;
};

// What a suite makes of a column of a table: see suite_fit.h. Empty texts leave what the table
// says.
struct ColumnChange {
  std::string name, task, protocol;
  bool left_out = false;
};

// What --quick puts in place; nothing it measures shares a key with a full run.
struct QuickSizes {
  std::int64_t train = 400, test = 200;  // synthetic samples, at most
  int folds = 2, clips = 1;              // manifests, at most
  int epochs = 4, finetune_epochs = 1;   // at most
};

struct Suite {
  std::string name, title;
  int seeds = 2;
  std::vector<int> tables;  // that it is made for; none: every one
  std::vector<EncoderChoice> encoders;
  std::vector<TaskSpec> tasks;
  std::vector<ProtocolChoice> protocols;
  std::map<std::string, ColumnChange> columns;  // by "COLUMN", or "TABLE/COLUMN" which goes before
  QuickSizes quick;
};

struct ColumnSpec {
  std::string name;
  std::string stands_for;  // the paper's column; empty where there is none
  std::string task, protocol;
  std::string protocol_note;  // see note_of; filled by the runner, no part of the file
};

struct RowSpec {
  std::string name, encoder;
  bool floor = false;                   // random weights: what counts as not trained
  std::map<std::string, double> paper;  // published numbers by column, percent
};

// Seeds first, first+1, ... of a run.
struct SeedRange {
  std::uint64_t first = 1;
  int count = 2;
  std::uint64_t last() const { return first + static_cast<std::uint64_t>(count) - 1; }
};

// What a reader must know of a protocol beside its name: "5 % of the labels, spread over 3 splits".
// Mostly empty.
std::string note_of(const ProtocolChoice& protocol);

// Those of a cell: the run's, or one a split.
SeedRange seeds_of(const ProtocolChoice& protocol, const SeedRange& run);

// Tables from this number on are ours: what the paper tried and gives no table of.
inline constexpr int kFirstAblation = 100;

struct TableSpec {
  int number = 0;  // 0: a single run, see kFirstAblation too
  std::string title, source, row_title;
  std::vector<ColumnSpec> columns;
  std::vector<RowSpec> rows;
  std::vector<ClaimSpec> claims;
};

// "Table 1: Pixels or ...", "Ablation 104: ...", or the title alone where there is no number.
std::string heading_of(const TableSpec& table);

// $PERMAFROST_SPECS, else share/permafrost/specs beside the program, else bench/specs of the
// source.
std::filesystem::path spec_folder();
std::vector<std::string> suite_names();
std::vector<int> table_numbers();

// Those that the suite is made for.
std::vector<int> table_numbers(const Suite& suite);

// Throw InputError naming `flag` for an unknown name or number, and the file for bad content.
Suite read_suite(const std::string& name, const std::string& flag = "--suite");
TableSpec read_table(int number, const std::string& flag = "tables");  // with its claims
Suite parse_suite(const Json& json, const std::string& where);
TableSpec parse_table(const Json& json, const std::string& where);  // without claims

// Every encoder, task and protocol that the table names is in the suite; throws InputError with the
// nearest name.
void require_fit(const TableSpec& table, const Suite& suite);

// The suite with fewer samples, folds, clips and epochs.
Suite quick_suite(Suite suite);

// The pretraining that a seed of a run looks at.
const EncoderChoice& encoder_for_seed(const Suite& suite, const std::string& name,
                                      std::uint64_t seed);
const EncoderChoice& encoder_of(const Suite& suite, const std::string& name);
const TaskSpec& task_of(const Suite& suite, const std::string& name);
const ProtocolChoice& protocol_of(const Suite& suite, const std::string& name);

// {"name", "kind", ...} with the number of clips that a task gets: what a record shows.
Json to_json(const ProtocolChoice& protocol, const TaskSpec& task);
int clips_of(const ProtocolChoice& protocol, const TaskSpec& task);

}  // namespace permafrost
