// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/encoder_styles.h"

#include <algorithm>

#include "bench/report/figures/panel.h"

namespace permafrost {
namespace {

// Filled shapes first. The open diamond stands for the paper, the cross for floors.
constexpr int kMarkers[] = {7, 5, 9, 13, 11, 15, 6, 4, 8, 14, 10};
constexpr int kFloorMarker = 2;

// One a pretraining.
std::vector<const Record*> encoders_of(const ResultsFolder& folder,
                                       const std::vector<CellModel>& row) {
  std::vector<const Record*> encoders;
  for (const auto& cell : row)
    for (const Record* record : records_of(folder, cell))
      if (std::none_of(encoders.begin(), encoders.end(), [&](const Record* known) {
            return known->encoder.sha256 == record->encoder.sha256;
          }))
        encoders.push_back(record);
  return encoders;
}

// Where no record tells the weights: what the table calls the encoder.
std::string identity_of(const RowSpec& row) {
  return row.encoder.empty() ? "row " + row.name : "encoder " + row.encoder;
}

std::vector<std::string> identities_of(const std::vector<const Record*>& encoders,
                                       const RowSpec& row) {
  if (encoders.empty()) return {identity_of(row)};
  std::vector<std::string> identities;
  for (const Record* record : encoders) identities.push_back(record->encoder.sha256);
  return identities;
}

bool is_floor(const RowSpec& row, const std::vector<const Record*>& encoders) {
  return row.floor || row.name.find("(floor)") != std::string::npos ||
         (!encoders.empty() && encoders[0]->encoder.source.starts_with("random init"));
}

}  // namespace

int trained_marker(int n) { return kMarkers[n % std::ssize(kMarkers)]; }

EncoderStyles::EncoderStyles(const ResultsFolder& folder) : folder_(folder) {
  int trained = 0;
  for (const auto& table : folder.tables) {
    for (std::size_t r = 0; r < table.cells.size(); ++r) {
      const RowSpec& row = table.spec.rows[r];
      const auto encoders = encoders_of(folder, table.cells[r]);
      const auto identities = identities_of(encoders, row);
      auto known = std::find_if(identities.begin(), identities.end(), [&](const auto& identity) {
        return by_identity_.count(identity) > 0;
      });
      std::size_t place = styles_.size();
      if (known != identities.end()) {
        place = by_identity_.at(*known);
      } else {
        EncoderStyle style{.name = !encoders.empty()     ? encoders[0]->encoder.name
                                   : row.encoder.empty() ? row.name
                                                         : row.encoder,
                           .floor = is_floor(row, encoders)};
        style.ink = style.floor ? kFloorInk : kEncoderInk + trained % kEncoderInks;
        style.marker = style.floor ? kFloorMarker : trained_marker(trained);
        trained += style.floor ? 0 : 1;
        styles_.push_back(std::move(style));
      }
      for (std::size_t k = 0; k < identities.size(); ++k)
        if (by_identity_.try_emplace(identities[k], place).second && !encoders.empty())
          styles_[place].records.push_back(encoders[k]);
    }
  }
}

const EncoderStyle& EncoderStyles::of(const TableModel& table, std::size_t row) const {
  const auto encoders = encoders_of(folder_, table.cells[row]);
  return styles_[by_identity_.at(identities_of(encoders, table.spec.rows[row])[0])];
}

const EncoderStyle& EncoderStyles::of(const Record& record) const {
  const auto found = by_identity_.find(record.encoder.sha256);
  return styles_[found == by_identity_.end() ? 0 : found->second];
}

}  // namespace permafrost
