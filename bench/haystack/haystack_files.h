// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a haystack leaves: haystack.json (everything), haystack.csv (every cell of the grids) and
// table111.md and table111.csv (means over depths, costs).
#include <string>
#include <vector>

#include "bench/haystack/haystack_run.h"
#include "common/json/json_object.h"

namespace permafrost {

// One run of `permafrost features --window --json`.
struct LengthCost {
  std::string encoder, window, pool;
  std::int64_t frames = 0, tokens = 0;  // tokens that are kept
  double seconds = 0, core_seconds = 0, peak_bytes = 0;
};
// A file of such lines. Throws InputError naming file and line.
std::vector<LengthCost> read_costs(const std::string& path);
// Core seconds over frames on double logarithmic axes, of the runs with one window and pooling; by
// the two longest. 0 for fewer than two.
double cost_slope(const std::vector<LengthCost>& costs);
// The costs by encoder, window and pooling, ascending in frames.
std::vector<std::vector<LengthCost>> grouped(const std::vector<LengthCost>& costs);

struct HaystackDocument {
  HaystackSpec spec;
  std::vector<HaystackResult> results;
  std::vector<LengthCost> costs;
};

Json to_json(const HaystackDocument& document);
std::string haystack_csv(const HaystackDocument& document);
std::string haystack_table(const HaystackDocument& document);
std::string haystack_table_csv(const HaystackDocument& document);

// "10M", "100k", "1,008".
std::string tokens_text(std::int64_t tokens);

// The recall that the Gemini 1.5 report prints for its video haystack, percent, where it has one: a
// word on one frame of a film, which a language model is asked for. Another task than any here.
inline constexpr double kReportedRecall = 100;
inline constexpr std::int64_t kReportedFrom = 19'000, kReportedTo = 9'900'000;  // tokens

}  // namespace permafrost
