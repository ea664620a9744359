// SPDX-License-Identifier: Apache-2.0
#include "bench/evaluate/evaluation.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "bench/text/markdown.h"
#include "common/error.h"
#include "common/machine/stopwatch.h"

namespace permafrost {
namespace {

constexpr double kOneAnswer = 90;  // percent of the predictions

std::string class_text(const Evaluation& e, int task_class) {
  const auto k = static_cast<std::size_t>(task_class);
  return std::to_string(task_class) +
         (k < e.class_names.size() ? " (" + quoted(e.class_names[k]) + ")" : "");
}

// The task with all views of its samples.
Task open_with_views(const EvaluationOptions& options, const EvaluationProtocol& protocol,
                     const ClipShape& shape) {
  TaskSpec spec = options.task;
  spec.frame_step = protocol.frame_step;
  spec.clips = protocol.clips;
  Task task = open_task(spec, shape, options.data,
                        {.short_side = protocol.short_side,
                         .antialias = protocol.antialias,
                         .views = protocol.views,
                         .keep_bytes = 0});
  if (!task.available())
    throw InputError("--task", spec.name, "data that can be read", task.unavailable);
  if (task.target == TargetKind::class_set)
    throw InputError("--task", spec.name, "a task of one class a sample",
                     "several (\"multi_label\": true)", "`probe` and `finetune` measure those");
  return task;
}

const Recipe* chosen_recipe(const EvaluationOptions& options, const Classifier& head,
                            const EncoderSpec& encoder) {
  if (options.task.kind == TaskKind::manifest)
    return options.recipe.empty() ? recipe_for(head.spec, encoder) : &recipe_named(options.recipe);
  if (!options.recipe.empty())
    throw InputError(
        "--recipe", "",
        "none for task " + options.task.name + ", which is drawn and not cut out of videos",
        quoted(options.recipe));
  return nullptr;
}

void warn(Evaluation& e, const Interval& accuracy_ci95) {
  const Diagnosis& d = e.diagnosis;
  if (e.coverage() < 1) {
    const auto lost = static_cast<double>(e.failures.size());
    e.warnings.push_back(std::to_string(e.failures.size()) + " of " + std::to_string(e.n()) +
                         " samples could not be read and count as wrong; had all of them been "
                         "right, accuracy would be " +
                         fixed(e.accuracy() + 100 * lost / static_cast<double>(e.n())));
  }
  if (d.at_chance)
    e.warnings.push_back(
        "accuracy is at chance: " + interval_text(accuracy_ci95) + " is not above " +
        fixed(d.chance) + " (1 of " + std::to_string(e.task.classes) + " classes) and " +
        fixed(d.majority) +
        " (always the most frequent label). Usual causes: the order of the labels; the wrong entry "
        "of the encoder's file (encoder for target_encoder); another normalisation of pixels; a "
        "head of another encoder");
  if (d.predicted_share > kOneAnswer && d.majority < kOneAnswer)
    e.warnings.push_back(fixed(d.predicted_share) + " % of the predictions are class " +
                         class_text(e, d.most_predicted) +
                         ": the head does not tell these tokens apart, which speaks for the wrong "
                         "encoder, entry or normalisation rather than for the order of labels");
  if (d.other_order)
    e.warnings.push_back(
        "the order of the labels is the likely cause: with the classes renamed as fits best "
        "(fitted on half of the samples, counted on the others) accuracy would be " +
        fixed(d.renamed) + " " + interval_text(d.renamed_ci95) +
        (d.pattern.empty() ? "" : "; " + d.pattern));
}

// The head's probabilities [C] in the order of the task's classes.
std::vector<float> in_order_of_task(const at::Tensor& probabilities, const ClassMap& classes) {
  std::vector<float> scores(classes.task_class.size());
  for (std::size_t k = 0; k < scores.size(); ++k)
    scores[static_cast<std::size_t>(classes.task_class[k])] =
        probabilities[static_cast<std::int64_t>(k)].item<float>();
  return scores;
}

}  // namespace

std::int64_t Evaluation::correct() const {
  return std::count_if(predictions.begin(), predictions.end(),
                       [](const Prediction& p) { return p.predicted == p.target.label(); });
}

double Evaluation::accuracy() const {
  return n() == 0 ? 0 : 100 * static_cast<double>(correct()) / static_cast<double>(n());
}

double Evaluation::coverage() const {
  return n() == 0 ? 0 : 1 - static_cast<double>(failures.size()) / static_cast<double>(n());
}

void judge(Evaluation& e, const Task& task, const std::vector<std::int64_t>& samples,
           const HeadOutput& output) {
  std::vector<int> labels, predicted;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    Prediction p{.sample = task.source->name(samples[i]),
                 .target = task.source->target(samples[i]),
                 .group = task.groups.empty() ? samples[i]
                                              : task.groups[static_cast<std::size_t>(samples[i])]};
    double confidence = 0;
    if (const int head_class = output.predictions[i]; head_class >= 0) {
      const at::Tensor probabilities = output.probabilities[static_cast<std::int64_t>(i)];
      confidence = probabilities.max().item<double>();
      p.predicted = e.classes.task_class[static_cast<std::size_t>(head_class)];
      if (task.measure->needs_scores()) p.scores = in_order_of_task(probabilities, e.classes);
    }
    if (!output.failures[i].empty()) e.failures.push_back({p.sample, output.failures[i]});
    e.confidence.push_back(confidence);
    labels.push_back(p.target.label());
    predicted.push_back(p.predicted);
    e.predictions.push_back(std::move(p));
  }
  e.measure = task.measure;
  Record record;  // what is looked for is a matter of right and wrong, whatever the task's measure
  record.predictions = e.predictions;
  score(record);
  const Interval accuracy_ci95 = record.ci95;
  if (e.measure != record.measure) {
    record.measure = e.measure;
    score(record);
  }
  e.value = record.value;
  e.ci95 = record.ci95;
  if (!groups_of(record).empty()) e.ci95_over = "groups";
  e.diagnosis = diagnose(labels, predicted, e.task.classes, accuracy_ci95, e.class_names);
  warn(e, accuracy_ci95);
}

