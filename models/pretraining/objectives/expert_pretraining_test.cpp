// SPDX-License-Identifier: Apache-2.0
// Pretraining of encoders with experts, whatever the objective.
#include <cmath>
#include <nlohmann/json.hpp>

#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/denoiser_file.h"
#include "models/encoders/encoder.h"
#include "models/pretraining/objectives/expert_watch.h"
#include "models/pretraining/pretrain.h"
#include "models/testing/test_support.h"
#include "models/testing/toy_objective.h"
#include "models/testing/toy_run.h"

namespace permafrost {
namespace expert_pretraining_test {

Json run_of(const std::string& objective, const Json& changes = Json::object()) {
  Json json = toy_pretraining({{"objective", objective}, {"steps", 4}, {"gradient_shards", 4}});
  json["encoder"].update({{"experts", 4}, {"experts_chosen", 2}, {"expert_blocks", {0}}});
  if (objective == "denoise" || objective == "toy_noise") json.erase("predictor");
  json.update(changes);
  return json;
}

class ExpertPretraining : public testing::TestWithParam<const char*> {
 protected:
  TestFolder folder_;
};

// Stopped after a checkpoint of step 3 and after step 1, of which no checkpoint is kept.
TEST_P(ExpertPretraining, IsTheSameInPartsAndWithAnyThreads) {
  run_toy(run_of(GetParam()), folder_ / "whole");
  run_toy(run_of(GetParam()), folder_ / "parts", 2, 3);
  run_toy(run_of(GetParam()), folder_ / "parts");
  run_toy(run_of(GetParam()), folder_ / "threads", 3);
  for (const char* other : {"parts", "threads"}) {
    EXPECT_EQ(encoder_bytes(folder_ / other), encoder_bytes(folder_ / "whole")) << other;
    EXPECT_EQ(log_of(folder_ / other), log_of(folder_ / "whole")) << other;
  }
}

TEST_P(ExpertPretraining, LogsHowTokensAreSpread) {
  run_toy(run_of(GetParam()), folder_ / "run");
  const auto lines = log_of(folder_ / "run");
  ASSERT_EQ(lines.size(), 4U);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Json& line = lines[i];
    EXPECT_GE(line.at("router_balance"), 0.99) << line;
    EXPECT_GT(line.at("router_z"), 0);
    EXPECT_GE(line.at("block_0_load"), 1);
    EXPECT_LE(line.at("block_0_load"), 2);  // of two choices no expert can have more
    EXPECT_LE(line.at("block_0_entropy"), line.at("block_0_entropy_of_mean"));
    EXPECT_LE(line.at("block_0_entropy_of_mean"), 2.0001);
    EXPECT_GE(line.at("block_0_place"), 0);
    EXPECT_GE(line.at("block_0_frame"), 0);
    EXPECT_TRUE(line.contains("block_0_dead"));
    EXPECT_EQ(line.at("block_0_changed").is_null(), i == 0);
  }
}

// A mean over clips, so its parts' sum is the whole's.
TEST_P(ExpertPretraining, LossIsThatOfTheBatchWhateverTheShards) {
  std::vector<double> losses, router, norms;
  for (const int shards : {1, 2, 8}) {
    const auto out = folder_ / std::to_string(shards);
    run_toy(run_of(GetParam(), {{"gradient_shards", shards}, {"steps", 1}}), out);
    const Json line = log_of(out)[0];
    losses.push_back(line["loss"]);
    router.push_back(line["loss_router"]);
    norms.push_back(line[GetParam() == std::string("denoise") ? "gradient_norm_denoiser"
                                                              : "gradient_norm_encoder"]);
  }
  for (std::size_t i = 1; i < losses.size(); ++i) {
    EXPECT_NEAR(losses[i], losses[0], 1e-6);
    EXPECT_NEAR(router[i], router[0], 1e-6);
    EXPECT_NEAR(norms[i], norms[0], 1e-4 * norms[0]);
  }
}

TEST_P(ExpertPretraining, AddsWhatIsAsked) {
  const auto first_line = [&](const char* name, const Json& moe) {
    run_toy(run_of(GetParam(), {{"moe", moe}, {"steps", 1}}), folder_ / name);
    return log_of(folder_ / name)[0];
  };
  const Json none = first_line("none", {{"balance", 0}, {"z", 0}});
  const Json usual = first_line("usual", Json::object());
  const Json much = first_line("much", {{"balance", 0.5}, {"z", 0.25}});
  EXPECT_FALSE(none.contains("loss_router"));
  // One block; of two masks the mean.
  for (const auto& [line, balance, z] : {std::tuple(usual, 0.01, 0.001), {much, 0.5, 0.25}}) {
    const double added =
        balance * line["router_balance"].get<double>() + z * line["router_z"].get<double>();
    EXPECT_NEAR(line["loss"].get<double>(), none["loss"].get<double>() + added, 1e-5);
  }
}

TEST_P(ExpertPretraining, KeepsRoutersInFloat32) {
  const Json json = run_of(GetParam(), {{"precision", "bfloat16"}, {"steps", 2}});
  run_toy(json, folder_ / "half");
  run_toy(run_of(GetParam(), {{"steps", 2}}), folder_ / "full");
  const double half = log_of(folder_ / "half")[1]["loss"],
               full = log_of(folder_ / "full")[1]["loss"];
  EXPECT_NE(half, full);
  EXPECT_NEAR(half, full, 0.02 * full);
  const PretrainConfig config = read_pretrain_config(json, "toy.json");
  const auto learner = half_of(*config.objective->start());
  int routers = 0;
  for (const auto& [name, tensor] : tensors_of(*learner)) {
    const bool router = name.ends_with("gate.weight");
    routers += router ? 1 : 0;
    if (router) {
      EXPECT_EQ(tensor.scalar_type(), at::kFloat) << name;
    }
    if (name.find("experts.fc1.weight") != std::string::npos) {
      EXPECT_EQ(tensor.scalar_type(), at::kBFloat16) << name;
    }
  }
  EXPECT_GE(routers, 2);  // of what learns and of what follows
}

TEST_P(ExpertPretraining, MovesTheRouter) {
  run_toy(run_of(GetParam()), folder_ / "run");
  const SafetensorsFile file = read_safetensors(folder_ / "run/checkpoint.safetensors");
  const std::string group = GetParam() == std::string("denoise") ? "denoiser" : "encoder";
  const std::string name = group + ".blocks.0.mlp.gate.weight";
  const PretrainConfig config = read_pretrain_config(run_of(GetParam()), "toy.json");
  const auto fresh = config.objective->start();
  for (const auto& [known, tensor] : tensors_of(*fresh))
    if (known == name) {
      EXPECT_FALSE(tensor.equal(file.tensor(name, "run")));
    }
  const Encoder exported = load_encoder_file(folder_ / "run/encoder.safetensors");
  EXPECT_EQ(exported.spec.routing.experts, 4);
  if (GetParam() == std::string("denoise")) {
    const DenoiserReading reading = load_denoiser_file(folder_ / "run/denoiser.safetensors");
    EXPECT_EQ(encoder_at(reading, {.tau = 0.1}, "test").sha256, exported.sha256);
  }
  // The teacher's router follows, and is another than the learner's.
  if (GetParam() == std::string("vjepa")) {
    EXPECT_FALSE(file.tensor("target_encoder.blocks.0.mlp.gate.weight", "run")
                     .equal(file.tensor(name, "run")));
  }
}

INSTANTIATE_TEST_SUITE_P(Objectives, ExpertPretraining,
                         testing::Values("vjepa", "pixel_mae", "denoise", "diff_mae"));

TEST(ExpertKeys, AreOfEncodersWithExperts) {
  const auto refusal = [](const Json& json) {
    return input_error_of([&] { read_pretrain_config(json, "a.json"); });
  };
  EXPECT_EQ(refusal(run_of("toy_noise")),
            "a.json: encoder/experts: expected 0 with objective \"toy_noise\", found 4 (it does "
            "not add the losses of routers)");
  EXPECT_TRUE(contains(refusal(toy_pretraining({{"moe", Json::object()}})),
                       "moe: expected no such key with an encoder without experts"));
  EXPECT_TRUE(contains(refusal(run_of("vjepa", {{"moe", {{"balanse", 1}}}})),
                       "nearest valid key: \"balance\""));
  EXPECT_TRUE(contains(refusal(run_of("vjepa", {{"moe", {{"z", -1}}}})), "z: expected a number"));
}

TEST(ExpertWatch, TellsWhatChanged) {
  EncoderSpec spec = read_encoder_spec(run_of("vjepa")["encoder"], "a");
  WatchedClips watched = unwatched_clips(spec);
  EXPECT_EQ(watched.patches.size(0), clips_to_watch(spec));
  watch_clips(
      watched,
      at::arange(3, at::kFloat).view({3, 1, 1}).expand({3, spec.tokens(), spec.patch_values()}));
  EXPECT_EQ(watched.patches[4][0][0].item<float>(), 1);
  const auto figures_of = [&](std::vector<std::int64_t> pair) {
    StepFigures figures;
    note_experts(watched, spec, figures, [&](const at::Tensor& patches, BlockTrace& trace) {
      const at::Tensor chosen = at::tensor(at::ArrayRef<std::int64_t>(pair))
                                    .expand({patches.size(0), patches.size(1), 2});
      trace.routes->push_back({at::full({patches.size(0), patches.size(1), 4}, 0.25), chosen});
    });
    return figures.means();
  };
  EXPECT_TRUE(std::isnan(number_named(figures_of({0, 1}), "block_0_changed")));
  EXPECT_EQ(number_named(figures_of({1, 0}), "block_0_changed"), 0);  // the same two
  EXPECT_EQ(number_named(figures_of({1, 2}), "block_0_changed"), 0.5);
  const NamedNumbers last = figures_of({3, 0});
  EXPECT_EQ(number_named(last, "block_0_changed"), 1);
  EXPECT_EQ(number_named(last, "block_0_load"), 2);
  EXPECT_EQ(number_named(last, "block_0_dead"), 2);
  EXPECT_EQ(number_named(last, "block_0_entropy"), 2);
  EXPECT_EQ(number_named(last, "block_0_place"), 0);
  EncoderSpec dense = spec;
  dense.routing = {};
  EXPECT_FALSE(unwatched_clips(dense).patches.defined());
}

}  // namespace expert_pretraining_test
}  // namespace permafrost
