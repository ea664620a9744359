// SPDX-License-Identifier: Apache-2.0
#include "bench/suites/claim_spec.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "bench/suites/table_spec.h"
#include "common/error.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

using Names = std::vector<std::string>;

void require_known(const Names& names, const Names& known, const std::string& where,
                   const std::string& field) {
  for (const auto& name : names)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw InputError(where, field, "one of " + joined(known), quoted(name),
                       known.empty() ? "" : "nearest: " + quoted(nearest_name(name, known)));
}

Names text_or_texts(JsonObject& object, const std::string& key) {
  const Json* json = object.child(key);
  if (json != nullptr && json->is_array()) return object.texts(key);
  return {object.text(key)};
}

// [["a", "b"], ["c", "d"]]
std::vector<Names> read_pairs(JsonObject& object) {
  const Json* json = object.child("pairs");
  const std::string where = object.where("pairs");
  if (json == nullptr || !json->is_array() || json->empty())
    throw InputError(where, "", "an array of pairs", json == nullptr ? "no such key" : "other");
  std::vector<Names> pairs;
  for (const auto& pair : *json) {
    const bool texts =
        pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string();
    if (!texts) throw InputError(where, "", "pairs of two names", pair.dump());
    pairs.push_back(pair.get<Names>());
  }
  return pairs;
}

std::vector<Names> read_chains(JsonObject& object, const ClaimSpec& claim) {
  if (claim.kind == ClaimKind::order) return {object.texts("order")};
  if (claim.between_columns) return read_pairs(object);
  const std::string better = object.text("better");
  std::vector<Names> chains;
  for (const auto& worse : text_or_texts(object, "worse")) chains.push_back({better, worse});
  return chains;
}

void read_places(JsonObject& object, ClaimSpec& claim) {
  if (claim.kind != ClaimKind::difference_of_gaps) {
    claim.places = object.texts(claim.between_columns ? "rows" : "columns");
    return;
  }
  for (const auto& pair : read_pairs(object)) {
    claim.places.push_back(pair[0]);
    claim.narrower.push_back(pair[1]);
  }
}

void require_whole(const ClaimSpec& claim, const std::string& where) {
  if (claim.places.empty()) throw InputError(where, "", "at least one place to judge", "none");
  for (const auto& chain : claim.chains) {
    if (chain.size() < 2) throw InputError(where, "", "at least two names to compare", "fewer");
    for (std::size_t i = 0; i < chain.size(); ++i)
      if (std::find(chain.begin(), chain.begin() + static_cast<std::ptrdiff_t>(i), chain[i]) !=
          chain.begin() + static_cast<std::ptrdiff_t>(i))
        throw InputError(where, "", "distinct names to compare", quoted(chain[i]) + " twice");
  }
}

ClaimKind read_kind(JsonObject& object) {
  const std::string name =
      object.choice("kind", {"greater", "equivalent", "not_worse", "order", "difference_of_gaps"});
  for (const auto kind : {ClaimKind::equivalent, ClaimKind::not_worse, ClaimKind::order,
                          ClaimKind::difference_of_gaps})
    if (name == name_of(kind)) return kind;
  return ClaimKind::greater;
}

}  // namespace

const char* name_of(ClaimKind kind) {
  switch (kind) {
    case ClaimKind::equivalent:
      return "equivalent";
    case ClaimKind::not_worse:
      return "not_worse";
    case ClaimKind::order:
      return "order";
    case ClaimKind::difference_of_gaps:
      return "difference_of_gaps";
    default:
      return "greater";
  }
}

bool has_margin(ClaimKind kind) {
  return kind == ClaimKind::equivalent || kind == ClaimKind::not_worse;
}

std::string between_of(ClaimKind kind) {
  if (kind == ClaimKind::equivalent) return " ~ ";
  return kind == ClaimKind::not_worse ? " ≥ " : " > ";
}

std::string subject_of(const ClaimSpec& claim, const Names& chain) {
  std::string text;
  for (const auto& name : chain) text += (text.empty() ? "" : between_of(claim.kind)) + name;
  return text;
}

ClaimSpec parse_claim(const Json& json, const TableSpec& table, const std::string& where) {
  JsonObject object(json, where);
  ClaimSpec claim;
  claim.id = object.text("claim");
  claim.table = static_cast<int>(object.integer("table", {}, 1, 999));
  if (claim.table != table.number)
    throw InputError(where, "table", std::to_string(table.number), std::to_string(claim.table));
  claim.text = object.text("text");
  claim.kind = read_kind(object);
  claim.control = object.boolean("control", false);
  if (!claim.control) {
    claim.says = object.text("says");
    claim.where = object.text("where");
  }
  const bool may_choose = claim.kind == ClaimKind::greater || has_margin(claim.kind);
  if (may_choose)
    claim.between_columns = object.choice("between", {"rows", "columns"}, "rows") == "columns";
  claim.chains = read_chains(object, claim);
  read_places(object, claim);
  if (has_margin(claim.kind)) {
    claim.margin = object.number("margin", {}, 0, 100);
    claim.why_margin = object.text("why_margin");
  }
  object.finish();
  require_whole(claim, where);

  Names rows, columns;
  for (const auto& row : table.rows) rows.push_back(row.name);
  for (const auto& column : table.columns) columns.push_back(column.name);
  for (const auto& chain : claim.chains)
    require_known(chain, claim.between_columns ? columns : rows, where,
                  claim.between_columns ? "column" : "row");
  for (const auto& places : {claim.places, claim.narrower})
    require_known(places, claim.between_columns ? rows : columns, where,
                  claim.between_columns ? "row" : "column");
  return claim;
}

fs::path claim_folder() {
  if (const char* set = std::getenv("PERMAFROST_CLAIMS")) return set;
  return spec_folder().parent_path() / "claims";
}

std::vector<ClaimSpec> read_claims(const TableSpec& table) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (auto it = fs::directory_iterator(claim_folder(), ignored); it != fs::directory_iterator();
       it.increment(ignored))
    if (it->path().extension() == ".json") files.push_back(it->path());
  std::sort(files.begin(), files.end());
  std::vector<ClaimSpec> claims;
  for (const auto& file : files) {
    const Json json = read_json(file);
    // Claims of other tables are read, and checked, with those.
    const auto number = json.is_object() ? json.find("table") : json.end();
    if (json.is_object() && number != json.end() && number->is_number_integer() &&
        *number != table.number)
      continue;
    claims.push_back(parse_claim(json, table, file.string()));
    if (claims.back().id != file.stem())
      throw InputError(file.string(), "claim", quoted(file.stem()), quoted(claims.back().id));
  }
  // Controls last: they are about the table, not about the paper.
  std::stable_partition(claims.begin(), claims.end(),
                        [](const ClaimSpec& claim) { return !claim.control; });
  return claims;
}

}  // namespace permafrost
