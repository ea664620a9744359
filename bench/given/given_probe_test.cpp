// SPDX-License-Identifier: Apache-2.0
#include "bench/given/given_probe.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "bench/given/given_features.h"
#include "bench/records/record_folder.h"
#include "bench/run/runner.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"
#include "probes/testing/test_clips.h"

namespace permafrost {
namespace given_probe_test {

Suite suite() {
  return parse_suite(parse_json(R"({
    "suite": "test", "seeds": 1, "encoders": {"mine": {"random": {"like": "t/none"}}},
    "tasks": [{"name": "motion", "kind": "synthetic", "world": "motion", "train": 40, "test": 16},
              {"name": "boxed", "kind": "synthetic", "world": "localised_action", "train": 40,
               "test": 16}],
    "protocols": {"frozen": {"heads": 2, "epochs": 2, "batch": 16, "learning_rates": [1e-3, 1e-2]},
                  "neighbours": {"head": "knn", "neighbours": [1, 3]},
                  "two": {"heads": 2, "epochs": 1, "clips": 2},
                  "online": {"epochs": 1, "augmentation": "crop"}}})",
                                "test"),
                     "test.json");
}

GivenProbeOptions options(const std::string& protocol) {
  return {.protocol = protocol_of(suite(), protocol), .execution = {.threads = 2, .quiet = true}};
}

std::string complaint(const GivenEncoder& encoder, const std::string& task,
                      const std::string& protocol) {
  try {
    probe_given(encoder, task_of(suite(), task), options(protocol));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

// The clip's mean colour as two tokens.
GivenEncoder colours() {
  return {.identity = {"colours", "a test", std::string(64, 'a'), Json::object()},
          .shape = {4, 16, 16},
          .batch = 7,
          .features = [](const at::Tensor& pixels) {
            const at::Tensor mean = pixels.to(at::kDouble).mean({2, 3});  // [B,T,3]
            return at::cat({mean.slice(1, 0, 2), mean.slice(1, 2, 4)}, 2);
          }};
}

TEST(GivenProbe, OfOurEncoderIsTheRecordOfTheRunner) {
  const TestFolder folder;
  const Encoder encoder = random_encoder(tiny_spec(), 3);
  for (const std::string protocol : {"frozen", "neighbours", "two"}) {
    Suite run = suite();
    run.encoders = {{.name = encoder.name, .zoo = encoder.name, .read = encoder}};
    // What the runner takes as read must have a file of that name.
    write_file_atomically(folder / "random-init", "");
    run.encoders[0].zoo = (folder / "random-init").string();
    TableSpec table;
    table.rows = {{.name = encoder.name, .encoder = encoder.name}};
    table.columns = {{.name = protocol, .task = "motion", .protocol = protocol}};
    run_specs({.out = folder / protocol, .execution = {.threads = 1, .quiet = true}}, run, {table});
    const auto expected = read_records(folder / protocol);
    ASSERT_EQ(expected.size(), 1U);

    const Record found =
        probe_given(given_encoder(encoder), task_of(run, "motion"), options(protocol));
    EXPECT_EQ(found.key, expected[0].key) << protocol;
    EXPECT_EQ(found.value, expected[0].value);
    EXPECT_EQ(found.predictions.size(), 16U);
    for (std::size_t i = 0; i < found.predictions.size(); ++i)
      EXPECT_EQ(found.predictions[i].predicted, expected[0].predictions[i].predicted);
    EXPECT_EQ(found.selections[0].held_out_accuracy, expected[0].selections[0].held_out_accuracy);
  }
}

TEST(GivenProbe, TakesAnyFunctionAndWritesItsRecord) {
  const TestFolder folder;
  GivenProbeOptions mine = options("frozen");
  mine.out = folder / "out";
  std::int64_t shown = 0;
  bool encoded = false;
  mine.progress = [&](std::int64_t done, std::int64_t all) {
    EXPECT_EQ(all, 56);
    EXPECT_GT(done, shown);
    shown = done;
  };
  mine.encoded = [&] {
    EXPECT_EQ(shown, 56);
    encoded = true;
  };
  const Record record = probe_given(colours(), task_of(suite(), "motion"), mine);
  EXPECT_TRUE(encoded);
  const auto written = read_records(folder / "out");
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].key, record.key);
  EXPECT_EQ(written[0].encoder.name, "colours");
  EXPECT_EQ(written[0].used_by[0].row, "colours");
}

