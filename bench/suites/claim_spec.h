// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the paper states, as tests over the cells of a table, written down before the runs: one JSON
// file a claim under bench/claims/.
//
//   for (const ClaimSpec& claim : read_claims(table)) ...
#include <filesystem>
#include <string>
#include <vector>

#include "common/json/json_object.h"

namespace permafrost {

enum class ClaimKind {
  greater,            // better - worse > 0
  equivalent,         // |better - worse| < margin
  not_worse,          // better - worse > -margin
  order,              // every step of a list, best first, is greater
  difference_of_gaps  // (better - worse) in one column > (better - worse) in another
};
const char* name_of(ClaimKind kind);
bool has_margin(ClaimKind kind);

struct ClaimSpec {
  std::string id;  // "table1.features-lead-pixels-frozen"; as its file is called
  int table = 0;
  std::string text;   // short, for the table
  std::string says;   // the paper's sentence in our words; empty for a control
  std::string where;  // section and table of the paper
  ClaimKind kind = ClaimKind::greater;
  // Ours, not the paper's: what must hold before a claim means anything. A family of its own when
  // p-values are adjusted.
  bool control = false;
  bool between_columns = false;  // chains name columns and places rows, instead of the reverse
  std::vector<std::vector<std::string>> chains;  // rows, best first; two of them but for an order
  std::vector<std::string> places;               // columns; each is judged
  std::vector<std::string> narrower;             // difference_of_gaps: place by place
  double margin = 0;                             // equivalent, not_worse: points
  std::string why_margin;
};

// What stands between two names of a chain: " ~ " for equivalent, " ≥ " for not_worse, else " > ".
std::string between_of(ClaimKind kind);
// What a chain is called: "a > b > c".
std::string subject_of(const ClaimSpec& claim, const std::vector<std::string>& chain);

struct TableSpec;

// Strict; throws InputError naming the file. Row and column names are those of `table`, whose
// number the claim must have.
ClaimSpec parse_claim(const Json& json, const TableSpec& table, const std::string& where);

// $PERMAFROST_CLAIMS, else "claims" beside the folder of specifications.
std::filesystem::path claim_folder();

// The claims of that table, in order of file name; none where there is no folder. Throws as
// parse_claim, and for an id that is not the name of its file.
std::vector<ClaimSpec> read_claims(const TableSpec& table);

}  // namespace permafrost
