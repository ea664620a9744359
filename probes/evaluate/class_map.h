// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which class of a task is class k of a head? By name where both have names, by number elsewhere.
#include <string>
#include <vector>

namespace permafrost {

struct ClassMap {
  std::vector<int> task_class;  // [classes of the head]
  bool by_name = false;
  bool moves() const;  // some class has another number in the task than in the head
};

// Names are compared in lower case with every run of other characters than letters and digits as
// one space: "Riding_bike" is "riding bike". Throws InputError naming `where` (the head): listing
// the names that one side lacks, names that come twice, or, where a side has no names, for numbers
// of classes that are not equal.
ClassMap match_classes(const std::vector<std::string>& head_names, int head_classes,
                       const std::vector<std::string>& task_names, int task_classes,
                       const std::string& where);

}  // namespace permafrost
