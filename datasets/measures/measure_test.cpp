// SPDX-License-Identifier: Apache-2.0
#include "datasets/measures/measure.h"

#include <gtest/gtest.h>

#include "common/error.h"
#include "datasets/measures/top1.h"

namespace permafrost {
namespace measure_test {

const std::vector<Prediction> kPredictions{{"a", 0, 0, 0, {.7F, .2F, .1F}},
                                           {"b", 1, 0, 1, {.5F, .4F, .1F}},
                                           {"c", 2, -1, 2},
                                           {"d", {1, Box{}}, 1, 3, {.1F, .8F, .1F}}};

TEST(Measure, TopOneIsTheShareOfRightAnswers) {
  const Measure& top1 = measure_named("top1", "here", "measure");
  EXPECT_EQ(top1.values(kPredictions), (std::vector<double>{100, 0, 0, 100}));
  EXPECT_EQ(top1.values({{"x", {}, -1}}), std::vector<double>{0}) << "no label, no answer";
  EXPECT_TRUE(top1.counts_right());
  EXPECT_FALSE(top1.needs_scores());
  EXPECT_DOUBLE_EQ(chance_of(top1, 8), 12.5);
  EXPECT_DOUBLE_EQ(chance_of(top1, 0), 0);
  EXPECT_EQ(unit_in_words(top1), "percent");
}

TEST(Measure, RightOrWrongNeedsOnePredictionALabel) {
  EXPECT_EQ(right_or_wrong({0, 1, 2, 3, -1}, {0, 1, -1, 0, -1}),
            (std::vector<double>{100, 100, 0, 0, 0}));
  EXPECT_EQ(right_or_wrong({}, {}), std::vector<double>());
  EXPECT_THROW(right_or_wrong({1, 2}, {1}), Error);
}

TEST(Measure, MeanAveragePrecisionIsTheMeanOfItsValues) {
  const Measure& precise = measure_named("mAP", "here", "measure");
  double sum = 0;
  for (const double value : precise.values(kPredictions)) sum += value;
  // Class 0: 1; class 1: b and d before a; class 2: its sample could not be read.
  EXPECT_NEAR(sum / 4, 100 * (1.0 + 1.0 + 0) / 3, 1e-9);
  EXPECT_TRUE(precise.needs_scores());
  EXPECT_FALSE(precise.counts_right());
}

const std::vector<Prediction> kSets{{"a", Target::of_set({0, 2}), 2, 0, {.7F, .2F, .9F}},
                                    {"b", Target::of_set({}), 0, 1, {.5F, .4F, .1F}},
                                    {"c", Target::of_set({0}), 1, 2, {.6F, .8F, .2F}},
                                    {"d", Target::of_set({2}), -1, 3}};

TEST(Measure, SetsOfClassesAreScoredToo) {
  const Measure &top1 = measure_named("top1", "", ""), &precise = measure_named("mAP", "", "");
  EXPECT_EQ(top1.values(kSets), (std::vector<double>{100, 0, 0, 0})) << "any of them is right";
  double sum = 0;
  for (const double value : precise.values(kSets)) sum += value;
  // Class 0: both are ranked first; class 2: one of two first, the other could not be read.
  EXPECT_NEAR(sum / 4, 100 * (1.0 + 0.5) / 2, 1e-9);
}

TEST(Measure, ChanceOfSetsIsHowOftenAClassIsTrue) {
  EXPECT_DOUBLE_EQ(chance_of(measure_named("top1", "", ""), 3, kSets), 100 * (0.5 + 0 + 0.5) / 3);
  EXPECT_DOUBLE_EQ(chance_of(measure_named("mAP", "", ""), 3, kSets), 50);
  EXPECT_DOUBLE_EQ(chance_of(measure_named("mAP", "", ""), 3, kPredictions), 100.0 / 3);
}

TEST(Measure, ChoosesTheLossByTheTarget) {
  for (const char* name : {"top1", "mAP"}) {
    const Measure& measure = measure_named(name, "", "");
    EXPECT_EQ(measure.loss(TargetKind::clip_class), HeadLoss::softmax);
    EXPECT_EQ(measure.loss(TargetKind::boxed_class), HeadLoss::softmax);
    EXPECT_EQ(measure.loss(TargetKind::class_set), HeadLoss::sigmoid);
  }
}

TEST(Measure, DefaultFollowsFromTheTarget) {
  EXPECT_EQ(default_measure().name(), "top1");
  EXPECT_EQ(default_measure(TargetKind::boxed_class).name(), "mAP");
  EXPECT_EQ(default_measure(TargetKind::class_set).name(), "mAP");
  EXPECT_TRUE(is_default(default_measure()));
  EXPECT_FALSE(is_default(default_measure(TargetKind::boxed_class)));
}

TEST(Measure, UnknownNamesAreRefused) {
  try {
    measure_named("mAp", "record.json:/measure", "name");
    FAIL();
  } catch (const InputError& error) {
    const std::string text = error.what();
    for (const char* part : {"record.json:/measure", "name", "one of top1, mAP", "\"mAp\""})
      EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

class Constant : public Measure {
 public:
  explicit Constant(std::string name) : name_(std::move(name)) {}
  std::string name() const override { return name_; }
  std::string description() const override { return "a constant"; }
  std::string unit() const override { return "points"; }
  double chance(int) const override { return 7; }
  std::vector<double> values(const std::vector<Prediction>& predictions) const override {
    return std::vector<double>(predictions.size(), 7);
  }

 private:
  std::string name_;
};

TEST(Measure, IsRegisteredOnceByName) {
  const Measure& constant = register_measure(std::make_unique<Constant>("constant"));
  EXPECT_EQ(&measure_named("constant", "here", "measure"), &constant);
  EXPECT_EQ(measure_names().back(), "constant");
  EXPECT_EQ(unit_in_words(constant), "points");
  EXPECT_THROW(register_measure(std::make_unique<Constant>("top1")), Error);
}

TEST(Target, HasTheFieldsOfItsKind) {
  const Target none, label = 3, boxed{2, Box{0, 0, .5F, 1}};
  EXPECT_EQ(none.kind(), TargetKind::none);
  EXPECT_EQ(none.label(), -1);
  EXPECT_EQ(Target(-1), none);
  EXPECT_EQ(label.kind(), TargetKind::clip_class);
  EXPECT_EQ(label.label(), 3);
  EXPECT_FALSE(label.box().has_value());
  EXPECT_EQ(boxed.kind(), TargetKind::boxed_class);
  EXPECT_EQ(boxed.label(), 2);
  EXPECT_EQ(boxed.box(), (Box{0, 0, .5F, 1}));
  EXPECT_STREQ(name_of(boxed.kind()), "boxed_class");
  const Target set = Target::of_set({4, 1, 4});
  EXPECT_EQ(set.kind(), TargetKind::class_set);
  EXPECT_EQ(set.labels(), (std::vector<int>{1, 4}));
  EXPECT_EQ(set.label(), -1) << "no single one";
  EXPECT_TRUE(set.has(4));
  EXPECT_FALSE(set.has(3));
  EXPECT_TRUE(boxed.has(2));
  EXPECT_FALSE(none.has(-1));
  EXPECT_EQ(label.labels(), std::vector<int>{3});
  EXPECT_EQ(none.labels(), std::vector<int>{});
  EXPECT_NE(Target::of_set({}), none);
}

}  // namespace measure_test
}  // namespace permafrost
