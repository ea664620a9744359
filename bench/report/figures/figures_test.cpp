// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/figures.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "bench/records/record_folder.h"
#include "bench/report/figures/attention_panel.h"
#include "bench/report/figures/zoo_files.h"
#include "bench/testing/test_results.h"
#include "models/encoders/encoder.h"
#include "probes/heads/classifier_file.h"

namespace permafrost {
namespace figures_test {

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

class Figures : public testing::Test {
 protected:
  void SetUp() override {
    files_.fill();
    folder_ = read_results_folder(files_.path());
  }
  TestResults files_;
  ResultsFolder folder_;
};

TEST_F(Figures, GiveEachEncoderOneStyle) {
  const EncoderStyles styles(folder_);
  ASSERT_EQ(styles.all().size(), 3U);
  for (std::size_t r = 0; r < 3; ++r)
    EXPECT_EQ(&styles.of(folder_.tables[0], r), &styles.of(folder_.tables[1], r));
  EXPECT_NE(styles.all()[0].ink, styles.all()[1].ink);
  EXPECT_NE(styles.all()[0].marker, styles.all()[1].marker);
  EXPECT_TRUE(styles.all()[2].floor);
  EXPECT_EQ(styles.all()[2].ink, kFloorInk);
}

TEST_F(Figures, SayTheAccuracyOfEveryColumn) {
  const Figure figure = accuracy_figure(folder_.tables[0], "f", EncoderStyles(folder_));
  ASSERT_EQ(figure.panels.size(), 2U);
  EXPECT_TRUE(holds(figure.panels[0].alt, ", paper 60.0; name row 1: "));
  EXPECT_TRUE(holds(figure.panels[0].alt, "; chance 25.0"));
  EXPECT_TRUE(holds(figure.panels[1].alt, "name row 2: not available"));
}

TEST_F(Figures, DrawLowShotOverTheShareOfLabels) {
  const EncoderStyles styles(folder_);
  EXPECT_TRUE(low_shot_figure(folder_, folder_.tables[0], "f", styles).panels.empty());
  const Figure figure = low_shot_figure(folder_, folder_.tables[1], "f", styles);
  ASSERT_EQ(figure.panels.size(), 1U);
  EXPECT_TRUE(holds(figure.panels[0].alt, " at 10 %"));
  EXPECT_TRUE(holds(figure.panels[0].alt, " at 50 %"));
  EXPECT_TRUE(holds(figure.panels[0].alt, "name row 2: "));
  EXPECT_TRUE(holds(figure.panels[0].alt, "not available at 50 %"));
}

TEST_F(Figures, AverageTheSweepOverSeeds) {
  const Figure figure = sweep_figure(folder_, EncoderStyles(folder_));
  // Both tables ask for the same task under the same name of a protocol.
  ASSERT_EQ(figure.panels.size(), 1U);
  EXPECT_TRUE(holds(figure.panels[0].alt, "name row 0 encoder: 25.0 at 1e-3 50.0 at 1e-2"));
}

TEST_F(Figures, CountConfusionsByClass) {
  const Figure figure = confusion_figure(folder_, EncoderStyles(folder_));
  ASSERT_EQ(figure.panels.size(), 4U) << "floors are left out";
  // 21 and 22 of 24 are right in row 0, column 0: of six samples of class 0 all are, of class 3
  // four and five of twelve are not.
  EXPECT_TRUE(holds(figure.panels[0].alt, "0: 100 % right;")) << figure.panels[0].alt;
  EXPECT_TRUE(holds(figure.panels[0].alt, "3: 83 % right, most often taken for 0 (17 %)"))
      << figure.panels[0].alt;
}

TEST_F(Figures, SayWhyNothingIsDrawn) {
  const EncoderStyles styles(folder_);
  const Figure training = training_figure(styles), masks = mask_figure(styles);
  EXPECT_TRUE(training.panels.empty() && masks.panels.empty());
  EXPECT_EQ(training.notes.size(), 2U);
  EXPECT_TRUE(holds(training.notes[0], "it is not in the zoo"));
  EXPECT_TRUE(holds(masks.notes[0], "it is not in the zoo"));
  EXPECT_TRUE(holds(attention_figure(folder_, styles).notes[0], "--keep-heads"));
}

// Losses of one panel have one meaning.
TEST(TrainingLog, SaysWhatWasPredicted) {
  const TestFolder zoo;
  ::setenv("PERMAFROST_ZOO", zoo.path().c_str(), 1);
  const auto predicts = [&](const std::string& line) {
    write_file_atomically(zoo / "x.log.jsonl", line + "\n");
    return read_training_log("x").at(0).predicts;
  };
  EXPECT_EQ(predicts(R"({"step":1,"loss":0.4,"momentum":0.9})"), Predicts::features);
  EXPECT_EQ(predicts(R"({"step":1,"loss":0.4,"gradient_norm_encoder":1})"), Predicts::pixels);
  EXPECT_EQ(predicts(R"({"step":1,"loss":0.4,"loss_noise_00_25":null,"gradient_norm_denoiser":1})"),
            Predicts::noise);
  EXPECT_EQ(predicts(R"({"step":1,"loss":0.4,"loss_noise_00_25":0.1,"gradient_norm_encoder":1})"),
            Predicts::noise);
  ::unsetenv("PERMAFROST_ZOO");
}

TEST(AttentionPanel, VeilsByTheSquareRoot) {
  const EncoderSpec spec{
      .width = 8, .patch = 4, .tubelet = 2, .frames = 4, .height = 4, .image_width = 8};
  const Panel panel = attention_panel({0.8F, 0.2F, 0, 0}, spec, "frames-0", "title", "alt");
  for (const char* opacity : {"opacity=\"0.00\"", "opacity=\"0.41\""})
    EXPECT_EQ(count_of(panel.svg, opacity), 1U) << opacity;
  EXPECT_EQ(count_of(panel.svg, "opacity=\"0.82\""), 2U);
  EXPECT_EQ(count_of(panel.svg, "href=\"#frames-0\""), 2U);
}

// A head of the zoo's encoder on the pico suite's quick motion task, as tables --keep-heads leaves
// it; the head is random.
void add_kept_head(const TestResults& files, const std::string& identity_suffix) {
  const Encoder encoder = load_encoder("pico/vjepa-multiblock", "test");
  TaskSpec spec;
  for (const auto& known : quick_suite(read_suite("pico")).tasks)
    if (known.name == "motion") spec = known;
  const Task task = open_task(spec, encoder.spec.clip_shape(), "");
  Record r;
  r.used_by = {{0, "row", "column", std::nullopt}};
  r.encoder = {encoder.name, encoder.source, encoder.sha256, to_json(encoder.spec)};
  r.task = {.name = "motion",
            .identity = task.identity + identity_suffix,
            .version = 1,
            .classes = task.classes};
  r.protocol = {{"name", "frozen"}, {"kind", "probe"}, {"head", "attentive"}, {"clips", 1}};
  for (const auto sample : task.folds[0].test)
    r.predictions.push_back({task.source->name(sample), task.source->label(sample), 0, sample});
  complete(r);
  write_record(files.path(), r);
  const HeadSpec head{.width = encoder.spec.width, .heads = 2, .classes = task.classes};
  Classifier classifier;
  classifier.spec = classifier_spec_of(head);
  classifier.weights = classifier_weights_of(make_head(head, 1, 1), head);
  save_classifier(files / "heads" / (r.key + ".safetensors"), classifier);
}

TEST(AttentionFigure, ShowsFramesAndWhatAHeadLooksAt) {
  const TestResults files;
  add_kept_head(files, "");
  const ResultsFolder folder = read_results_folder(files.path());
  const Figure figure = attention_figure(folder, EncoderStyles(folder));
  ASSERT_EQ(figure.panels.size(), 6U) << (figure.notes.empty() ? "" : figure.notes[0]);
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(count_of(figure.panels[k].svg, "data:image/png;base64,"), 1U);
    EXPECT_EQ(figure.panels[k].title, "motion/test/" + std::to_string(k));
    // 4 tubelets of 6x6 tokens.
    EXPECT_EQ(count_of(figure.panels[3 + k].svg, "<rect"), 144U);
    EXPECT_TRUE(holds(figure.panels[3 + k].alt, "most attended tenth of the 144 tokens"));
  }
  // The classes of the suite; every prediction is class 0.
  EXPECT_EQ(figure.panels[3].title, "pico/vjepa-multiblock: right");
  EXPECT_EQ(figure.panels[4].title, "pico/vjepa-multiblock: left, taken for right");
  // The zoo has the encoder's log and masks too.
  EXPECT_FALSE(training_figure(EncoderStyles(folder)).panels.empty());
  EXPECT_EQ(mask_figure(EncoderStyles(folder)).panels.size(), 2U);
}

TEST(AttentionFigure, IsNotDrawnOnOtherSamplesThanWereMeasured) {
  const TestResults files;
  add_kept_head(files, "x");
  const ResultsFolder folder = read_results_folder(files.path());
  const Figure figure = attention_figure(folder, EncoderStyles(folder));
  EXPECT_TRUE(figure.panels.empty());
  EXPECT_TRUE(holds(figure.notes[0], "no suite has the synthetic task that was measured"));
}

}  // namespace figures_test
}  // namespace permafrost
