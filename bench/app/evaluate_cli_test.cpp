// SPDX-License-Identifier: Apache-2.0
// permafrost evaluate as a user runs it.
#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "models/encoders/encoder.h"
#include "probes/testing/classifier_test_support.h"
#include "probes/testing/test_clips.h"

namespace permafrost {
namespace evaluate_cli_test {

class EvaluateCli : public Cli {
 protected:
  void SetUp() override {
    Encoder random = random_encoder(tiny_spec(), 1);
    save_encoder(path("encoder.safetensors"), random.weights, random.spec, {}, false);
    save_classifier(path("head.safetensors"), random_classifier(small_classifier_spec(), 1));
    task_ = write("task.json", R"({"name": "small", "kind": "synthetic", "world": "motion",
                                   "train": 8, "test": 24})");
  }
  std::string evaluate(const std::string& encoder, const std::string& head,
                       const std::string& more = "") const {
    return "evaluate --quiet --encoder " + encoder + " --head " + head + " --task " + task_ + " " +
           more;
  }
  std::string encoder() const { return path("encoder.safetensors"); }
  std::string head() const { return path("head.safetensors"); }
  std::string task_;
};

TEST_F(EvaluateCli, MeasuresAHeadWithoutTraining) {
  const Ran text = program(evaluate(encoder(), head(), "--out " + path("out")));
  ASSERT_EQ(text.status, 0) << text.err;
  for (const char* part : {"accuracy ", "of 24)", "95 % interval", "coverage 100.0 %", "float32"})
    EXPECT_NE(text.out.find(part), std::string::npos) << part << " in " << text.out;
  const Ran json = program(evaluate(encoder(), head(), "--json --threads 2"));
  ASSERT_EQ(json.status, 0) << json.err;
  const auto result = nlohmann::json::parse(json.out);
  const auto written = nlohmann::json::parse(read_file(path("out/evaluation.json")));
  EXPECT_EQ(result.at("value"), written.at("value"));
  EXPECT_EQ(result.at("n"), 24);
}

TEST_F(EvaluateCli, MeasuresBoxesAsTheProbeThatTrainedTheHead) {
  const std::string boxes =
      write("boxes.json", R"({"name": "boxes", "kind": "synthetic", "world": "localised_action",
                              "train": 40, "test": 24})");
  const Ran probe = program("probe --quiet --encoder " + encoder() + " --task " + boxes +
                            " --set epochs=2 --set clips=1 --out " + path("probe"));
  ASSERT_EQ(probe.status, 0) << probe.err;
  const auto only = [&](const std::string& folder) {
    return std::filesystem::directory_iterator(path(folder))->path().string();
  };
  const auto record = nlohmann::json::parse(read_file(only("probe/records")));
  ASSERT_EQ(record.at("measure").at("name"), "mAP");
  const std::string run = "evaluate --quiet --encoder " + encoder() + " --task " + boxes +
                          " --head " + only("probe/heads");
  const Ran json = program(run + " --json");
  ASSERT_EQ(json.status, 0) << json.err;
  const auto result = nlohmann::json::parse(json.out);
  EXPECT_EQ(result.at("metric"), "mAP");
  EXPECT_NEAR(result.at("value").get<double>(), record.at("value").get<double>(), 0.5);
  EXPECT_NEAR(result.at("accuracy").get<double>(), result.at("correct").get<double>() / 0.24, 1e-9);
  const Ran text = program(run);
  EXPECT_EQ(text.out.rfind("mAP ", 0), 0U) << text.out;
  EXPECT_NE(text.out.find("\naccuracy "), std::string::npos) << text.out;
}

TEST_F(EvaluateCli, TellsEncodersAndHeadsApart) {
  expect_refusal(evaluate(encoder(), encoder()),
                 {"encoder.safetensors", "this is an encoder; name it with --encoder"});
  expect_refusal(evaluate(head(), head()),
                 {"--encoder", "head.safetensors", "this is a head; name it with --head"});
  expect_refusal(evaluate(encoder(), "pico/vjepa-multiblock"),
                 {"--head", "encoder of the zoo; name it with --encoder"});
  expect_refusal(evaluate(encoder(), path("absent")), {"--head", "absent"});
}

TEST_F(EvaluateCli, RefusesHeadsThatDoNotFit) {
  ClassifierSpec spec = small_classifier_spec();
  spec.classes = 5;
  save_classifier(path("five.safetensors"), random_classifier(spec, 1));
  expect_refusal(evaluate(encoder(), path("five.safetensors")),
                 {"five", "classes", "8", "found 5"});
  spec = small_classifier_spec();
  spec.width = 32;
  save_classifier(path("wide.safetensors"), random_classifier(spec, 1));
  expect_refusal(evaluate(encoder(), path("wide.safetensors")),
                 {"wide", "width", "16", "found 32"});
  Classifier named = random_classifier(small_classifier_spec(), 1);
  for (int i = 0; i < 8; ++i) named.class_names.push_back("class " + std::to_string(i));
  save_classifier(path("named.safetensors"), named);
  expect_refusal(evaluate(encoder(), path("named.safetensors")), {"class names", "\"class 0\""});
}

TEST_F(EvaluateCli, RefusesProtocolsThatItDoesNotHave) {
  expect_refusal(evaluate(encoder(), head(), "--recipe k400"), {"--recipe"});
  expect_refusal(evaluate(encoder(), head(), "--set view=3"), {"--set", "\"view\"", "\"views\""});
  expect_refusal(evaluate(encoder(), head(), "--set views=3"), {"views", "task small"});
  const std::string manifest =
      write("videos.json", R"({"name": "videos", "kind": "manifest", "manifest": "clips.csv"})");
  const std::string base =
      "evaluate --encoder " + encoder() + " --head " + head() + " --task " + manifest;
  expect_refusal(base + " --recipe k400", {"--recipe", "\"k400\"", "k400_16x8x3"});
  expect_refusal(base, {"--task", "clips.csv"});
  EXPECT_FALSE(std::filesystem::exists(path("out")));
}

TEST_F(EvaluateCli, FailsWhenNothingCanBeRead) {
  for (const char* name : {"a.mp4", "b.mp4", "c.mp4"}) write(name, "this is no video");
  write("clips.csv", "a.mp4 0\nb.mp4 7\nc.mp4 1\n");
  const std::string manifest =
      write("videos.json", R"({"name": "videos", "kind": "manifest", "manifest": "clips.csv",
                         "folds": 2})");
  const Ran run = program("evaluate --quiet --encoder " + encoder() + " --head " + head() +
                          " --task " + manifest + " --out " + path("out"));
  EXPECT_EQ(run.status, 1) << run.err;
  EXPECT_NE(run.err.find("none of 3 samples could be read"), std::string::npos) << run.err;
  EXPECT_FALSE(std::filesystem::exists(path("out/evaluation.json")));
}

}  // namespace evaluate_cli_test
}  // namespace permafrost
