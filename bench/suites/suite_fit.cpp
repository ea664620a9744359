// SPDX-License-Identifier: Apache-2.0
#include "bench/suites/suite_fit.h"

#include <algorithm>

#include "common/error.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

const ColumnChange* change_of(const Suite& suite, const TableSpec& table,
                              const std::string& column) {
  for (const auto& name : {std::to_string(table.number) + "/" + column, column})
    if (const auto it = suite.columns.find(name); it != suite.columns.end()) return &it->second;
  return nullptr;
}

using ColumnNames = std::map<std::string, std::string>;  // of columns; none: left out

// False where nothing is left to judge.
bool rename(ClaimSpec& claim, const ColumnNames& names) {
  if (claim.between_columns) {
    for (auto& chain : claim.chains)
      for (auto& column : chain) column = names.at(column);
    std::erase_if(claim.chains, [](const std::vector<std::string>& chain) {
      return std::find(chain.begin(), chain.end(), "") != chain.end();
    });
    return !claim.chains.empty();
  }
  std::vector<std::string> places, narrower;
  for (std::size_t k = 0; k < claim.places.size(); ++k) {
    const std::string& place = names.at(claim.places[k]);
    const std::string other = claim.narrower.empty() ? "-" : names.at(claim.narrower[k]);
    if (place.empty() || other.empty()) continue;
    places.push_back(place);
    if (!claim.narrower.empty()) narrower.push_back(other);
  }
  claim.places = std::move(places);
  claim.narrower = std::move(narrower);
  return !claim.places.empty();
}

std::string resolved(const std::string& path, const fs::path& file) {
  return (fs::absolute(file).parent_path() / path).lexically_normal().string();
}

void set_encoder(Suite& suite, const std::string& name, const Json& json, const fs::path& file,
                 const std::string& where) {
  const auto it = std::find_if(suite.encoders.begin(), suite.encoders.end(),
                               [&](const EncoderChoice& choice) { return choice.name == name; });
  if (it == suite.encoders.end()) {
    std::vector<std::string> names;
    for (const auto& choice : suite.encoders) names.push_back(choice.name);
    throw InputError(where, "", "one of " + joined(names), quoted(name),
                     "nearest: " + quoted(nearest_name(name, names)));
  }
  if (json.is_string()) {
    it->zoo = resolved(json.get<std::string>(), file);
    return;
  }
  JsonObject object(json, where);
  it->zoo = resolved(object.text("file"), file);
  it->reading.spec = object.text("spec", it->reading.spec);
  it->reading.key = object.text("key", it->reading.key);
  object.finish();
}

void set_dataset(Suite& suite, const std::string& name, const std::string& path,
                 const std::string& where) {
  bool found = false;
  for (auto& task : suite.tasks) {
    if (task.dataset != name) continue;
    found = true;
    if (fs::path(path).extension() == ".json")
      task.dataset = path;
    else
      task.dataset_folder = path;
  }
  if (found) return;
  std::vector<std::string> names;
  for (const auto& task : suite.tasks)
    if (!task.dataset.empty()) names.push_back(task.dataset);
  throw InputError(where, "", names.empty() ? "none: the suite has no datasets" : joined(names),
                   quoted(name));
}

}  // namespace

TableSpec fitted_to(TableSpec table, const Suite& suite) {
  ColumnNames names;
  std::vector<ColumnSpec> columns;
  for (auto& column : table.columns) {
    const ColumnChange* change = change_of(suite, table, column.name);
    const std::string before = column.name;
    if (change == nullptr) {
      names[before] = before;
    } else if (change->left_out) {
      names[before] = "";
      continue;
    } else {
      if (!change->name.empty()) column.name = change->name;
      if (!change->task.empty()) column.task = change->task;
      if (!change->protocol.empty()) column.protocol = change->protocol;
      names[before] = column.name;
    }
    columns.push_back(std::move(column));
  }
  table.columns = std::move(columns);
  for (auto& row : table.rows) {
    const std::string own = std::to_string(table.number) + "/" + row.encoder;
    for (const auto& choice : suite.encoders)
      if (choice.name == own) row.encoder = own;
    std::map<std::string, double> paper;
    for (const auto& [column, value] : row.paper)
      if (!names.at(column).empty()) paper[names.at(column)] = value;
    row.paper = std::move(paper);
  }
  std::erase_if(table.claims, [&](ClaimSpec& claim) { return !rename(claim, names); });
  return table;
}

Suite with_paths(Suite suite, const fs::path& file, std::string& data) {
  const Json json = read_json(file.string());
  JsonObject object(json, file.string());
  object.skip("comment");
  const std::string folder = object.text("data", "");
  if (data.empty() && !folder.empty()) data = resolved(folder, file);
  if (const Json* encoders = object.child("encoders"))
    for (const auto& item : encoders->items())
      set_encoder(suite, item.key(), item.value(), file,
                  object.where("encoders") + "/" + item.key());
  if (const Json* datasets = object.child("datasets"))
    for (const auto& item : datasets->items()) {
      const std::string where = object.where("datasets") + "/" + item.key();
      if (!item.value().is_string()) throw InputError(where, "", "a path", item.value().dump());
      set_dataset(suite, item.key(), resolved(item.value().get<std::string>(), file), where);
    }
  object.finish();
  return suite;
}

}  // namespace permafrost
