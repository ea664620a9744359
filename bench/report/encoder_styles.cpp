// SPDX-License-Identifier: Apache-2.0
#include "bench/report/encoder_styles.h"

#include "bench/report/panel.h"

namespace permafrost {
namespace {

// Filled shapes first. The open diamond stands for the paper, the cross for floors.
constexpr int kMarkers[] = {7, 5, 9, 13, 11, 15, 6, 4, 8, 14, 10};
constexpr int kFloorMarker = 2;

const Record* record_of(const ResultsFolder& folder, const std::vector<CellModel>& row) {
  for (const auto& cell : row)
    if (const auto records = records_of(folder, cell); !records.empty()) return records[0];
  return nullptr;
}

// Weights where a record tells, else what the table calls it.
std::string identity_of(const Record* record, const RowSpec& row) {
  if (record != nullptr) return record->encoder.sha256;
  return row.encoder.empty() ? "row " + row.name : "encoder " + row.encoder;
}

}  // namespace

EncoderStyles::EncoderStyles(const ResultsFolder& folder) : folder_(folder) {
  int trained = 0;
  for (const auto& table : folder.tables) {
    for (std::size_t r = 0; r < table.cells.size(); ++r) {
      const RowSpec& row = table.spec.rows[r];
      const Record* record = record_of(folder, table.cells[r]);
      if (!by_identity_.try_emplace(identity_of(record, row), styles_.size()).second) continue;
      EncoderStyle style{.name = record != nullptr     ? record->encoder.name
                                 : row.encoder.empty() ? row.name
                                                       : row.encoder,
                         .record = record,
                         .floor = row.floor};
      style.floor = style.floor ||
                    (record != nullptr && record->encoder.source.starts_with("random init")) ||
                    row.name.find("(floor)") != std::string::npos;
      style.ink = style.floor ? kFloorInk : kEncoderInk + trained % kEncoderInks;
      style.marker = style.floor ? kFloorMarker : kMarkers[trained % std::ssize(kMarkers)];
      trained += style.floor ? 0 : 1;
      styles_.push_back(std::move(style));
    }
  }
}

const EncoderStyle& EncoderStyles::of(const TableModel& table, std::size_t row) const {
  return styles_[by_identity_.at(
      identity_of(record_of(folder_, table.cells[row]), table.spec.rows[row]))];
}

const EncoderStyle& EncoderStyles::of(const Record& record) const {
  const auto found = by_identity_.find(record.encoder.sha256);
  return styles_[found == by_identity_.end() ? 0 : found->second];
}

}  // namespace permafrost
