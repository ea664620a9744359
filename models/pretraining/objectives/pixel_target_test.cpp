// SPDX-License-Identifier: Apache-2.0
// Per-patch normalisation must not turn sensor noise into the target of pixel prediction.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "datasets/synthetic/scene.h"
#include "models/network/vit.h"
#include "models/pretraining/objectives/pixel_prediction.h"

namespace permafrost {
namespace pixel_target_test {

using synthetic::Split;
using synthetic::SyntheticTask;

// Share of the variance of the normalised pixels that the noise-free picture explains: the square
// of the correlation between the two renderings' targets.
double explained_share(SyntheticTask task) {
  at::set_num_threads(1);
  const EncoderSpec spec;
  double product = 0, noisy_squares = 0, clean_squares = 0;
  for (std::int64_t i = 0; i < 64; ++i) {
    synthetic::Scene scene = synthetic::draw_scene({task, Split::train, i});
    const auto target = [&] {
      Clip clip = render(scene, spec.clip_shape());
      return normalised_pixels(patchify(pixel_tensor(clip.pixels.data(), 1, clip.shape), spec));
    };
    const at::Tensor noisy = target();
    scene.noise = 0;
    const at::Tensor clean = target();
    product += (noisy * clean).sum().item<double>();
    noisy_squares += noisy.square().sum().item<double>();
    clean_squares += clean.square().sum().item<double>();
  }
  return product * product / (noisy_squares * clean_squares);
}

TEST(PixelTarget, IsTheTextureAndNotTheNoise) {
  for (const auto task :
       {SyntheticTask::appearance, SyntheticTask::motion, SyntheticTask::object}) {
    const double share = explained_share(task);
    RecordProperty(synthetic::name_of(task), std::to_string(share));
    std::printf("%s: %.3f of the normalised variance is not noise\n", synthetic::name_of(task),
                share);
    EXPECT_GT(share, 0.8) << synthetic::name_of(task);
  }
}

}  // namespace pixel_target_test
}  // namespace permafrost
