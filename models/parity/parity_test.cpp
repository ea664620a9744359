// SPDX-License-Identifier: Apache-2.0
// Tiny networks of the reference implementation, dumped with its own outputs: forward, gradients,
// schedules and eight steps of training. The files are data outside the tree.
#include "models/encoders/encoder.h"
#include "models/pretraining/objectives/feature_prediction.h"
#include "models/testing/parity_support.h"
#include "models/training/adamw.h"
#include "models/training/gradient_shards.h"
#include "models/training/schedule.h"

namespace permafrost {
namespace parity_test {

// The reference's network, its weights taken from a dump.
struct Network {
  EncoderSpec spec;
  PredictorSpec predictor_spec;
  VitWeights encoder;
  PredictorWeights predictor;

  explicit Network(const Dump& dump) {
    spec = dumped_spec(dump);
    spec.height = spec.image_width = dump.whole("image_size");
    const bool rope = dump.config.value("rope", false);
    if (rope) spec.positions = Positions::rope_3d;
    predictor_spec = {.width = dump.whole("predictor_embed_dim"),
                      .depth = dump.whole("predictor_depth"),
                      .heads = dump.whole("predictor_heads"),
                      .outputs = spec.width,
                      .positions = spec.positions,
                      .grid_h = spec.grid_h(),
                      .grid_w = spec.grid_w()};
    encoder = make_vit(spec, Init::normal, 0);
    int mask_tokens = 0;
    while (dump.tensors.count("predictor.mask_tokens." + std::to_string(mask_tokens)) > 0)
      ++mask_tokens;
    predictor = make_predictor(predictor_spec, spec, mask_tokens, Init::normal, 0);
    visit(encoder,
          [&](const std::string& name, at::Tensor& t) { take(dump, "encoder." + name, t); });
    visit(predictor,
          [&](const std::string& name, at::Tensor& t) { take(dump, "predictor." + name, t); });
  }
};

std::vector<Mask> masks_of(const Dump& dump, const std::string& prefix) {
  std::vector<Mask> masks;
  for (int i = 0; dump.tensors.count(prefix + "mask." + std::to_string(i) + ".context") > 0; ++i) {
    const std::string name = prefix + "mask." + std::to_string(i);
    masks.push_back({dump.at(name + ".context"), dump.at(name + ".target")});
  }
  return masks;
}

// The loss as pretraining computes it, with gradients of encoder, then predictor.
ShardedGradients gradients_of(const Network& net, const VitWeights& target, const at::Tensor& clip,
                              const std::vector<Mask>& masks, double exponent) {
  const at::Tensor patches = patchify_normalised(clip.to(at::kFloat), net.spec);
  const at::Tensor targets = normalised_features(encode(target, net.spec, patches));
  // Cut in two where the batch allows it: the sum over shards is part of what is compared.
  const int shards = patches.size(0) % 2 == 0 ? 2 : 1;
  const auto size = patches.size(0) / shards;
  return sharded_gradients(shards, 2, [&](int shard) {
    const auto part = [&](const at::Tensor& t) {
      return t.slice(0, shard * size, (shard + 1) * size);
    };
    VitWeights e = alias_of(net.encoder, true);
    PredictorWeights p = alias_of(net.predictor, true);
    std::vector<Mask> mine;
    for (const auto& mask : masks) mine.push_back({part(mask.context), part(mask.target)});
    ShardResult result;
    result.loss = prediction_loss({e, net.spec, p, net.predictor_spec}, part(patches),
                                  part(targets), mine, exponent) /
                  static_cast<double>(shards);
    for (const auto& [name, tensor] : named_tensors(e)) result.leaves.push_back(tensor);
    for (const auto& [name, tensor] : named_tensors(p)) result.leaves.push_back(tensor);
    return result;
  });
}

NamedTensors all_tensors(Network& net) {
  NamedTensors all;
  visit(net.encoder,
        [&](const std::string& name, at::Tensor& t) { all.emplace_back("encoder." + name, t); });
  visit(net.predictor,
        [&](const std::string& name, at::Tensor& t) { all.emplace_back("predictor." + name, t); });
  return all;
}

std::int64_t gradients_in(const Dump& dump) {
  return std::count_if(dump.tensors.begin(), dump.tensors.end(),
                       [](const auto& item) { return item.first.rfind("grad.", 0) == 0; });
}

TEST(Parity, ErrorsThatAreNoNumbersAreNotPassedOver) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(larger_error(0.5, none)));
  EXPECT_TRUE(std::isnan(larger_error(none, 0.5)));
  EXPECT_EQ(larger_error(0.5, 0.25), 0.5);
  EXPECT_EQ(larger_error(0.25, 0.5), 0.5);
}

