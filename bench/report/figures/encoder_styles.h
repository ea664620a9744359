// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every encoder of a folder with one colour and marker in all figures and tables.
#include <map>
#include <string>
#include <vector>

#include "bench/report/results/results_folder.h"

namespace permafrost {

struct EncoderStyle {
  std::string name;  // as records call it; else the row's encoder or name
  // One a pretraining that was measured, in order of first use; none without records.
  std::vector<const Record*> records;
  bool floor = false;
  int ink = 0, marker = 0;  // see panel.h
};

// The marker of the n-th line that is no floor, counted from 0; they come round again.
int trained_marker(int n);

class EncoderStyles {
 public:
  // In order of the tables' rows. Pretrainings that share a row share a style.
  explicit EncoderStyles(const ResultsFolder& folder);

  const EncoderStyle& of(const TableModel& table, std::size_t row) const;
  const EncoderStyle& of(const Record& record) const;  // of a table's cell
  const std::vector<EncoderStyle>& all() const { return styles_; }

 private:
  const ResultsFolder& folder_;
  std::vector<EncoderStyle> styles_;
  std::map<std::string, std::size_t> by_identity_;
};

}  // namespace permafrost
