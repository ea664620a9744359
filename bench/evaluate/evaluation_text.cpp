// SPDX-License-Identifier: Apache-2.0
// An evaluation as Markdown, JSON and CSV.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/evaluate/evaluation.h"
#include "bench/records/record_json.h"
#include "bench/text/markdown.h"
#include "common/error.h"
#include "common/files/csv.h"
#include "common/files/files.h"

namespace permafrost {
namespace {

constexpr std::size_t kShown = 20;  // lines of a list, the rest is counted

std::string count(std::int64_t n, const std::string& what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::string headline(const Evaluation& e) {
  const std::string right = std::to_string(e.correct()) + " of " + std::to_string(e.n());
  std::string text = e.measure->counts_right()
                         ? "accuracy " + fixed(e.value) + " % (" + right + ")"
                         : e.measure->name() + " " + fixed(e.value) + " " + e.measure->unit();
  text += ", 95 % interval " + interval_text(e.ci95) + " over " + e.ci95_over + ", coverage " +
          fixed(100 * e.coverage()) + " %\n";
  if (!e.measure->counts_right())
    text += "accuracy " + fixed(e.accuracy()) + " % (" + right + "), ";
  text += "chance " + fixed(e.diagnosis.chance) + ", most frequent label " +
          fixed(e.diagnosis.majority);
  if (e.published)
    text += "; published " + fixed(*e.published) + " (" +
            (*e.published < e.ci95.low    ? "below the interval"
             : *e.published > e.ci95.high ? "above the interval"
                                          : "inside the interval") +
            ")";
  return text + "\n";
}

std::string inputs_text(const Evaluation& e) {
  const ClassifierSpec& spec = e.head.spec;
  std::string head = e.head.kind + ", width " + std::to_string(spec.width);
  if (spec.kind == HeadKind::attentive)
    head +=
        ", " + count(spec.heads, "attention head") + ", depth " + std::to_string(spec.blocks + 1);
  head += ", " + std::to_string(spec.classes) + " classes";
  if (!e.head.unused.empty())
    head += ", " + count(static_cast<std::int64_t>(e.head.unused.size()), "tensor") +
            " known to be unused";
  const std::string classes =
      e.classes.by_name
          ? std::string("matched by name") + (e.classes.moves() ? ", in another order" : "")
          : "taken by number: " +
                std::string(e.head.class_names.empty() ? "the head" : "the task") +
                " has no class names";
  return "encoder  " + e.encoder.name + " (" + e.encoder.sha256.substr(0, 16) + ")\n" +  //
         "head     " + e.head.name + " (" + e.head.sha256.substr(0, 16) + "): " + head + "\n" +
         "task     " + e.task.name + " v" + std::to_string(e.task.version) + ", " +
         std::to_string(e.task.classes) + " classes, " + classes + "\n" + "recipe   " +
         (e.recipe.empty() ? "none known: nothing to compare with"
                           : e.recipe + ", " + e.recipe_source) +
         "\n";
}

std::string protocol_table(const Evaluation& e) {
  const bool compared = !e.recipe.empty();
  TextRows rows{compared ? std::vector<std::string>{"field", "paper", "this run", ""}
                         : std::vector<std::string>{"field", "this run"}};
  for (const auto& field : e.fields)
    if (compared)
      rows.push_back({field.name, field.paper, field.run, field.departs() ? "departs" : ""});
    else
      rows.push_back({field.name, field.run});
  return markdown_table(rows, std::vector<bool>(rows[0].size(), false));
}

// Classes of the head that another label fits better.
std::string renaming_table(const Evaluation& e) {
  TextRows rows{{"predicted as", "labelled"}};
  std::size_t left = 0;
  const auto text = [&](int k) {
    const auto name = static_cast<std::size_t>(k);
    return std::to_string(k) + (name < e.class_names.size() ? " " + e.class_names[name] : "");
  };
  for (std::size_t k = 0; k < e.diagnosis.renaming.size(); ++k) {
    const int label = e.diagnosis.renaming[k];
    if (label == static_cast<int>(k)) continue;
    if (rows.size() <= kShown)
      rows.push_back({text(static_cast<int>(k)), text(label)});
    else
      ++left;
  }
  return markdown_table(rows, {false, false}) +
         (left > 0 ? "and " + std::to_string(left) + " more (--json has all)\n" : "");
}

std::string failures_text(const Evaluation& e) {
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, e.failures.size()); ++i)
    text += "not read: " + e.failures[i].sample + ": " + e.failures[i].reason + "\n";
  if (e.failures.size() > kShown)
    text += "and " + std::to_string(e.failures.size() - kShown) + " more (--json has all)\n";
  return text;
}

OrderedJson fields_json(const Evaluation& e) {
  OrderedJson fields = OrderedJson::array();
  for (const auto& field : e.fields)
    fields.push_back({{"field", field.name},
                      {"paper", field.paper.empty() ? OrderedJson() : OrderedJson(field.paper)},
                      {"run", field.run},
                      {"departs", field.departs()}});
  return fields;
}

OrderedJson diagnosis_json(const Diagnosis& d) {
  return {{"chance", d.chance},
          {"majority", d.majority},
          {"at_chance", d.at_chance},
          {"most_predicted", d.most_predicted},
          {"most_predicted_share", d.predicted_share},
          {"renamed", d.renamed},
          {"renamed_ci95", {d.renamed_ci95.low, d.renamed_ci95.high}},
          {"other_order", d.other_order},
          {"renaming", d.renaming},
          {"pattern", d.pattern}};
}

OrderedJson head_json(const Classifier& head) {
  return {{"name", head.name},     {"source", head.source},      {"kind", head.kind},
          {"sha256", head.sha256}, {"spec", to_json(head.spec)}, {"class_names", head.class_names},
          {"unused", head.unused}};
}

std::string predictions_csv(const Evaluation& e) {
  std::string text = "sample,label,prediction,probability\n";
  for (std::size_t i = 0; i < e.predictions.size(); ++i) {
    const Prediction& p = e.predictions[i];
    text += csv_field(p.sample) + "," + std::to_string(p.target.label()) + "," +
            std::to_string(p.predicted) + "," + fixed(e.confidence[i], 4) + "\n";
  }
  return text;
}

}  // namespace