Evaluation evaluate_task(const Encoder& given, const Classifier& head,
                         const EvaluationOptions& options) {
  const Stopwatch watch;
  Evaluation e;
  const Recipe* recipe = chosen_recipe(options, head, given.spec);
  e.protocol = evaluation_protocol(recipe, options.task, given.spec, options.set);
  Encoder encoder = at_size(given, shape_of(e.protocol, given.spec));
  encoder.weights = to_device(encoder.weights, at::Device(options.execution.device));
  e.fields = protocol_fields(recipe, e.protocol, options.task, encoder.spec, head.spec);
  if (recipe != nullptr) {
    e.recipe = recipe->name;
    e.recipe_source = source_of(*recipe);
    e.published = published_accuracy(*recipe, e.protocol, encoder.spec);
  }
  const Task task = open_with_views(options, e.protocol, encoder.spec.clip_shape());
  e.classes = match_classes(head.class_names, head.spec.classes, task.class_names, task.classes,
                            "--head " + head.name);
  e.encoder = {encoder.name, encoder.source, encoder.sha256, to_json(encoder.spec)};
  e.notes = encoder.notes;
  e.task = {task.name,    task.manifest_sha256, task.identity,
            task.version, task.classes,         task.listed};
  e.class_names = task.class_names;
  e.head = head;
  e.head.weights = {};
  e.threads = options.execution.threads;
  e.build = build_info(options.execution.device);

  EvaluationInput input{.views = {task.source.get()},
                        .samples = tested_samples(task),
                        .clips = e.protocol.clips,
                        .attend_across_clips = e.protocol.attend_across_clips,
                        .layers = e.protocol.layers,
                        .chunk = options.chunk,
                        .group = options.group};
  if (options.group != nullptr)
    options.group->require_same("evaluation", e.encoder.sha256 + " " + task.identity,
                                "every rank has the same encoder and data");
  Progress progress("evaluate", static_cast<std::int64_t>(input.samples.size()), "samples",
                    options.execution.quiet);
  const HeadOutput output =
      evaluate_head(encoder, head, input, options.execution.threads, &progress);
  progress.finish();
  judge(e, task, input.samples, output);
  if (e.coverage() == 0)
    throw Error(task.name + ": none of " + std::to_string(e.n()) +
                " samples could be read: " + e.failures.at(0).reason);
  e.seconds = watch.seconds();
  return e;
}

}  // namespace permafrost
