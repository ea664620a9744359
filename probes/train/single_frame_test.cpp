// SPDX-License-Identifier: Apache-2.0
// One frame of a `motion` clip says nothing about its label: a linear classifier stays at chance.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "common/machine/parallel.h"
#include "datasets/synthetic/scene.h"
#include "models/network/vit.h"

namespace permafrost {
namespace single_frame_test {

using synthetic::Split;
using synthetic::SyntheticTask;

constexpr int kSide = 16;
constexpr std::int64_t kTrain = 6000, kTest = 3000;

// Pixels of frame `frame` of 8, as [n, 3*side*side + 1] in double, with a constant last column.
at::Tensor frames_of(SyntheticTask task, Split split, std::int64_t count, int frame) {
  at::Tensor rows = at::ones({count, 3 * kSide * kSide + 1}, at::kDouble);
  parallel_for(count, available_threads(), [&](std::int64_t i) {
    const Clip clip = render(synthetic::draw_scene({task, split, i}), {8, kSide, kSide});
    double* row = rows.data_ptr<double>() + i * rows.size(1);
    for (std::size_t k = 0; k < clip.frame_bytes(); ++k)
      row[k] = clip.frame(frame)[k] / 255.0 - 0.4;
  });
  return rows;
}

using LabelOf = std::function<std::int64_t(Split, std::int64_t)>;

at::Tensor labels_of(Split split, std::int64_t count, const LabelOf& label_of) {
  at::Tensor labels = at::empty({count}, at::kLong);
  for (std::int64_t i = 0; i < count; ++i) labels[i] = label_of(split, i);
  return labels;
}

// Test accuracy of ridge regression onto one-hot labels, the closed-form linear classifier.
double linear_accuracy(int frame, int classes, const LabelOf& label_of) {
  at::set_num_threads(1);
  const at::Tensor x = frames_of(SyntheticTask::motion, Split::train, kTrain, frame);
  const at::Tensor targets =
      at::one_hot(labels_of(Split::train, kTrain, label_of), classes).to(at::kDouble);
  const at::Tensor gram = x.t().matmul(x) + 30.0 * at::eye(x.size(1), at::kDouble);
  const at::Tensor weights = at::linalg_solve(gram, x.t().matmul(targets));
  const at::Tensor guessed =
      frames_of(SyntheticTask::motion, Split::test, kTest, frame).matmul(weights).argmax(1);
  const at::Tensor right = guessed == labels_of(Split::test, kTest, label_of);
  return right.to(at::kDouble).mean().item<double>();
}

TEST(SingleFrame, LinearClassifierIsAtChanceOnMotion) {
  const double chance = 1.0 / 8, error = std::sqrt(chance * (1 - chance) / kTest);
  const auto label = [](Split, std::int64_t i) { return i % 8; };
  for (const int frame : {0, 4, 7})
    EXPECT_NEAR(linear_accuracy(frame, 8, label), chance, 3 * error) << "frame " << frame;
}

// The same classifier on something that a frame does show: the test above has the power to fail.
TEST(SingleFrame, LinearClassifierSeesTheBackground) {
  const auto is_bright = [](Split split, std::int64_t i) -> std::int64_t {
    const auto low = synthetic::draw_scene({SyntheticTask::motion, split, i}).ground.low;
    return low.r + low.g + low.b > 1.2F ? 1 : 0;
  };
  EXPECT_GT(linear_accuracy(4, 2, is_bright), 0.8);
}

}  // namespace single_frame_test
}  // namespace permafrost