TEST(Parity, ForwardLossAndGradients) {
  const auto files = parity_files("vjepa_tiny", ".safetensors");
  if (files.empty()) GTEST_SKIP() << "no vjepa_tiny*.safetensors";
  double forward = 0, backward = 0, loss = 0;
  for (const auto& path : files) {
    const Dump dump(path);
    Network net(dump);
    EXPECT_LT(relative(net.encoder.pos_embed, dump.at("encoder.pos_embed")), 1e-6) << path;
    const at::Tensor patches = patchify_normalised(dump.at("input.clip"), net.spec);
    forward = larger_error(
        forward, relative(encode(net.encoder, net.spec, patches), dump.at("output.features")));
    const auto masks = masks_of(dump, "");
    ASSERT_FALSE(masks.empty());
    for (std::size_t i = 0; i < masks.size(); ++i) {
      const std::string name = "output." + std::to_string(i);
      const at::Tensor z = encode(net.encoder, net.spec, patches, masks[i].context);
      forward = larger_error(forward, relative(z, dump.at(name + ".context_features")));
      const at::Tensor p = predict(net.predictor, net.predictor_spec, net.spec.norm_eps, z,
                                   masks[i].context, masks[i].target, static_cast<int>(i));
      forward = larger_error(forward, relative(p, dump.at(name + ".prediction")));
    }
    const ShardedGradients result = gradients_of(net, net.encoder, dump.at("input.clip"), masks,
                                                 dump.config.value("loss_exp", 1.0));
    loss = larger_error(
        loss, std::abs(result.loss.item<double>() / dump.at("output.loss").item<double>() - 1));
    const NamedTensors all = all_tensors(net);
    std::int64_t compared = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto it = dump.tensors.find("grad." + all[i].first);
      if (it == dump.tensors.end()) continue;
      const double error = relative(result.gradients[i], it->second.reshape(all[i].second.sizes()));
      EXPECT_LT(error, 1e-4) << path << " " << all[i].first;
      backward = larger_error(backward, error);
      ++compared;
    }
    EXPECT_EQ(compared, gradients_in(dump)) << path << ": gradients of tensors that we have not";
  }
  EXPECT_LT(forward, 1e-5);
  EXPECT_LT(loss, 1e-5);
  RecordProperty("forward", std::to_string(forward * 1e9) + "e-9");
  RecordProperty("backward", std::to_string(backward * 1e9) + "e-9");
}

// A clip of another size, where the file has one: V-JEPA resizes its table, V-JEPA 2 turns anew.
TEST(Parity, OtherInputSizes) {
  int compared = 0;
  for (const char* start : {"vjepa_tiny", "vjepa2_tiny"}) {
    for (const auto& path : parity_files(start, ".safetensors")) {
      const Dump dump(path);
      if (dump.tensors.count("input.clip_resized") == 0) continue;
      const Network net(dump);
      const at::Tensor clip = dump.at("input.clip_resized");
      const Encoder encoder =
          at_size({.spec = net.spec, .weights = net.encoder},
                  {static_cast<int>(clip.size(2)), static_cast<int>(clip.size(3)),
                   static_cast<int>(clip.size(4))});
      const at::Tensor features =
          encode(encoder.weights, encoder.spec, patchify_normalised(clip, encoder.spec));
      EXPECT_LT(relative(features, dump.at("output.features_resized")), 1e-5) << path;
      ++compared;
    }
  }
  if (compared == 0) GTEST_SKIP() << "no file with input.clip_resized";
}

TEST(Parity, Vjepa2EncoderAndPredictor) {
  const auto files = parity_files("vjepa2_tiny", ".safetensors");
  if (files.empty()) GTEST_SKIP() << "no vjepa2_tiny*.safetensors";
  for (const auto& path : files) {
    const Dump dump(path);
    const Network net(dump);
    const at::Tensor patches = patchify_normalised(dump.at("input.clip"), net.spec);
    EXPECT_LT(relative(encode(net.encoder, net.spec, patches), dump.at("output.features")), 1e-5);
    const at::Tensor context = dump.at("mask.context"), target = dump.at("mask.target");
    const at::Tensor z = encode(net.encoder, net.spec, patches, context);
    EXPECT_LT(relative(z, dump.at("output.context_features")), 1e-5) << path;
    const at::Tensor prediction = predict(net.predictor, net.predictor_spec, net.spec.norm_eps, z,
                                          context, target, dump.whole("mask_index"));
    EXPECT_LT(relative(prediction, dump.at("output.prediction")), 1e-5) << path;
  }
}

