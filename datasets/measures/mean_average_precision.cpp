// SPDX-License-Identifier: Apache-2.0
#include "datasets/measures/mean_average_precision.h"

#include "datasets/measures/average_precision.h"

namespace permafrost {
namespace {

class MeanAveragePrecision : public Measure {
 public:
  std::string name() const override { return "mAP"; }
  std::string description() const override { return "mean average precision"; }
  // The share of a class, where all are as frequent: scores that know nothing rank it evenly.
  double chance(int classes) const override { return 100.0 / classes; }
  // The mean share of the classes that occur; those that do not are left out of the mean.
  double chance_of_sets(const std::vector<double>& shares) const override {
    double sum = 0, occurring = 0;
    for (const double share : shares) {
      sum += share;
      occurring += share > 0 ? 1 : 0;
    }
    return occurring > 0 ? 100 * sum / occurring : 0;
  }
  bool needs_scores() const override { return true; }
  std::vector<double> values(const std::vector<Prediction>& predictions) const override {
    std::vector<std::vector<float>> scores;
    std::vector<Target> targets;
    for (const auto& p : predictions) {
      scores.push_back(p.scores);
      targets.push_back(p.target);
    }
    auto values = average_precision_values(scores, targets);
    for (auto& value : values) value *= 100;
    return values;
  }
};

}  // namespace

std::unique_ptr<Measure> make_mean_average_precision() {
  return std::make_unique<MeanAveragePrecision>();
}

}  // namespace permafrost
