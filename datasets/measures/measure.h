// SPDX-License-Identifier: Apache-2.0
#pragma once

// How the predictions of a task are scored. Tasks name their measure; the runner, records,
// comparisons, tables, reports and `evaluate` ask it and know no measure by name. A new one is a
// class like those in top1.cpp, see docs/adding-a-measure.md.
//
//   const Measure& measure = measure_named("mAP", "task.json", "measure");
//   const auto values = measure.values(record.predictions);  // their mean is the cell's number
#include <memory>
#include <string>
#include <vector>

#include "datasets/measures/prediction.h"

namespace permafrost {

// What a head gives for a class, and what it is trained by. See probes/train/head_objective.h.
enum class HeadLoss {
  softmax,  // one class a sample: softmax over the classes, cross-entropy
  sigmoid,  // any number of classes a sample: a sigmoid for each class, binary cross-entropy
};

// More is better, in every measure. One object of each lives as long as the program: addresses are
// compared. Thread-safe.
class Measure {
 public:
  virtual ~Measure() = default;
  virtual std::string name() const = 0;         // as files have it: "top1"
  virtual std::string description() const = 0;  // as tables say it: "top-1 accuracy"
  virtual std::string unit() const { return "%"; }
  // Where values can lie: the interval of what is not known, and the ends of one that is.
  virtual double lowest() const { return 0; }
  virtual double highest() const { return 100; }
  // The value of answers that know nothing of the samples, with so many classes of which one is
  // true of a sample; see chance_of().
  virtual double chance(int classes) const = 0;
  // The same where several may be true of a sample: shares[c] of the samples have class c. Unless a
  // measure says otherwise, that of one class named at random.
  virtual double chance_of_sets(const std::vector<double>& shares) const;
  // What heads are trained for where predictions are scored so.
  virtual HeadLoss loss(TargetKind target) const {
    return target == TargetKind::class_set ? HeadLoss::sigmoid : HeadLoss::softmax;
  }
  // Whether predictions keep a score for every class (column `scores` of their file).
  virtual bool needs_scores() const { return false; }
  // Whether a sample's value is the highest (right) or the lowest (wrong) by itself: samples can
  // then be counted, and two cells compared by McNemar's test.
  virtual bool counts_right() const { return false; }
  // One a sample, in the unit. Their mean is the number of the cell, their resamples and
  // differences its spread and its tests (docs/statistics.md). What could not be read counts as
  // wrong. Throws Error for predictions that lack what the measure needs.
  virtual std::vector<double> values(const std::vector<Prediction>& predictions) const = 0;
};

// 0 where the number of classes is not known. Of several classes a sample, chance depends on how
// often each of them is true of what was tested.
double chance_of(const Measure& measure, int classes,
                 const std::vector<Prediction>& predictions = {});

// "%" is said as "percent", every other unit as it is.
std::string unit_in_words(const Measure& measure);

// What tasks are scored by that name no measure: the share of right answers; where the answer is
// about what a box shows, as in AVA, or is a set of classes, as in Charades, mean average
// precision.
const Measure& default_measure(TargetKind kind = TargetKind::clip_class);
// Whether it is the first of these, which tables need not name.
bool is_default(const Measure& measure);

// Names of all, the default first.
std::vector<std::string> measure_names();
// Throws InputError(where, field, ...) that lists the names there are.
const Measure& measure_named(const std::string& name, const std::string& where,
                             const std::string& field);
// Adds one to those that come with the program. Not while others look one up. Throws Error for a
// name that is taken.
const Measure& register_measure(std::unique_ptr<Measure> measure);

}  // namespace permafrost
