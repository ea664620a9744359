// SPDX-License-Identifier: Apache-2.0
#include "datasets/measures/measure.h"

#include "common/error.h"
#include "common/nearest_name.h"
#include "datasets/measures/mean_average_precision.h"
#include "datasets/measures/top1.h"

namespace permafrost {
namespace {

using Measures = std::vector<std::unique_ptr<Measure>>;

// What comes with the program: first the default of one class a sample, then that of classes in
// boxes and of sets of classes.
Measures& measures() {
  static Measures all = [] {
    Measures built_in;
    built_in.push_back(make_top1());
    built_in.push_back(make_mean_average_precision());
    return built_in;
  }();
  return all;
}

}  // namespace

double Measure::chance_of_sets(const std::vector<double>& shares) const {
  double sum = 0;
  for (const double share : shares) sum += share;
  return shares.empty() ? 0 : 100 * sum / static_cast<double>(shares.size());
}

double chance_of(const Measure& measure, int classes, const std::vector<Prediction>& predictions) {
  if (classes <= 0) return 0;
  if (predictions.empty() || predictions[0].target.kind() != TargetKind::class_set)
    return measure.chance(classes);
  std::vector<double> shares(static_cast<std::size_t>(classes), 0);
  for (const auto& p : predictions)
    for (const int label : p.target.labels())
      if (label < classes)
        shares[static_cast<std::size_t>(label)] += 1 / static_cast<double>(predictions.size());
  return measure.chance_of_sets(shares);
}

std::string unit_in_words(const Measure& measure) {
  const std::string unit = measure.unit();
  return unit == "%" ? "percent" : unit;
}

const Measure& default_measure(TargetKind kind) {
  const bool ranked = kind == TargetKind::boxed_class || kind == TargetKind::class_set;
  return *measures()[ranked ? 1 : 0];
}

bool is_default(const Measure& measure) { return &measure == &default_measure(); }

std::vector<std::string> measure_names() {
  std::vector<std::string> names;
  for (const auto& measure : measures()) names.push_back(measure->name());
  return names;
}

const Measure& measure_named(const std::string& name, const std::string& where,
                             const std::string& field) {
  for (const auto& measure : measures())
    if (measure->name() == name) return *measure;
  throw InputError(where, field, "one of " + joined(measure_names()), quoted(name),
                   "nearest: " + nearest_name(name, measure_names()));
}

const Measure& register_measure(std::unique_ptr<Measure> measure) {
  for (const auto& known : measures())
    if (known->name() == measure->name())
      throw Error("measure " + quoted(measure->name()) + " is there already");
  measures().push_back(std::move(measure));
  return *measures().back();
}

}  // namespace permafrost
