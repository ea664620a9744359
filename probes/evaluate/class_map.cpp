// SPDX-License-Identifier: Apache-2.0
#include "probes/evaluate/class_map.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>

#include "common/error.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace {

std::string plain(const std::string& name) {
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool counts = std::isalnum(byte) != 0 || byte >= 0x80;
    if (counts)
      text += static_cast<char>(std::tolower(byte));
    else if (!text.empty() && text.back() != ' ')
      text += ' ';
  }
  if (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::map<std::string, int> numbered(const std::vector<std::string>& names, const char* whose,
                                    const std::string& where) {
  std::map<std::string, int> numbers;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto [it, fresh] = numbers.emplace(plain(names[i]), static_cast<int>(i));
    if (!fresh)
      throw InputError(
          where, std::string("class names of the ") + whose, "each once",
          quoted(names[static_cast<std::size_t>(it->second)]) + " and " + quoted(names[i]));
  }
  return numbers;
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 8;
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(kShown, names.size()); ++i)
    shown.push_back(quoted(names[i]));
  return joined(shown) +
         (names.size() > kShown ? " and " + std::to_string(names.size() - kShown) + " more" : "");
}

std::vector<std::string> lacking(const std::vector<std::string>& names,
                                 const std::map<std::string, int>& other) {
  std::vector<std::string> absent;
  for (const auto& name : names)
    if (other.count(plain(name)) == 0) absent.push_back(name);
  return absent;
}

}  // namespace

bool ClassMap::moves() const {
  for (std::size_t k = 0; k < task_class.size(); ++k)
    if (task_class[k] != static_cast<int>(k)) return true;
  return false;
}

ClassMap match_classes(const std::vector<std::string>& head_names, int head_classes,
                       const std::vector<std::string>& task_names, int task_classes,
                       const std::string& where) {
  ClassMap map;
  map.task_class.resize(static_cast<std::size_t>(head_classes));
  std::iota(map.task_class.begin(), map.task_class.end(), 0);
  if (head_names.empty() || task_names.empty()) {
    if (head_classes != task_classes)
      throw InputError(where, "classes", std::to_string(task_classes) + ", those of the task",
                       std::to_string(head_classes),
                       "where labels are only numbers, the task's JSON can name its classes "
                       "(class_names)");
    return map;
  }
  const auto in_head = numbered(head_names, "head", where);
  const auto in_task = numbered(task_names, "task", where);
  const auto not_in_task = lacking(head_names, in_task), not_in_head = lacking(task_names, in_head);
  if (!not_in_task.empty() || !not_in_head.empty()) {
    std::string found;
    if (!not_in_task.empty()) found = "not in the task: " + listed(not_in_task);
    if (!not_in_head.empty())
      found += (found.empty() ? "" : "; ") + ("not in the head: " + listed(not_in_head));
    throw InputError(where, "class names", "the same in head and task", found);
  }
  map.by_name = true;
  for (const auto& [name, k] : in_head)
    map.task_class[static_cast<std::size_t>(k)] = in_task.at(name);
  return map;
}

}  // namespace permafrost
