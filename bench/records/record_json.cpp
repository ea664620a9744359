// SPDX-License-Identifier: Apache-2.0
#include "bench/records/record_json.h"

#include "common/error.h"
#include "common/json/json_fields.h"

namespace permafrost {
namespace {

// The fields of each part, once for writing and reading: `visit(key, value)`, with the range of
// numbers that are not free; visit.when() where a text may be missing.
template <class Part, class Visitor>
void fields_of_encoder(Part& encoder, Visitor&& visit) {
  visit("name", encoder.name);
  visit("source", encoder.source);
  visit("sha256", encoder.sha256);
  visit("spec", encoder.spec);
}

template <class Part, class Visitor>
void fields_of_task(Part& task, Visitor&& visit) {
  visit("name", task.name);
  visit("version", task.version);
  visit("manifest_sha256", task.manifest_sha256);
  visit("identity", task.identity);
  visit("classes", task.classes, 1, 1'000'000);
}

template <class Part, class Visitor>
void fields_of_listed(Part& listed, Visitor&& visit) {
  visit("train", listed.train, 0);
  visit("test", listed.test, 0);
  visit("released_train", listed.released_train, 0);
  visit("released_test", listed.released_test, 0);
}

template <class Part, class Visitor>
void fields_of_use(Part& use, Visitor&& visit) {
  visit("table", use.table, 0, 1000);
  visit("row", use.row);
  visit("column", use.column);
  visit("paper", use.paper);
}

template <class Part, class Visitor>
void fields_of_failure(Part& failure, Visitor&& visit) {
  visit("sample", failure.sample);
  visit("reason", failure.reason);
}

template <class Part, class Visitor>
void fields_of_training(Part& training, Visitor&& visit) {
  visit("samples", training.samples, 1);
  visit("samples_sha256", training.sha256);
}

template <class Whole, class Visitor>
void fields_of_time(Whole& record, Visitor&& visit) {
  visit("encode", record.encode_seconds);
  visit("train", record.train_seconds);
  visit("evaluate", record.evaluate_seconds);
}

template <class Part, class Visitor>
void fields_of_build(Part& build, Visitor&& visit) {
  visit("version", build.version);
  visit("commit", build.commit);
  visit("libtorch", build.libtorch);
  visit("device", build.device);
  visit.when(!build.processor.empty(), "processor", build.processor);
}

const Json& required(JsonObject& object, const std::string& key) {
  const Json* json = object.child(key);
  if (json == nullptr) throw InputError(object.where(key), "", "a value", "no such key");
  return *json;
}

// Of the fields of a part, none of which may be missing.
FieldReader part_reader(JsonObject& object) { return FieldReader(object, Missing::refused); }

// A list of objects, each read or written by `fields`.
template <class Item, class Fields>
OrderedJson list_json(const std::vector<Item>& items, const Fields& fields) {
  OrderedJson json = OrderedJson::array();
  for (const auto& item : items)
    fields(item, FieldWriter(json.emplace_back(OrderedJson::object())));
  return json;
}

template <class Item, class Fields>
std::vector<Item> read_list(const Json& json, const std::string& where, const Fields& fields) {
  std::vector<Item> items;
  for (const auto& one : json) {
    JsonObject object(one, where);
    fields(items.emplace_back(), part_reader(object));
    object.finish();
  }
  return items;
}

const auto kUse = [](auto& use, auto&& visit) { fields_of_use(use, visit); };
const auto kFailure = [](auto& failure, auto&& visit) { fields_of_failure(failure, visit); };

OrderedJson measure_json(const Record& record) {
  const Measure& measure = *record.measure;
  return {{"name", measure.name()},
          {"description", measure.description()},
          {"unit", measure.unit()},
          {"chance", chance_of(measure, record.task.classes, record.predictions)}};
}

// How the value was measured, by either schema: records of the first name a metric alone, and
// their predictions are classes.
void read_measure(JsonObject& object, Record& record) {
  if (object.choice("schema", {kRecordSchema, kRecordSchemaBefore}) == kRecordSchemaBefore) {
    record.measure = &measure_named(object.text("metric"), object.where("metric"), "");
    return;
  }
  std::vector<std::string> kinds;
  for (const auto kind : kTargetKinds) kinds.emplace_back(name_of(kind));
  const std::string target = object.choice("target", kinds);
  for (const auto kind : kTargetKinds)
    if (name_of(kind) == target) record.target = kind;
  JsonObject measure(required(object, "measure"), object.where("measure"));
  record.measure = &measure_named(measure.text("name"), measure.where("name"), "");
  measure.choice("unit", {record.measure->unit()});
  for (const auto* known : {"description", "chance"}) measure.skip(known);
  measure.finish();
}

void read_identities(JsonObject& object, Record& record) {
  JsonObject encoder(required(object, "encoder"), object.where("encoder"));
  fields_of_encoder(record.encoder, part_reader(encoder));
  encoder.finish();
  JsonObject task(required(object, "task"), object.where("task"));
  fields_of_task(record.task, part_reader(task));
  record.task.listed = read_listed(task);
  task.finish();
  record.protocol = required(object, "protocol");
  JsonObject protocol(record.protocol, object.where("protocol"));
  protocol.text("name");
  protocol.choice("kind", {"probe", "finetune"});
}

OrderedJson selection_json(const Selection& s) {
  OrderedJson json;
  if (s.neighbours > 0)
    json["neighbours"] = s.neighbours;
  else
    json["learning_rate"] = s.learning_rate;
  if (s.weight_decay) json["weight_decay"] = *s.weight_decay;
  json["held_out_accuracy"] = s.held_out_accuracy;
  return json;
}

Selection read_selection(JsonObject& object) {
  Selection chosen;
  chosen.learning_rate = object.number("learning_rate", 0);
  if (object.has("weight_decay")) chosen.weight_decay = object.number("weight_decay");
  chosen.neighbours = static_cast<int>(object.integer("neighbours", 0));
  chosen.held_out_accuracy = object.numbers("held_out_accuracy");
  return chosen;
}

void read_lists(JsonObject& object, Record& record) {
  record.failures =
      read_list<Failure>(required(object, "failures"), object.where("failures"), kFailure);
  if (const Json* json = object.child("training_failures"))
    record.training_failures =
        read_list<Failure>(*json, object.where("training_failures"), kFailure);
  record.warnings = object.texts("warnings", std::vector<std::string>{});
  for (const auto& item : required(object, "selection")) {
    JsonObject selection(item, object.where("selection"));
    record.selections.push_back(read_selection(selection));
  }
  const Json* json = object.child("training");
  if (json == nullptr) return;
  object.choice("spread_over", {"splits"});
  JsonObject training(*json, object.where("training"));
  fields_of_training(record.training.emplace(), part_reader(training));
  training.finish();
}

void read_run(JsonObject& object, Record& record) {
  JsonObject time(required(object, "time"), object.where("time"));
  fields_of_time(record, part_reader(time));
  time.finish();
  record.threads = static_cast<int>(object.integer("threads"));
  JsonObject build(required(object, "build"), object.where("build"));
  fields_of_build(record.build, part_reader(build));
  build.finish();
  record.finished = object.text("finished", "");
}

}  // namespace

OrderedJson to_json(const ListedSamples& listed) {
  OrderedJson json;
  fields_of_listed(listed, FieldWriter(json));
  return json;
}

std::optional<ListedSamples> read_listed(JsonObject& parent) {
  const Json* json = parent.child("samples");
  if (json == nullptr) return std::nullopt;
  JsonObject object(*json, parent.where("samples"));
  ListedSamples listed;
  fields_of_listed(listed, part_reader(object));
  object.finish();
  return listed;
}

std::vector<CellUse> read_uses(const Json* json, const std::string& where) {
  if (json == nullptr || !json->is_array() || json->empty())
    throw InputError(where, "used_by", "an array of at least one place", "none");
  return read_list<CellUse>(*json, where + ":/used_by", kUse);
}

Record read_record_fields(JsonObject& object, const std::string& where) {
  Record record;
  read_measure(object, record);
  read_identities(object, record);
  record.seed = static_cast<std::uint64_t>(object.integer("seed", {}, 0));
  record.evaluation_version = static_cast<int>(object.integer("evaluation_version"));
  record.used_by = read_uses(object.child("used_by"), where);
  read_lists(object, record);
  read_run(object, record);
  for (const auto* known : {"table", "row", "column", "paper", "ci95_is", "predictions"})
    object.skip(known);
  return record;
}

OrderedJson to_json(const Record& r) {
  const CellUse first = r.used_by.empty() ? CellUse{} : r.used_by[0];
  const bool grouped = !groups_of(r).empty();
  OrderedJson json;
  json["schema"] = kRecordSchema;
  json["key"] = r.key;
  json["table"] = first.table;
  json["row"] = first.row;
  json["column"] = first.column;
  fields_of_encoder(r.encoder, FieldWriter(json["encoder"]));
  fields_of_task(r.task, FieldWriter(json["task"]));
  if (r.task.listed) json["task"]["samples"] = to_json(*r.task.listed);
  json["protocol"] = r.protocol;
  json["seed"] = r.seed;
  json["evaluation_version"] = r.evaluation_version;
  json["target"] = name_of(r.target);
  json["measure"] = measure_json(r);
  json["value"] = r.value;
  json["n"] = r.n();
  json["n_failed"] = r.n_failed();
  json["failures"] = list_json(r.failures, kFailure);
  if (!r.training_failures.empty())
    json["training_failures"] = list_json(r.training_failures, kFailure);
  if (!r.warnings.empty()) json["warnings"] = r.warnings;
  json["coverage"] = r.coverage();
  json["ci95"] = {r.ci95.low, r.ci95.high};
  json["ci95_is"] = grouped ? "bootstrap over groups of samples" : "bootstrap over samples";
  json["paper"] = number_or_null(first.paper);
  json["used_by"] = list_json(r.used_by, kUse);
  json["predictions"] = "predictions/" + r.key + ".csv";
  OrderedJson& selection = json["selection"] = OrderedJson::array();
  for (const auto& s : r.selections) selection.push_back(selection_json(s));
  if (r.training) {
    json["spread_over"] = "splits";
    fields_of_training(*r.training, FieldWriter(json["training"]));
  }
  fields_of_time(r, FieldWriter(json["time"]));
  json["threads"] = r.threads;
  fields_of_build(r.build, FieldWriter(json["build"]));
  if (!r.finished.empty()) json["finished"] = r.finished;
  return json;
}

}  // namespace permafrost
