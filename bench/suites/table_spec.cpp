// SPDX-License-Identifier: Apache-2.0
#include "bench/suites/table_spec.h"

#include <algorithm>

#include "common/error.h"
#include "common/files/shared_folder.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

template <typename T>
std::vector<std::string> names_of(const std::vector<T>& things) {
  std::vector<std::string> names;
  for (const auto& thing : things) names.push_back(thing.name);
  return names;
}

// The thing of that name; throws InputError with the nearest one.
template <typename T>
const T& find_named(const std::vector<T>& things, const std::string& name, const std::string& where,
                    const std::string& field) {
  for (const auto& thing : things)
    if (thing.name == name) return thing;
  const auto names = names_of(things);
  throw InputError(where, field, "one of " + joined(names), quoted(name),
                   names.empty() ? "" : "nearest: " + quoted(nearest_name(name, names)));
}

template <typename T>
void require_distinct(const std::vector<T>& things, const std::string& where,
                      const std::string& field) {
  if (things.empty()) throw InputError(where, field, "at least one", "none");
  auto names = names_of(things);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    throw InputError(where, field, "distinct names", quoted(*twice) + " twice");
}

const Json& array_at(JsonObject& object, const std::string& key) {
  const Json* json = object.child(key);
  if (json == nullptr || !json->is_array())
    throw InputError(object.where(key), "", "an array", json == nullptr ? "no such key" : "other");
  return *json;
}

const Json& object_at(JsonObject& object, const std::string& key) {
  const Json* json = object.child(key);
  if (json == nullptr || !json->is_object())
    throw InputError(object.where(key), "", "an object", json == nullptr ? "no such key" : "other");
  return *json;
}

// Which key says how an encoder is made: where none of them is there, one may be misspelt.
void refuse_misspelt_way(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  for (const char* way : {"denoiser", "obtain", "pixels", "random"}) {
    if (object.has(way)) return;
    object.skip(way);
  }
  object.finish();
}

EncoderChoice parse_encoder(const std::string& name, const Json& json, const std::string& where) {
  EncoderChoice choice{.name = name};
  if (json.is_string()) {
    choice.zoo = json.get<std::string>();
    if (choice.zoo.empty()) throw InputError(where, "", "a zoo name", "an empty text");
    return choice;
  }
  refuse_misspelt_way(json, where);
  JsonObject object(json, where);
  if (object.has("obtain")) {
    choice.named_later = true;
    choice.obtain = object.text("obtain");
    choice.reading.spec = object.text("spec", "");
    choice.reading.key = object.text("key", "");
    if (const Json* expected = object.child("expected")) choice.expected = *expected;
    object.finish();
    return choice;
  }
  if (object.has("denoiser")) {
    choice.denoiser = object.text("denoiser");
    choice.frozen.tau = object.number("time", {}, 0, 1);
    choice.frozen.blocks = static_cast<int>(object.integer("blocks", 0, 1, 256));
    choice.frozen.noised = object.boolean("noised", false);
    object.finish();
    return choice;
  }
  choice.pixels = object.has("pixels");
  const std::string kind = choice.pixels ? "pixels" : "random";
  const Json& made = object_at(object, kind);
  object.finish();
  JsonObject inner(made, where + "/" + kind);
  if (choice.pixels)
    choice.one_frame = inner.boolean("one_frame", false);
  else
    choice.seed = static_cast<std::uint64_t>(inner.integer("seed", 1, 0));
  choice.like = inner.text("like", "");
  if (const Json* spec = inner.child("spec")) choice.spec = *spec;
  inner.finish();
  if (choice.like.empty() == choice.spec.is_null())
    throw InputError(where + "/" + kind, "", "either like or spec",
                     choice.like.empty() ? "none" : "both");
  return choice;
}

// One encoder, or a list: the same one pretrained, or drawn at random, with several seeds. The
// first has the name.
std::vector<EncoderChoice> parse_encoders(const std::string& name, const Json& json,
                                          const std::string& where) {
  if (!json.is_array()) return {parse_encoder(name, json, where)};
  if (json.empty()) throw InputError(where, "", "at least one encoder", "an empty list");
  std::vector<EncoderChoice> choices;
  for (std::size_t i = 0; i < json.size(); ++i) {
    EncoderChoice choice = parse_encoder(name, json[i], where + "/" + std::to_string(i));
    if (i > 0)
      choice.name += choice.made_here() ? " (weights " + std::to_string(i + 1) + ")"
                                        : " (pretraining " + std::to_string(i + 1) + ")";
    choices.push_back(std::move(choice));
  }
  for (const auto& choice : choices) choices[0].pretrainings.push_back(choice.name);
  return choices;
}

