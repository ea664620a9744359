// SPDX-License-Identifier: Apache-2.0
// Blocks of experts against other implementations: routers, outputs, losses and gradients, with and
// without capacity. The files are data outside the tree's sources.
#include "models/network/layers/experts.h"
#include "models/testing/parity_support.h"

namespace permafrost {
namespace experts_parity_test {

// The files' layer, with leaves of autograd.
struct DumpedExperts {
  FeedForwardSpec spec;
  FeedForwardWeights weights;
  at::Tensor x;  // [B,N,D]

  at::Tensor leaf(const Dump& dump, const std::string& name) {
    return dump.at(name).clone().requires_grad_();
  }

  explicit DumpedExperts(const Dump& dump) {
    spec.kind = dump.config.value("ffn", kGelu);
    spec.width = dump.config.value("hidden", 0);
    spec.routing = {.experts = dump.whole("num_experts"),
                    .chosen = dump.whole("top_k"),
                    .renormalised = dump.config.value("renormalise", false)};
    weights.gate = leaf(dump, "moe.gate.weight");
    x = leaf(dump, "input.tokens");
    const auto experts = std::int64_t{spec.routing.experts}, width = x.size(2);
    if (spec.kind == kSwiglu) {
      weights.fc1 = {leaf(dump, "moe.experts.gate_up_proj"),
                     at::zeros({experts, 2 * std::int64_t{spec.width}})};
      weights.fc2 = {leaf(dump, "moe.experts.down_proj"), at::zeros({experts, width})};
    } else if (spec.width > 0) {
      weights.fc1 = {leaf(dump, "moe.experts.fc1.weight"), leaf(dump, "moe.experts.fc1.bias")};
      weights.fc2 = {leaf(dump, "moe.experts.fc2.weight"), leaf(dump, "moe.experts.fc2.bias")};
    }
  }

  // "experts.fc1.bias" as the files' gradients call it.
  NamedTensors leaves() const {
    NamedTensors all{{"gate.weight", weights.gate}, {"input.tokens", x}};
    if (spec.kind == kSwiglu) {
      all.insert(all.end(), {{"experts.gate_up_proj", weights.fc1.weight},
                             {"experts.down_proj", weights.fc2.weight}});
    } else if (spec.width > 0) {
      all.insert(all.end(), {{"experts.fc1.weight", weights.fc1.weight},
                             {"experts.fc1.bias", weights.fc1.bias},
                             {"experts.fc2.weight", weights.fc2.weight},
                             {"experts.fc2.bias", weights.fc2.bias}});
    }
    return all;
  }

