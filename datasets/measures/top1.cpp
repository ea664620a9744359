// SPDX-License-Identifier: Apache-2.0
#include "datasets/measures/top1.h"

#include "common/error.h"

namespace permafrost {
namespace {

double value_of(int label, int predicted) { return predicted >= 0 && predicted == label ? 100 : 0; }

class Top1 : public Measure {
 public:
  std::string name() const override { return "top1"; }
  std::string description() const override { return "top-1 accuracy"; }
  double chance(int classes) const override { return 100.0 / classes; }
  bool counts_right() const override { return true; }
  std::vector<double> values(const std::vector<Prediction>& predictions) const override {
    std::vector<double> values;
    for (const auto& p : predictions)
      values.push_back(p.predicted >= 0 && p.target.has(p.predicted) ? 100 : 0);
    return values;
  }
};

}  // namespace

std::unique_ptr<Measure> make_top1() { return std::make_unique<Top1>(); }

std::vector<double> right_or_wrong(const std::vector<int>& labels,
                                   const std::vector<int>& predictions) {
  if (labels.size() != predictions.size())
    throw Error("top-1: " + std::to_string(labels.size()) + " labels against " +
                std::to_string(predictions.size()) + " predictions");
  std::vector<double> values;
  for (std::size_t i = 0; i < labels.size(); ++i)
    values.push_back(value_of(labels[i], predictions[i]));
  return values;
}

}  // namespace permafrost