TEST(GivenProbe, NamesWhatDoesNotFit) {
  GivenEncoder encoder = colours();
  EXPECT_NE(complaint(encoder, "motion", "online").find("augmentation"), std::string::npos);
  EXPECT_NE(complaint(encoder, "boxed", "frozen").find("boxes"), std::string::npos);
  encoder.features = [](const at::Tensor& pixels) { return pixels.to(at::kFloat); };
  EXPECT_NE(complaint(encoder, "motion", "frozen").find("[7,N,D]"), std::string::npos);
  encoder.features = [](const at::Tensor& pixels) {
    return at::zeros({pixels.size(0), 2, 3}, at::kLong);
  };
  EXPECT_NE(complaint(encoder, "motion", "frozen").find("floating-point"), std::string::npos);
  int call = 0;
  encoder.features = [&](const at::Tensor& pixels) {
    return at::zeros({pixels.size(0), 1 + call++, 3});
  };
  EXPECT_NE(complaint(encoder, "motion", "frozen").find("as before"), std::string::npos);
}

TEST(GivenProbe, AnEncoderThatSaysTheSameOfAllIsDoubted) {
  GivenEncoder encoder = colours();
  encoder.features = [](const at::Tensor& pixels) { return at::ones({pixels.size(0), 1, 4}); };
  const Record record = probe_given(encoder, task_of(suite(), "motion"), options("frozen"));
  ASSERT_FALSE(record.warnings.empty());
  EXPECT_NE(record.warnings[0].find("same of every clip"), std::string::npos);
}

GivenFeatureSet separable(std::int64_t n, std::uint64_t seed) {
  at::manual_seed(seed);
  GivenFeatureSet set{.features = at::randn({n, 2, 24})};
  for (std::int64_t i = 0; i < n; ++i) {
    set.labels.push_back(static_cast<int>(i % 3));
    set.features[i].select(1, i % 3).add_(8);
  }
  return set;
}

TEST(GivenFeatures, AProbeAnswersAsItDoesInOneTraining) {
  const GivenFeatureSet train = separable(60, 1), test = separable(20, 2);
  const ProtocolChoice protocol = protocol_of(suite(), "frozen");
  const GivenProbe probe = train_given("mine", train, 0, protocol, {.seed = 4});
  EXPECT_EQ(probe.classes, 3);
  const Record record = evaluate_given(probe, test, {});
  EXPECT_EQ(record.n(), 20);

  // Both sides in one set, as tasks have them.
  LabelledFeatures all;
  all.tokens = standardised(at::cat({train.features, test.features}));
  Fold fold;
  std::vector<std::int64_t> groups;
  for (std::int64_t i = 0; i < 80; ++i) {
    (i < 60 ? fold.train : fold.test).push_back(i);
    groups.push_back(i);
    all.targets.push_back((i < 60 ? train.labels[static_cast<std::size_t>(i)]
                                  : test.labels[static_cast<std::size_t>(i - 60)]));
  }
  all.failures.resize(80);
  const ProbeOutcome expected = train_probe({all, groups, fold, 3}, protocol.probe, {.seed = 4});
  for (std::size_t i = 0; i < 20; ++i)
    EXPECT_EQ(record.predictions[i].predicted, expected.predictions[i]);
  EXPECT_EQ(record.selections[0].held_out_accuracy, expected.held_out_accuracy);
}

TEST(GivenFeatures, TheKeyCoversBothSides) {
  const ProtocolChoice protocol = protocol_of(suite(), "frozen");
  const GivenProbe probe = train_given("mine", separable(60, 1), 0, protocol, {});
  const std::string key = evaluate_given(probe, separable(20, 2), {}).key;
  EXPECT_EQ(evaluate_given(probe, separable(20, 2), {}).key, key);
  EXPECT_NE(evaluate_given(probe, separable(20, 3), {}).key, key);
  const GivenProbe other = train_given("mine", separable(60, 5), 0, protocol, {});
  EXPECT_NE(evaluate_given(other, separable(20, 2), {}).key, key);
}

TEST(GivenFeatures, NameWhatDoesNotFit) {
  const ProtocolChoice protocol = protocol_of(suite(), "frozen");
  GivenFeatureSet set = separable(30, 1);
  EXPECT_THROW(train_given("mine", set, 2, protocol, {}), InputError);
  EXPECT_THROW(train_given("mine", set, 0, protocol_of(suite(), "neighbours"), {}), InputError);
  const GivenProbe probe = train_given("mine", set, 0, protocol, {});
  GivenFeatureSet narrow = set;
  narrow.features = set.features.slice(2, 0, 6);
  EXPECT_THROW(evaluate_given(probe, narrow, {}), InputError);
  set.labels.pop_back();
  EXPECT_THROW(evaluate_given(probe, set, {}), InputError);
  set.features = at::zeros({2, 2}, at::kLong);
  EXPECT_THROW(given_tokens(set.features, "features"), InputError);
}

}  // namespace given_probe_test
}  // namespace permafrost
