// SPDX-License-Identifier: Apache-2.0
#pragma once

// The parts of the page, as HTML; page.cpp puts them together.
//
// Anchors: "table-0" (tables in the folder's order), "table-0-row-1-column-2" (the records of a
// cell), "table-0-verdict-3" (a finding), "record-KEY" (a record in full).
#include <string>

#include "bench/report/figures/encoder_styles.h"
#include "bench/report/results/results_folder.h"

namespace permafrost {

// "Table 1", or the title where a table has no number.
std::string short_name(const TableSpec& table);

std::string table_anchor(std::size_t table);
std::string cell_anchor(std::size_t table, std::size_t row, std::size_t column);
std::string finding_anchor(std::size_t table, std::size_t finding);
std::string record_anchor(const std::string& key);

// "✓ supported" with the class that gives it its colours.
std::string verdict_badge(Verdict verdict);

// What the folder answers, a line a claim of the paper; above it a warning where the run was a
// quick one, and what the folder lacks.
std::string answers_section(const ResultsFolder& folder);

// What was measured: suite, versions, device, dates, encoders, tasks, hashes.
std::string measured_section(const ResultsFolder& folder, const EncoderStyles& styles);

// The verdicts of all tables on a line a claim, each a link to its place.
std::string verdicts_section(const ResultsFolder& folder);

// Values with their intervals and published numbers, verdicts, ranks and notes; `figures` is put
// between values and verdicts. Links to files begin with `prefix`: where the folder is as seen from
// the page, empty or ending with '/'.
std::string table_section(const ResultsFolder& folder, std::size_t table,
                          const EncoderStyles& styles, const std::string& figures,
                          const std::string& prefix);

// The records of every cell, and every record in full.
std::string records_section(const ResultsFolder& folder, const std::string& prefix);

// A table that scrolls inside its own box.
std::string scrolling_table(const std::string& label, const std::string& css_class,
                            const std::string& caption, const std::string& head,
                            const std::string& body);
std::string column_header(const std::string& content, bool number = false);

}  // namespace permafrost