ProtocolChoice parse_protocol(const std::string& name, Json json, const std::string& where) {
  if (!json.is_object()) throw InputError(where, "", "an object", "other");
  ProtocolChoice choice{.name = name};
  {
    JsonObject object(json, where);
    choice.is_finetune = object.choice("kind", {"probe", "finetune"}, "probe") == "finetune";
    choice.splits = static_cast<int>(object.integer("splits", 0, 1, 1000));
  }
  json.erase("kind");
  json.erase("splits");
  choice.clips_given = json.contains("clips");
  if (choice.is_finetune)
    choice.finetune = read_finetune_protocol(json, where);
  else
    choice.probe = read_probe_protocol(json, where);
  if (choice.splits > 0 && (choice.is_finetune || !(choice.probe.label_fraction < 1)))
    throw InputError(where, "splits", "a probe with a label_fraction below 1",
                     choice.is_finetune ? "fine-tuning" : "all labels");
  return choice;
}

// null leaves the column out.
ColumnChange parse_change(const Json& json, const std::string& where) {
  ColumnChange change;
  if (json.is_null()) {
    change.left_out = true;
    return change;
  }
  JsonObject object(json, where);
  change.name = object.text("name", "");
  change.task = object.text("task", "");
  change.protocol = object.text("protocol", "");
  object.finish();
  return change;
}

QuickSizes parse_quick(const Json* json, const std::string& where) {
  QuickSizes quick;
  if (json == nullptr) return quick;
  JsonObject object(*json, where);
  quick.train = object.integer("train", quick.train, 2);
  quick.test = object.integer("test", quick.test, 1);
  quick.folds = static_cast<int>(object.integer("folds", quick.folds, 2, 1000));
  quick.clips = static_cast<int>(object.integer("clips", quick.clips, 1, 64));
  quick.epochs = static_cast<int>(object.integer("epochs", quick.epochs, 1, 100000));
  quick.finetune_epochs =
      static_cast<int>(object.integer("finetune_epochs", quick.finetune_epochs, 1, 100000));
  object.finish();
  return quick;
}

ColumnSpec parse_column(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  ColumnSpec column;
  column.name = object.text("name");
  const Json* stands_for = object.child("stands_for");
  if (stands_for != nullptr && !stands_for->is_null())
    column.stands_for = object.text("stands_for");
  column.task = object.text("task", column.name);
  column.protocol = object.text("protocol");
  object.finish();
  return column;
}

RowSpec parse_row(const Json& json, const std::vector<ColumnSpec>& columns,
                  const std::string& where) {
  JsonObject object(json, where);
  RowSpec row;
  row.name = object.text("name");
  row.encoder = object.text("encoder");
  row.floor = object.boolean("floor", false);
  if (const Json* paper = object.child("paper")) {
    JsonObject numbers(*paper, object.where("paper"));
    for (const auto& item : paper->items()) {
      find_named(columns, item.key(), object.where("paper"), "column");
      row.paper[item.key()] = numbers.number(item.key(), {}, 0, 100);
    }
  }
  object.finish();
  return row;
}

}  // namespace

std::string heading_of(const TableSpec& table) {
  if (table.number == 0) return table.title;
  if (table.number >= kFirstAblation)
    return "Ablation " + std::to_string(table.number) + ": " + table.title;
  return "Table " + std::to_string(table.number) + ": " + table.title;
}

fs::path spec_folder() {
  return shared_folder("PERMAFROST_SPECS", "specs",
                       fs::path(PERMAFROST_SOURCE_DIR) / "bench/specs");
}