struct Schedules {
  LearningRate rate;
  WeightDecay decay;
  Momentum momentum;
  explicit Schedules(const Dump& dump) {
    const Json& c = dump.config;
    const double epoch = c.at("iterations_per_epoch"), scale = c.at("ipe_scale"),
                 epochs = c.at("epochs");
    // In the reference's order: 1.15 * 3 * 100 is 345, and 1.15 * 100 * 3 a little less.
    const auto length = static_cast<std::int64_t>(scale * epochs * epoch);
    rate = {.start = c.at("start_lr"),
            .peak = c.at("lr"),
            .final = c.at("final_lr"),
            .warmup = static_cast<std::int64_t>(c.at("warmup_epochs").get<double>() * epoch),
            .length = length};
    decay = {.start = c.at("weight_decay"), .final = c.at("final_weight_decay"), .length = length};
    momentum = {.start = c.at("ema")[0], .final = c.at("ema")[1], .length = epoch * epochs * scale};
  }
};

TEST(Parity, Schedules) {
  const auto files = parity_files("vjepa_schedules", ".safetensors");
  if (files.empty()) GTEST_SKIP() << "no vjepa_schedules*.safetensors";
  for (const auto& path : files) {
    const Dump dump(path);
    const Schedules schedules(dump);
    for (std::int64_t i = 0; i < dump.at("lr").size(0); ++i) {
      const auto near = [&](double ours, const char* name) {
        EXPECT_NEAR(ours / dump.at(name)[i].item<double>(), 1, 1e-12) << path << " " << name << i;
      };
      near(schedules.rate.at(i + 1), "lr");
      near(schedules.decay.at(i + 1), "wd");
      near(schedules.momentum.at(i), "momentum");
    }
  }
}

TEST(Parity, TrainingTrace) {
  const auto files = parity_files("vjepa_training_trace", ".safetensors");
  if (files.empty()) GTEST_SKIP() << "no vjepa_training_trace*.safetensors";
  for (const auto& path : files) {
    const Dump dump(path);
    const Schedules schedules(dump);
    Network net(dump);
    VitWeights target = clone_of(net.encoder);
    // Ours are the reference's, which no configuration of its own changes.
    EXPECT_EQ(dump.config.value("betas", Json{0.9, 0.999}), (Json{0.9, 0.999})) << path;
    EXPECT_EQ(dump.config.value("eps", 1e-8), 1e-8) << path;
    AdamW optimiser;
    const NamedTensors all = all_tensors(net);
    optimiser.add(all);
    const auto encoder_tensors = static_cast<std::ptrdiff_t>(named_tensors(net.encoder).size());
    double losses = 0, norms = 0, final = 0;
    for (int k = 0; k < dump.whole("steps"); ++k) {
      const std::string prefix = "step." + std::to_string(k) + ".";
      const auto result = gradients_of(net, target, dump.at(prefix + "clip"),
                                       masks_of(dump, prefix), dump.config.value("loss_exp", 1.0));
      losses = larger_error(
          losses,
          std::abs(result.loss.item<double>() / dump.at("output.losses")[k].item<double>() - 1));
      const auto split = result.gradients.begin() + encoder_tensors;
      const Json clip = dump.config.value("clip_grad", Json());
      const bool warm = k / dump.whole("iterations_per_epoch") > dump.whole("warmup_epochs");
      const double limit = warm && clip.is_number() ? clip.get<double>() : 0.0;
      const double e = clip_gradients({result.gradients.begin(), split}, limit).item<double>();
      const double p = clip_gradients({split, result.gradients.end()}, limit).item<double>();
      for (const auto& [ours, name] :
           {std::pair{e, "output.encoder_grad_norms"}, {p, "output.predictor_grad_norms"}})
        norms = larger_error(norms, std::abs(ours / dump.at(name)[k].item<double>() - 1));
      optimiser.step(result.gradients, schedules.rate.at(k + 1), schedules.decay.at(k + 1));
      const NamedTensors slow = named_tensors(target), fast = named_tensors(net.encoder);
      const double m = schedules.momentum.at(k);
      for (std::size_t i = 0; i < slow.size(); ++i)
        at::Tensor(slow[i].second).mul_(m).add_(fast[i].second, 1 - m);
    }
    NamedTensors ends = all;
    for (const auto& [name, tensor] : named_tensors(target))
      ends.emplace_back("target_encoder." + name, tensor);
    for (const auto& [name, tensor] : ends) {
      const double error = relative(tensor, dump.at("final." + name).reshape(tensor.sizes()));
      EXPECT_LT(error, 1e-3) << path << " " << name;
      final = larger_error(final, error);
    }
    EXPECT_LT(losses, 1e-4) << path;
    EXPECT_LT(norms, 1e-3) << path;
    RecordProperty("losses", std::to_string(losses * 1e9) + "e-9");
    RecordProperty("norms", std::to_string(norms * 1e9) + "e-9");
    RecordProperty("final", std::to_string(final * 1e9) + "e-9");
  }
}

}  // namespace parity_test
}  // namespace permafrost
