// SPDX-License-Identifier: Apache-2.0
#include "probes/train/head_objective.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "datasets/measures/average_precision.h"

namespace permafrost {
namespace {

class SoftmaxObjective : public HeadObjective {
 public:
  at::Tensor truth(const TargetPointers& targets, int) const override {
    std::vector<std::int64_t> labels;
    for (const Target* target : targets) labels.push_back(target ? target->label() : kNoLabel);
    return at::tensor(at::ArrayRef<std::int64_t>(labels), at::kLong);
  }
  at::Tensor summed(const at::Tensor& logits, const at::Tensor& truth) const override {
    return at::cross_entropy_loss(logits, truth, {}, at::Reduction::Sum, kNoLabel);
  }
  LossGradient with_gradient(const at::Tensor& logits, const at::Tensor& truth) const override {
    const at::NoGradGuard no_grad;
    const at::Tensor log_shares = at::log_softmax(logits, 1);
    const auto [loss, weight] =
        at::nll_loss_forward(log_shares, truth, {}, at::Reduction::Sum, kNoLabel);
    const at::Tensor gradient =
        at::nll_loss_backward(at::ones({}, logits.options()), log_shares, truth, {},
                              at::Reduction::Sum, kNoLabel, weight);
    // Logits without a label may be NaN, and 0 * NaN is NaN.
    return {loss, at::_log_softmax_backward_data(gradient, log_shares, 1, logits.scalar_type())
                      .masked_fill_(truth.eq(kNoLabel).unsqueeze(1), 0)};
  }
  at::Tensor shares(const std::vector<MixedTarget>& parts, int classes,
                    double smoothing) const override {
    at::Tensor row = at::zeros({classes});
    if (parts.empty()) return row;
    row.add_(smoothing / classes);
    for (const auto& part : parts) row[part.target->label()] += part.share * (1 - smoothing);
    return row;
  }
  // A row of zeros has no weight.
  at::Tensor summed_soft(const at::Tensor& logits, const at::Tensor& shares) const override {
    return -(shares * at::log_softmax(logits, 1)).sum();
  }
  at::Tensor probabilities(const at::Tensor& logits) const override {
    return at::softmax(logits, 1);
  }
  std::vector<double> quality(const at::Tensor& scores, const at::Tensor& truth) const override {
    const at::Tensor right = scores.argmax(2) == truth.unsqueeze(0);
    const at::Tensor shares = right.to(at::kDouble).mean(1);
    std::vector<double> out;
    for (std::int64_t c = 0; c < shares.size(0); ++c) out.push_back(shares[c].item<double>());
    return out;
  }
};

constexpr float kNoWeight = -1;  // in the row of a sample that could not be read

class SigmoidObjective : public HeadObjective {
 public:
  at::Tensor truth(const TargetPointers& targets, int classes) const override {
    at::Tensor rows = at::zeros({static_cast<std::int64_t>(targets.size()), classes});
    for (std::size_t i = 0; i < targets.size(); ++i) {
      at::Tensor row = rows[static_cast<std::int64_t>(i)];
      if (!targets[i]) row.fill_(kNoWeight);
      if (targets[i])
        for (const int label : targets[i]->labels()) row[label] = 1;
    }
    return rows;
  }
  at::Tensor summed(const at::Tensor& logits, const at::Tensor& truth) const override {
    return summed_soft(logits, truth);
  }
  LossGradient with_gradient(const at::Tensor& logits, const at::Tensor& truth) const override {
    const at::NoGradGuard no_grad;
    const at::Tensor unread = truth < 0;
    const at::Tensor read = logits.masked_fill(unread, 0);
    const at::Tensor gradient =
        ((at::sigmoid(read) - truth) / static_cast<double>(logits.size(1))).masked_fill_(unread, 0);
    return {summed_soft(read, truth), gradient};
  }
  at::Tensor shares(const std::vector<MixedTarget>& parts, int classes,
                    double smoothing) const override {
    if (parts.empty()) return at::full({classes}, kNoWeight);
    at::Tensor row = at::full({classes}, smoothing / 2, at::kFloat);
    for (const auto& part : parts)
      for (const int label : part.target->labels()) row[label] += part.share * (1 - smoothing);
    return row;
  }
  at::Tensor summed_soft(const at::Tensor& logits, const at::Tensor& shares) const override {
    const at::Tensor weights = (shares >= 0).to(logits.scalar_type());
    return at::binary_cross_entropy_with_logits(logits, shares, weights, {}, at::Reduction::Sum) /
           static_cast<double>(logits.size(1));
  }
  at::Tensor probabilities(const at::Tensor& logits) const override { return at::sigmoid(logits); }
  std::vector<double> quality(const at::Tensor& scores, const at::Tensor& truth) const override {
    std::vector<Target> targets;
    for (std::int64_t i = 0; i < truth.size(0); ++i) {
      std::vector<int> labels;
      for (std::int64_t c = 0; c < truth.size(1); ++c)
        if (truth[i][c].item<float>() > 0) labels.push_back(static_cast<int>(c));
      targets.push_back(Target::of_set(std::move(labels)));
    }
    std::vector<double> out;
    for (std::int64_t l = 0; l < scores.size(0); ++l) {
      const at::Tensor rows = scores[l].to(at::kDouble).contiguous();
      std::vector<std::vector<double>> values;
      for (std::int64_t i = 0; i < rows.size(0); ++i) {
        const double* row = rows.const_data_ptr<double>() + i * rows.size(1);
        values.emplace_back(row, row + rows.size(1));
      }
      out.push_back(mean_average_precision(values, targets).value_or(0));
    }
    return out;
  }
};

}  // namespace

const HeadObjective& objective_of(HeadLoss loss) {
  static const SoftmaxObjective softmax;
  static const SigmoidObjective sigmoid;
  if (loss == HeadLoss::sigmoid) return sigmoid;
  return softmax;
}

TargetPointers pointers_to(const LabelledFeatures& features,
                           const std::vector<std::int64_t>& samples) {
  TargetPointers targets;
  for (const auto i : samples) {
    const auto k = static_cast<std::size_t>(i);
    targets.push_back(features.failures[k].empty() ? &features.targets[k] : nullptr);
  }
  return targets;
}

at::Tensor repeated(const at::Tensor& truth, std::int64_t times) {
  if (truth.dim() == 1) return truth.repeat({times});
  return truth.repeat({times, 1});
}

}  // namespace permafrost