  Routing routing() const { return route(weights.gate, x, spec.routing); }
};

// The files' loss of balance counts all k choices and takes the batch for one clip.
at::Tensor dumped_balance(const Routing& routing) {
  Routing whole = routing;
  whole.probabilities = routing.probabilities.flatten(0, 1).unsqueeze(0);
  whole.chosen = routing.chosen.flatten(0, 1).unsqueeze(0);
  return balance_loss(whole) * static_cast<double>(routing.chosen.size(2));
}

void expect_near(const at::Tensor& ours, const at::Tensor& theirs, double within,
                 const std::string& what) {
  EXPECT_LT(relative(ours.detach().reshape(theirs.sizes()), theirs), within) << what;
}

void expect_router(const Dump& dump, const Routing& routing, const std::string& where) {
  expect_near(routing.logits, dump.at("output.logits"), 1e-5, where + " logits");
  EXPECT_TRUE(routing.chosen.flatten().equal(dump.at("output.experts").flatten())) << where;
}

// Those of the file, after `loss.backward()`; they are then forgotten.
void expect_gradients(const Dump& dump, const DumpedExperts& layer, const std::string& start,
                      const std::string& where) {
  for (auto [name, leaf] : layer.leaves()) {
    const auto found = dump.tensors.find(start + name);
    if (found == dump.tensors.end()) continue;
    ASSERT_TRUE(leaf.grad().defined()) << where << " " << name;
    expect_near(leaf.grad(), found->second, 1e-4, where + " " + start + name);
  }
  for (auto [name, leaf] : layer.leaves()) leaf.mutable_grad() = at::Tensor();
}

void expect_layer(const std::filesystem::path& path) {
  const Dump dump(path);
  const DumpedExperts layer(dump);
  const std::string where = path.filename().string();
  const Routing routing = layer.routing();
  expect_router(dump, routing, where);
  expect_near(routing.gates, dump.at("output.weights"), 1e-5, where + " gates");
  const at::Tensor out = apply_feed_forward(layer.weights, layer.spec, layer.x);
  expect_near(out, dump.at("output.tokens"), 1e-5, where + " tokens");
  const at::Tensor balance = dumped_balance(routing), z = router_z_loss(routing);
  expect_near(balance, dump.at("output.aux_loss"), 1e-5, where + " balance");
  if (dump.tensors.contains("output.z_loss"))
    expect_near(z, dump.at("output.z_loss"), 1e-5, where + " z");
  const at::Tensor loss = at::mse_loss(out, dump.at("input.target")) +
                          dump.config.at("aux_weight").get<double>() * balance +
                          dump.config.at("z_weight").get<double>() * z;
  expect_near(loss, dump.at("output.loss"), 1e-5, where + " loss");
  loss.backward();
  expect_gradients(dump, layer, "grad.loss.", where);
  if (!dump.tensors.contains("grad.aux.gate.weight")) return;
  dumped_balance(layer.routing()).backward();
  expect_gradients(dump, layer, "grad.aux.", where);
}

// The same in float64: the way of a device, where every expert sees every token.
void expect_device_layer(const std::filesystem::path& path) {
  const Dump dump(path);
  DumpedExperts layer(dump);
  visit(layer.weights, "", [](const std::string&, at::Tensor& t) { t = t.to(at::kDouble); });
  const at::Tensor out = apply_feed_forward(layer.weights, layer.spec, layer.x.to(at::kDouble));
  expect_near(out, dump.at("output.tokens"), 1e-5, path.filename().string());
  at::mse_loss(out, dump.at("input.target").to(at::kDouble)).backward();
  EXPECT_TRUE(layer.x.grad().isfinite().all().item<bool>());
}

TEST(ExpertsParity, Layers) {
  const auto files = parity_files("moe_tiny", ".safetensors");
  if (files.empty()) GTEST_SKIP() << "no moe_tiny*.safetensors";
  for (const auto& path : files) {
    expect_layer(path);
    expect_device_layer(path);
  }
}

TEST(ExpertsParity, Capacity) {
  int seen = 0;
  for (const auto& path : parity_files("moe_tiny", ".safetensors")) {
    const Dump dump(path);
    if (!dump.config.contains("capacity_factor")) continue;
    ++seen;
    DumpedExperts layer(dump);
    layer.spec.routing.capacity = dump.config.at("capacity_factor").get<double>();
    EXPECT_EQ(places_of_an_expert(layer.spec.routing, layer.x.size(1)), dump.whole("capacity"));
    EXPECT_TRUE(layer.routing().kept.to(at::kByte).equal(dump.at("output.capacity.kept"))) << path;
    expect_near(apply_feed_forward(layer.weights, layer.spec, layer.x),
                dump.at("output.capacity.tokens"), 1e-5, path.filename().string());
  }
  if (seen == 0) GTEST_SKIP() << "no moe_tiny*.safetensors with a capacity";
}

TEST(ExpertsParity, Switch) {
  const auto files = parity_files("moe_switch", ".safetensors");
  if (files.empty()) GTEST_SKIP() << "no moe_switch*.safetensors";
  for (const auto& path : files) {
    const Dump dump(path);
    const DumpedExperts layer(dump);
    const std::string where = path.filename().string();
    const Routing routing = layer.routing();
    expect_router(dump, routing, where);
    expect_near(routing.gates, dump.at("output.weights"), 1e-5, where + " gates");
    const at::Tensor kept =
        within_capacity(routing.chosen, dump.whole("num_experts"), dump.whole("capacity"));
    const at::Tensor dispatch =
        at::zeros_like(dump.at("output.dispatch")).scatter(2, routing.chosen, kept.to(at::kByte));
    EXPECT_TRUE(dispatch.equal(dump.at("output.dispatch"))) << where;
    const at::Tensor balance = balance_loss(routing), z = router_z_loss(routing);
    expect_near(balance, dump.at("output.aux_loss"), 1e-5, where + " balance");
    expect_near(z, dump.at("output.z_loss"), 1e-5, where + " z");
    (dump.config.at("aux_weight").get<double>() * balance +
     dump.config.at("z_weight").get<double>() * z)
        .backward();
    expect_gradients(dump, layer, "grad.loss.", where);
  }
}

}  // namespace experts_parity_test
}  // namespace permafrost
