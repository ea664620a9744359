// SPDX-License-Identifier: Apache-2.0
#pragma once

// A record as JSON. Schema permafrost.record.2 is written; of permafrost.record.1, which names a
// "metric" and no target, records are still read.
#include <optional>
#include <string>
#include <vector>

#include "bench/records/record.h"
#include "common/json/json_object.h"

namespace permafrost {

inline constexpr const char* kRecordSchema = "permafrost.record.2";
inline constexpr const char* kRecordSchemaBefore = "permafrost.record.1";

OrderedJson to_json(const Record& record);

// All but the key and what follows from predictions (value, ci95, n, n_failed, coverage), which
// stay unread. Throws InputError naming `where`, the file, and the field, for another schema, a
// measure that is not there, and whatever else is missing or no such value.
Record read_record_fields(JsonObject& object, const std::string& where);
// The array "used_by" alone.
std::vector<CellUse> read_uses(const Json* json, const std::string& where);

// {"train", "test", "released_train", "released_test"}
OrderedJson to_json(const ListedSamples& listed);
// The key "samples" of `parent`, if it has one. Throws InputError.
std::optional<ListedSamples> read_listed(JsonObject& parent);

}  // namespace permafrost
