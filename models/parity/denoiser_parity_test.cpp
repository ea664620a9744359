// SPDX-License-Identifier: Apache-2.0
// The denoiser against the released diffusion transformer's own outputs: time embedding, blocks,
// final layer, schedules, losses and gradients. The files are data outside the tree's sources.
#include "models/network/denoiser/denoiser.h"
#include "models/network/denoiser/fold.h"
#include "models/network/denoiser/noise.h"
#include "models/testing/denoiser_dump.h"

namespace permafrost {
namespace denoiser_parity_test {

struct Path {
  std::string name;
  Parametrisation parametrisation;
};
const std::vector<Path> kPaths{{"eps", Parametrisation::eps}, {"flow", Parametrisation::flow}};

at::Tensor levels_of(const Dump& dump, const DenoiserSpec& spec) {
  std::vector<NoiseLevel> levels;
  for (std::int64_t i = 0; i < dump.at("input.t").size(0); ++i)
    levels.push_back(spec.parametrisation == Parametrisation::eps
                         ? level_of_step(dump.at("input.t")[i].item<int>())
                         : level_at(spec, dump.at("input.tau")[i].item<double>()));
  return level_rows(levels);
}

at::Tensor patches_of(const Dump& dump, const std::string& name, const DenoiserSpec& spec) {
  return patchify_normalised(dump.at(name), spec.network);
}

class DenoiserParity : public testing::Test {
 protected:
  void SetUp() override {
    files_ = parity_files("dit_tiny", ".safetensors");
    if (files_.empty()) GTEST_SKIP() << "no dit_tiny*.safetensors";
  }
  std::vector<std::filesystem::path> files_;
};

TEST_F(DenoiserParity, Schedules) {
  for (const auto& path : files_) {
    const Dump dump(path);
    const auto agrees = [&](const std::vector<double>& ours, const std::string& name) {
      const at::Tensor values =
          at::tensor(at::ArrayRef<double>(ours), at::TensorOptions(at::kDouble));
      EXPECT_LT(relative(values, dump.at("schedule." + name)), 1e-12) << path << " " << name;
    };
    const BetaSchedule linear = linear_betas(), cosine = cosine_betas();
    agrees(linear.betas, "linear.betas");
    agrees(linear.kept, "linear.alphas_cumprod");
    agrees(linear.posterior_variance, "linear.posterior_variance");
    agrees(linear.posterior_log_variance, "linear.posterior_log_variance_clipped");
    agrees(linear.from_clean, "linear.posterior_mean_coef1");
    agrees(linear.from_noised, "linear.posterior_mean_coef2");
    agrees(cosine.betas, "cosine.betas");
    agrees(cosine.kept, "cosine.alphas_cumprod");
    for (const int step : {0, 1, 500, 999}) {
      const NoiseLevel level = level_of_step(step);
      EXPECT_NEAR(level.signal, dump.at("schedule.linear.sqrt_alphas_cumprod")[step].item<double>(),
                  1e-12);
      EXPECT_NEAR(level.noise,
                  dump.at("schedule.linear.sqrt_one_minus_alphas_cumprod")[step].item<double>(),
                  1e-12);
    }
  }
}

// Sinusoid, condition, modulation, the stream after every block, features and the answer.
void expect_states(const Dump& dump, const DumpedDenoiser& net, const std::string& name,
                   const at::Tensor& patches, const at::Tensor& times) {
  const auto agrees = [&](const at::Tensor& ours, const std::string& what) {
    EXPECT_LT(relative(ours, dump.at("output." + name + "." + what)), 1e-5) << name << " " << what;
  };
  agrees(time_sinusoid(times, net.spec.frequencies), "sinusoid");
  const at::Tensor condition = condition_of(net.weights, times);
  agrees(condition, "condition");
  std::vector<at::Tensor> modulations;
  for (const auto& block : net.weights.blocks)
    modulations.push_back(at::cat(modulation_of(block.modulation, condition), 1));
  agrees(at::stack(modulations, 1), "modulation");
  std::vector<at::Tensor> states;
  const at::Tensor answer =
      apply_denoiser(net.weights, net.spec, patches, times, {.states = &states});
  ASSERT_EQ(states.size(), net.weights.blocks.size());
  for (std::size_t i = 0; i < states.size(); ++i) agrees(states[i], "block." + std::to_string(i));
  agrees(denoiser_features(net.weights, net.spec, patches, times), "features");
  const std::string prediction = "output." + name + ".prediction";
  if (dump.tensors.count(prediction) == 0) return;  // of clean input
  EXPECT_LT(relative(answer, patches_of(dump, prediction, net.spec)), 1e-5) << name;
}

TEST_F(DenoiserParity, Forward) {
  for (const auto& path : files_) {
    SCOPED_TRACE(path.string());
    const Dump dump(path);
    for (const auto& [name, parametrisation] : kPaths) {
      const DumpedDenoiser net(dump, parametrisation);
      EXPECT_LT(relative(net.weights.pos_embed, dump.at("encoder.pos_embed")), 1e-6);
      const at::Tensor levels = levels_of(dump, net.spec);
      const at::Tensor x0 = patches_of(dump, "input.clip", net.spec);
      EXPECT_LT(relative(x0, dump.at("output.patches")), 1e-7);
      const at::Tensor x = noised(x0, patches_of(dump, "input.noise", net.spec), levels);
      EXPECT_LT(relative(x, patches_of(dump, "output." + name + ".noised", net.spec)), 1e-6);
      expect_states(dump, net, name, x, times_of(levels));
    }
  }
}

TEST_F(DenoiserParity, CleanInputAsAFrozenEncoderSeesIt) {
  for (const auto& path : files_) {
    SCOPED_TRACE(path.string());
    const Dump dump(path);
    const DumpedDenoiser net(dump, Parametrisation::eps);
    const at::Tensor x0 = patches_of(dump, "input.clip", net.spec);
    expect_states(dump, net, "clean", x0, dump.at("input.clean_t").to(at::kFloat));
    // The same from an ordinary encoder, a clip at a time: each has a noise level of its own.
    for (std::int64_t i = 0; i < x0.size(0); ++i) {
      const double tau = level_of_step(dump.at("input.clean_t")[i].item<int>()).tau;
      for (int blocks = 1; blocks <= net.spec.network.depth; ++blocks) {
        const FoldedEncoder frozen = folded(net.weights, net.spec, tau, blocks, "fixture");
        const at::Tensor features = encode(frozen.weights, frozen.spec, x0.slice(0, i, i + 1));
        const at::Tensor stream =
            dump.at("output.clean.block." + std::to_string(blocks - 1)).slice(0, i, i + 1);
        const at::Tensor expected =
            at::layer_norm(stream, {stream.size(2)}, {}, {}, net.spec.network.norm_eps);
        EXPECT_LT(relative(features, expected), 1e-5) << "clip " << i << ", blocks " << blocks;
      }
    }
  }
}

TEST_F(DenoiserParity, LossesAndGradients) {
  for (const auto& path : files_) {
    SCOPED_TRACE(path.string());
    const Dump dump(path);
    for (const auto& [name, parametrisation] : kPaths) {
      DumpedDenoiser net(dump, parametrisation);
      visit(net.weights, [](const std::string&, at::Tensor& t) { t.set_requires_grad(true); });
      const at::Tensor levels = levels_of(dump, net.spec);
      const at::Tensor x0 = patches_of(dump, "input.clip", net.spec);
      const at::Tensor e = patches_of(dump, "input.noise", net.spec);
      const at::Tensor answer =
          denoise(net.weights, net.spec, {}, noised(x0, e, levels), times_of(levels));
      const at::Tensor errors = (answer - target_of(parametrisation, x0, e)).square().mean({1, 2});
      EXPECT_LT(relative(errors, dump.at("output." + name + ".loss_of_each")), 1e-5) << name;
      const at::Tensor loss = errors.mean();
      EXPECT_LT(relative(loss, dump.at("output." + name + ".loss")), 1e-5) << name;
      loss.backward();
      std::size_t compared = 0;
      for (const auto& [tensor_name, tensor] : named_tensors(net.weights)) {
        const auto it = dump.tensors.find("grad." + name + "." + tensor_name);
        if (it == dump.tensors.end()) continue;
        EXPECT_LT(relative(tensor.grad(), it->second.reshape(tensor.sizes())), 1e-4)
            << name << " " << tensor_name;
        ++compared;
      }
      EXPECT_EQ(compared, gradients_in(dump, name)) << name;
      EXPECT_GT(compared, 0U) << name;
    }
  }
}

}  // namespace denoiser_parity_test
}  // namespace permafrost