std::vector<std::string> suite_names() {
  std::vector<std::string> names;
  std::error_code ignored;
  for (auto it = fs::directory_iterator(spec_folder() / "suites", ignored);
       it != fs::directory_iterator(); it.increment(ignored))
    if (it->path().extension() == ".json") names.push_back(it->path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<int> table_numbers() {
  std::vector<int> numbers;
  std::error_code ignored;
  for (auto it = fs::directory_iterator(spec_folder() / "tables", ignored);
       it != fs::directory_iterator(); it.increment(ignored)) {
    const std::string stem = it->path().stem().string();
    if (it->path().extension() == ".json" && stem.rfind("table", 0) == 0 && stem.size() > 5 &&
        stem.size() < 9 && stem.find_first_not_of("0123456789", 5) == std::string::npos)
      numbers.push_back(std::stoi(stem.substr(5)));
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::vector<int> table_numbers(const Suite& suite) {
  return suite.tables.empty() ? table_numbers() : suite.tables;
}

Suite read_suite(const std::string& name, const std::string& flag) {
  const auto names = suite_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    if (names.empty())
      throw InputError(flag, "", "a suite in " + (spec_folder() / "suites").string(), quoted(name));
    throw InputError(flag, "", "one of " + joined(names), quoted(name),
                     names.size() > 1 ? "nearest: " + quoted(nearest_name(name, names)) : "");
  }
  const std::string path = (spec_folder() / "suites" / (name + ".json")).string();
  Suite suite = parse_suite(read_json(path), path);
  if (suite.name != name) throw InputError(path, "suite", quoted(name), quoted(suite.name));
  return suite;
}

TableSpec read_table(int number, const std::string& flag) {
  const auto numbers = table_numbers();
  if (std::find(numbers.begin(), numbers.end(), number) == numbers.end()) {
    std::vector<std::string> texts;
    for (const int known : numbers) texts.push_back(std::to_string(known));
    throw InputError(flag, "", "one of " + joined(texts), std::to_string(number));
  }
  const std::string path =
      (spec_folder() / "tables" / ("table" + std::to_string(number) + ".json")).string();
  TableSpec table = parse_table(read_json(path), path);
  if (table.number != number)
    throw InputError(path, "table", std::to_string(number), std::to_string(table.number));
  table.claims = read_claims(table);
  return table;
}

Suite parse_suite(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  Suite suite;
  object.skip("comment");
  suite.name = object.text("suite");
  suite.title = object.text("title", suite.name);
  suite.seeds = static_cast<int>(object.integer("seeds", suite.seeds, 1, 1000));
  for (const auto number : object.integers("tables", std::vector<std::int64_t>{}))
    suite.tables.push_back(static_cast<int>(number));
  for (const auto& item : object_at(object, "encoders").items())
    for (auto& choice :
         parse_encoders(item.key(), item.value(), object.where("encoders") + "/" + item.key()))
      suite.encoders.push_back(std::move(choice));
  const Json& tasks = array_at(object, "tasks");
  for (std::size_t i = 0; i < tasks.size(); ++i)
    suite.tasks.push_back(
        read_task_spec(tasks[i], object.where("tasks") + "/" + std::to_string(i)));
  for (const auto& item : object_at(object, "protocols").items())
    suite.protocols.push_back(
        parse_protocol(item.key(), item.value(), object.where("protocols") + "/" + item.key()));
  if (const Json* columns = object.child("columns"))
    for (const auto& item : columns->items())
      suite.columns[item.key()] =
          parse_change(item.value(), object.where("columns") + "/" + item.key());
  suite.quick = parse_quick(object.child("quick"), object.where("quick"));
  object.finish();
  require_distinct(suite.encoders, where, "encoders");
  require_distinct(suite.tasks, where, "tasks");
  require_distinct(suite.protocols, where, "protocols");
  return suite;
}

TableSpec parse_table(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  TableSpec table;
  object.skip("comment");
  table.number = static_cast<int>(object.integer("table", {}, 1, 999));
  table.title = object.text("title");
  table.source = object.text("source");
  table.row_title = object.text("row_title", "encoder");
  const auto each = [&](const std::string& key, const auto& body) {
    const Json& list = array_at(object, key);
    for (std::size_t i = 0; i < list.size(); ++i)
      body(list[i], object.where(key) + "/" + std::to_string(i));
  };
  each("columns", [&](const Json& item, const std::string& at) {
    table.columns.push_back(parse_column(item, at));
  });
  require_distinct(table.columns, where, "columns");
  each("rows", [&](const Json& item, const std::string& at) {
    table.rows.push_back(parse_row(item, table.columns, at));
  });
  require_distinct(table.rows, where, "rows");
  object.finish();
  return table;
}

void require_fit(const TableSpec& table, const Suite& suite) {
  const std::string where = "table " + std::to_string(table.number) + " in suite " + suite.name;
  for (const auto& row : table.rows)
    find_named(suite.encoders, row.encoder, where, "encoder of row " + quoted(row.name));
  for (const auto& column : table.columns) {
    const auto& task =
        find_named(suite.tasks, column.task, where, "task of column " + quoted(column.name));
    const auto& protocol = find_named(suite.protocols, column.protocol, where,
                                      "protocol of column " + quoted(column.name));
    // Its clips are averaged, those of a task are attended together.
    if (protocol.is_finetune && task.clips != 1 && protocol.finetune.clips == 1)
      throw InputError(where, "column " + quoted(column.name),
                       "a task of 1 clip a sample for fine-tuning, or \"clips\" in its protocol",
                       std::to_string(task.clips));
  }
}

Suite quick_suite(Suite suite) {
  const QuickSizes& quick = suite.quick;
  for (auto& task : suite.tasks) {
    task.train = std::min(task.train, quick.train);
    task.test = std::min(task.test, quick.test);
    task.folds = std::min(task.folds, quick.folds);
    task.clips = std::min(task.clips, quick.clips);
  }
  for (auto& protocol : suite.protocols) {
    protocol.probe.epochs = std::min(protocol.probe.epochs, quick.epochs);
    protocol.probe.clips = std::min(protocol.probe.clips, quick.clips);
    protocol.finetune.epochs = std::min(protocol.finetune.epochs, quick.finetune_epochs);
  }
  return suite;
}

const EncoderChoice& encoder_of(const Suite& suite, const std::string& name) {
  return find_named(suite.encoders, name, "suite " + suite.name, "encoder");
}

const EncoderChoice& encoder_for_seed(const Suite& suite, const std::string& name,
                                      std::uint64_t seed) {
  const EncoderChoice& choice = encoder_of(suite, name);
  if (choice.pretrainings.size() < 2) return choice;
  const auto count = static_cast<std::uint64_t>(choice.pretrainings.size());
  // Seed 0 exists as well and takes the last.
  return encoder_of(suite, choice.pretrainings[(seed + count - 1) % count]);
}

const TaskSpec& task_of(const Suite& suite, const std::string& name) {
  return find_named(suite.tasks, name, "suite " + suite.name, "task");
}

const ProtocolChoice& protocol_of(const Suite& suite, const std::string& name) {
  return find_named(suite.protocols, name, "suite " + suite.name, "protocol");
}

int clips_of(const ProtocolChoice& protocol, const TaskSpec& task) {
  if (protocol.is_finetune) return 1;
  return protocol.clips_given ? protocol.probe.clips : task.clips;
}

std::string note_of(const ProtocolChoice& protocol) {
  const auto in_other = [](const std::string& done, Precision precision) {
    return precision == Precision::float32 ? "" : done + " in " + name_of(precision);
  };
  if (protocol.is_finetune) return in_other("fine-tuned", protocol.finetune.precision);
  const std::string rounded = in_other("encoded", protocol.probe.precision);
  if (!(protocol.probe.label_fraction < 1)) return rounded;
  return Json(100 * protocol.probe.label_fraction).dump() + " % of the labels, spread over " +
         (protocol.splits > 0 ? std::to_string(protocol.splits) + " splits" : "splits") +
         (rounded.empty() ? "" : "; " + rounded);
}

SeedRange seeds_of(const ProtocolChoice& protocol, const SeedRange& run) {
  return {run.first, protocol.splits > 0 ? protocol.splits : run.count};
}

Json to_json(const ProtocolChoice& protocol, const TaskSpec& task) {
  Json json = protocol.is_finetune ? to_json(protocol.finetune) : to_json(protocol.probe);
  if (!protocol.is_finetune) json["clips"] = clips_of(protocol, task);
  json["name"] = protocol.name;
  json["kind"] = protocol.is_finetune ? "finetune" : "probe";
  return json;
}

}  // namespace permafrost
