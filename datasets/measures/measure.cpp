// SPDX-License-Identifier: Apache-2.0
#include "datasets/measures/measure.h"

#include "common/error.h"
#include "common/nearest_name.h"
#include "datasets/measures/mean_average_precision.h"
#include "datasets/measures/top1.h"

namespace permafrost {
namespace {

using Measures = std::vector<std::unique_ptr<Measure>>;

// What comes with the program: first the default of classes, then that of classes in boxes.
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

double chance_of(const Measure& measure, int classes) {
  return classes > 0 ? measure.chance(classes) : 0;
}

std::string unit_in_words(const Measure& measure) {
  const std::string unit = measure.unit();
  return unit == "%" ? "percent" : unit;
}

const Measure& default_measure(TargetKind kind) {
  return *measures()[kind == TargetKind::boxed_class ? 1 : 0];
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
