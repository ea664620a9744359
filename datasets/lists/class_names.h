// SPDX-License-Identifier: Apache-2.0
#pragma once

// The names of the classes in order of their index, from the label files that datasets come with.
//
//   kinetics_400_labels.csv   id,name with a header, or without
//   labels.json               {"Holding something": "41", ...} (Something-Something) or the reverse
//   Diving48_vocab.json       a list of names, or of lists of words that make a name
//   jester-v1-labels.csv      one name a line
//   categoryIndex.csv         "/a/abbey 0"
#include <filesystem>
#include <string>
#include <vector>

namespace permafrost {

// Throws InputError for a name that comes twice, and for indices that are not 0 to n-1, each once
// (a list that counts from 1 is no label file for labels that count from 0).
std::vector<std::string> read_class_names(const std::filesystem::path& path);
// The same for text that comes from `path`, whose ending tells JSON from lines.
std::vector<std::string> parse_class_names(const std::string& text,
                                           const std::filesystem::path& path);

// For people: the name of a class, or its number where it has none.
std::string class_name_of(const std::vector<std::string>& names, int label);

}  // namespace permafrost
