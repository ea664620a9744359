// SPDX-License-Identifier: Apache-2.0
#pragma once

// The predictions of a record as CSV, one line a sample, in order:
//
//   sample,label,prediction,group           "label" is the column of a class, in a box or not
//   sample,label,prediction,group,scores    for measures that need scores: one a class, by blanks
//
// The columns of another kind of target are written and read here and nowhere else.
#include <filesystem>
#include <string>
#include <vector>

#include "bench/records/record.h"

namespace permafrost {

std::string predictions_csv(const Record& record);

// Of a record whose target, measure and number of classes are known. Boxes are not in the file.
// Throws InputError naming the file and row.
std::vector<Prediction> read_predictions(const std::filesystem::path& path, const Record& record);

}  // namespace permafrost
