// SPDX-License-Identifier: Apache-2.0
#include "bench/evaluate/evaluation.h"

#include <nlohmann/json.hpp>

#include "common/files/files.h"
#include "models/testing/shadow_device.h"
#include "probes/testing/classifier_test_support.h"
#include "probes/testing/test_clips.h"

namespace permafrost {
namespace evaluation_test {

TaskSpec motion() {
  TaskSpec task;
  task.name = task.world = "motion";
  task.train = 8;
  task.test = 40;
  return task;
}

Classifier eight_classes(std::uint64_t seed = 1) {
  return random_classifier(small_classifier_spec(), seed);
}

EvaluationOptions quiet(int threads = 1) {
  return {.task = motion(), .execution = {.threads = threads, .quiet = true}};
}

// A task of coloured clips, three classes; `broken` cannot be read.
Task coloured(std::int64_t n, std::set<std::int64_t> broken = {}) {
  Task task;
  task.name = "coloured";
  task.classes = 3;
  task.source = std::make_unique<ColouredClips>(n, tiny_spec().clip_shape(), std::move(broken));
  return task;
}

// What a head said, and the verdict; labels are i mod 3.
Evaluation judged(const Task& task, const std::vector<int>& predictions,
                  const std::vector<std::string>& failures) {
  Evaluation e;
  e.task.classes = task.classes;
  e.classes = match_classes({}, 3, {}, 3, "head");
  HeadOutput output;
  output.probabilities = at::full({static_cast<std::int64_t>(predictions.size()), 3}, 0.25F);
  output.predictions = predictions;
  output.failures = failures;
  std::vector<std::int64_t> samples;
  for (std::size_t i = 0; i < predictions.size(); ++i)
    samples.push_back(static_cast<std::int64_t>(i));
  judge(e, task, samples, output);
  return e;
}

TEST(Evaluation, DoesTheSameOnAnotherDevice) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  EvaluationOptions options = quiet(2);
  const Evaluation host = evaluate_task(encoder, eight_classes(), options);
  options.execution.device = shadow_device().str();
  const Evaluation there = evaluate_task(encoder, eight_classes(), options);
  EXPECT_EQ(there.build.device, options.execution.device);
  for (std::size_t i = 0; i < host.predictions.size(); ++i)
    EXPECT_NEAR(there.confidence[i], host.confidence[i], 1e-5) << i;
}

TEST(Evaluation, CountsEveryTestSampleOnceWhateverTheThreads) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const Evaluation one = evaluate_task(encoder, eight_classes(), quiet());
  EXPECT_EQ(one.n(), 40);
  EXPECT_DOUBLE_EQ(one.value, 100.0 * static_cast<double>(one.correct()) / 40);
  EXPECT_EQ(one.coverage(), 1);
  EXPECT_EQ(one.predictions.front().sample, "motion/test/0");
  for (const std::int64_t chunk : {1, 7, 100}) {
    EvaluationOptions options = quiet(2);
    options.chunk = chunk;
    const Evaluation other = evaluate_task(encoder, eight_classes(), options);
    EXPECT_EQ(other.predictions, one.predictions) << chunk;
    EXPECT_EQ(other.ci95, one.ci95);
  }
}

TEST(Evaluation, WarnsOfAHeadThatGuesses) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const Evaluation e = evaluate_task(encoder, eight_classes(), quiet());
  EXPECT_TRUE(e.diagnosis.at_chance);
  ASSERT_FALSE(e.warnings.empty());
  for (const char* cause :
       {"order of the labels", "target_encoder", "normalisation", "another encoder"})
    EXPECT_TRUE(contains(e.warnings[0], cause)) << e.warnings[0];
  EXPECT_TRUE(contains(to_markdown(e), "WARNING: accuracy is at chance"));
}

TEST(Evaluation, CountsWhatWasNotReadAsWrong) {
  const Task task = coloured(30, {4});
  std::vector<int> predictions;
  for (int i = 0; i < 30; ++i) predictions.push_back(i == 4 ? -1 : i % 3);
  std::vector<std::string> failures(30);
  failures[4] = "clip/4: broken";
  const Evaluation e = judged(task, predictions, failures);
  EXPECT_DOUBLE_EQ(e.value, 100.0 * 29 / 30);
  EXPECT_DOUBLE_EQ(e.coverage(), 29.0 / 30);
  ASSERT_EQ(e.failures.size(), 1U);
  EXPECT_EQ(e.failures[0], (Failure{"clip/4", "clip/4: broken"}));
  EXPECT_TRUE(contains(e.warnings.at(0), "accuracy would be 100.0"));
  EXPECT_EQ(e.warnings.size(), 1U);
  EXPECT_TRUE(contains(to_markdown(e), "not read: clip/4: clip/4: broken"));
}