std::string to_markdown(const Evaluation& e) {
  const auto departures = std::count_if(e.fields.begin(), e.fields.end(),
                                        [](const ProtocolField& f) { return f.departs(); });
  std::string text = headline(e) + "\n" + inputs_text(e) + "\n" + protocol_table(e);
  if (!e.recipe.empty())
    text += "\n" + count(departures, "departure") + " from the paper's protocol\n";
  for (const auto& note : e.notes) text += "\nencoder: " + note + "\n";
  for (const auto& warning : e.warnings) text += "\nWARNING: " + warning + "\n";
  if (e.diagnosis.other_order) text += "\n" + renaming_table(e);
  if (!e.failures.empty()) text += "\n" + failures_text(e);
  return text;
}

OrderedJson to_json(const Evaluation& e) {
  OrderedJson failures = OrderedJson::array();
  for (const auto& failure : e.failures)
    failures.push_back({{"sample", failure.sample}, {"reason", failure.reason}});
  return {{"schema", "permafrost.evaluation.1"},
          {"encoder",
           {{"name", e.encoder.name},
            {"source", e.encoder.source},
            {"sha256", e.encoder.sha256},
            {"spec", e.encoder.spec}}},
          {"head", head_json(e.head)},
          {"task",
           {{"name", e.task.name},
            {"version", e.task.version},
            {"manifest_sha256", e.task.manifest_sha256},
            {"identity", e.task.identity},
            {"classes", e.task.classes},
            {"class_names", e.class_names},
            {"samples", e.task.listed ? to_json(*e.task.listed) : OrderedJson()}}},
          {"classes", {{"by_name", e.classes.by_name}, {"task_class", e.classes.task_class}}},
          {"recipe", e.recipe.empty() ? OrderedJson() : OrderedJson(e.recipe)},
          {"recipe_source", e.recipe_source},
          {"protocol", to_json(e.protocol)},
          {"fields", fields_json(e)},
          {"metric", e.measure->counts_right() ? "accuracy" : e.measure->name()},
          {"value", e.value},
          {"accuracy", e.accuracy()},
          {"ci95", {e.ci95.low, e.ci95.high}},
          {"ci95_over", e.ci95_over},
          {"published", e.published ? OrderedJson(*e.published) : OrderedJson()},
          {"n", e.n()},
          {"correct", e.correct()},
          {"n_failed", e.failures.size()},
          {"coverage", e.coverage()},
          {"failures", failures},
          {"diagnosis", diagnosis_json(e.diagnosis)},
          {"notes", e.notes},
          {"warnings", e.warnings},
          {"seconds", e.seconds},
          {"threads", e.threads},
          {"build",
           {{"version", e.build.version},
            {"commit", e.build.commit},
            {"libtorch", e.build.libtorch},
            {"device", e.build.device},
            {"processor", e.build.processor}}}};
}

void write_evaluation(const std::filesystem::path& out, const Evaluation& e) {
  write_file_atomically(out / "predictions.csv", predictions_csv(e));
  write_file_atomically(
      out / "evaluation.json",
      to_json(e).dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

}  // namespace permafrost
