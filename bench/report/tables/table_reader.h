// SPDX-License-Identifier: Apache-2.0
#pragma once

// tableN.json read back into the model that it was written from.
//
//   const TableModel table = read_table_json(read_json("out/table1.json"), "out/table1.json");
#include <string>

#include "bench/report/tables/table_report.h"
#include "common/json/json_object.h"

namespace permafrost {

// What the file does not hold stays empty: claims of the specification, whether a finding's p
// speaks for it. Keys that are not known are passed over, so that a newer file can be read. Throws
// InputError naming `where` for another schema, missing fields, numbers out of range, cells that
// are not rows x columns, and record keys that are not 64 hexadecimal digits.
TableModel read_table_json(const Json& json, const std::string& where);

}  // namespace permafrost