TEST(Evaluation, SaysWhatTheIntervalIsOver) {
  std::vector<int> predictions;
  for (int i = 0; i < 60; ++i) predictions.push_back(i < 30 ? i % 3 : 0);
  const std::vector<std::string> read(60);
  Task task = coloured(60);
  const Evaluation alone = judged(task, predictions, read);
  for (int i = 0; i < 60; ++i) task.groups.push_back(i / 10);
  const Evaluation grouped = judged(task, predictions, read);
  EXPECT_EQ(alone.ci95_over, "samples");
  EXPECT_EQ(grouped.ci95_over, "groups");
  EXPECT_EQ(grouped.value, alone.value);
  EXPECT_GT(grouped.ci95.high - grouped.ci95.low, alone.ci95.high - alone.ci95.low);
}

TEST(Evaluation, FindsAnotherOrderOfLabelsAndShowsTheMap) {
  const Task task = coloured(60);
  std::vector<int> predictions;
  for (int i = 0; i < 60; ++i) predictions.push_back(i % 3 == 0 ? 0 : 3 - i % 3);
  const Evaluation e = judged(task, predictions, std::vector<std::string>(60));
  EXPECT_TRUE(e.diagnosis.other_order);
  EXPECT_EQ(e.diagnosis.renaming, (std::vector<int>{0, 2, 1}));
  const std::string text = to_markdown(e);
  EXPECT_TRUE(contains(text, "the order of the labels is the likely cause")) << text;
  EXPECT_TRUE(contains(text, "| 1            | 2        |")) << text;
}

TEST(Evaluation, SaysWhenAHeadGivesOneAnswer) {
  const Task task = coloured(60);
  const Evaluation e = judged(task, std::vector<int>(60, 2), std::vector<std::string>(60));
  EXPECT_TRUE(contains(e.warnings.at(1), "100.0 % of the predictions are class 2"));
}

TEST(Evaluation, MatchesClassesByName) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const Evaluation plain = evaluate_task(encoder, eight_classes(), quiet());
  // The same head, its rows in reverse: with names nothing changes.
  Classifier reversed = eight_classes();
  reversed.weights.linear.weight = reversed.weights.linear.weight.flip(0);
  reversed.weights.linear.bias = reversed.weights.linear.bias.flip(0);
  reversed.class_names.assign(plain.class_names.rbegin(), plain.class_names.rend());
  const Evaluation named = evaluate_task(encoder, reversed, quiet());
  EXPECT_EQ(named.predictions, plain.predictions);
  EXPECT_TRUE(named.classes.by_name);
  EXPECT_TRUE(contains(to_markdown(named), "matched by name, in another order"));
  reversed.class_names[3] = "juggling";
  EXPECT_TRUE(contains(input_error_of([&] { evaluate_task(encoder, reversed, quiet()); }),
                       "not in the task: \"juggling\""));
}

TEST(Evaluation, RefusesWhatDoesNotFit) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const auto error = [&](const Classifier& head, const EvaluationOptions& options) {
    return input_error_of([&] { evaluate_task(encoder, head, options); });
  };
  ClassifierSpec spec = small_classifier_spec();
  spec.classes = 9;
  EXPECT_TRUE(contains(error(random_classifier(spec, 1), quiet()), "classes: expected 8"));
  EvaluationOptions options = quiet();
  options.recipe = "k400_16x8x3";
  EXPECT_TRUE(contains(error(eight_classes(), options), "--recipe: expected none for task motion"));
  options = quiet();
  options.task.kind = TaskKind::manifest;
  options.task.manifest = "absent.csv";
  options.data = "/nonexistent";
  EXPECT_TRUE(contains(error(eight_classes(), options), "--task: motion"));
}

TEST(Evaluation, TakesTheNumberOfFramesFromTheProtocol) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  EvaluationOptions options = quiet();
  options.set = {"frames=4", "resolution=16"};
  EXPECT_EQ(evaluate_task(encoder, eight_classes(), options).n(), 40);
  options.set = {"frames=5"};
  EXPECT_THROW(evaluate_task(encoder, eight_classes(), options), InputError);
}

TEST(Evaluation, WritesItsFiles) {
  const TestFolder folder;
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const Evaluation e = evaluate_task(encoder, eight_classes(), quiet());
  write_evaluation(folder / "out", e);
  const Json json = Json::parse(read_file(folder / "out/evaluation.json"));
  EXPECT_EQ(json.at("schema"), "permafrost.evaluation.1");
  EXPECT_EQ(json.at("n"), 40);
  EXPECT_EQ(json.at("recipe"), nullptr);
  EXPECT_EQ(json.at("classes").at("task_class").size(), 8U);
  EXPECT_TRUE(json.at("ci95").is_array());
  const std::string csv = read_file(folder / "out/predictions.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 41);
  EXPECT_EQ(csv.rfind("sample,label,prediction,probability\nmotion/test/0,0,", 0), 0U) << csv;
}

}  // namespace evaluation_test
}  // namespace permafrost
