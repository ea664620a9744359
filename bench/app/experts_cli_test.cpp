// SPDX-License-Identifier: Apache-2.0
// An encoder with experts as a user makes and uses it: pretrain, inspect, features, convert, probe,
// finetune.
#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace experts_cli_test {
using Json = nlohmann::json;

Json config() {
  return Json::parse(R"({
      "objective": "vjepa", "batch": 8, "gradient_shards": 2, "steps": 4, "checkpoint_every": 4,
      "log_every": 1, "learning_rate": {"peak": 0.003}, "moe": {"balance": 0.02, "z": 0.001},
      "encoder": {"width": 24, "depth": 2, "heads": 2, "frames": 4, "height": 24,
                  "image_width": 24, "experts": 4, "experts_chosen": 2, "expert_blocks": [1]},
      "predictor": {"width": 12, "depth": 1, "heads": 2}})");
}

constexpr const char* kTask = R"({"name": "few", "kind": "synthetic", "world": "appearance",
                                  "train": 40, "test": 16, "version": 1})";

class ExpertsCli : public Cli {
 protected:
  static std::string of_run(const std::string& name) {
    static const TestFolder folder;
    return (folder / name).string();
  }
  void pretrain() const {
    if (std::filesystem::exists(encoder())) return;
    const Ran run = program("pretrain " + write("experts.json", config().dump()) + " --out " +
                            of_run("run") + " --quiet");
    ASSERT_EQ(run.status, 0) << run.err;
  }
  static std::string encoder() { return of_run("run/encoder.safetensors"); }
  // What a run of a changed configuration says.
  Ran refused(const Json& changes) const {
    Json json = config();
    json.merge_patch(changes);
    return program("pretrain " + write("bad.json", json.dump()) + " --out " + path("bad"));
  }
};

TEST_F(ExpertsCli, AreInspected) {
  pretrain();
  const Ran text = program("inspect " + encoder());
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_TRUE(contains(text.out, "experts     4 of width 48 in block 1, 2 a token")) << text.out;
  EXPECT_TRUE(contains(text.out, ", of which a token meets ")) << text.out;
  EXPECT_TRUE(contains(text.out, "blocks.1.mlp.experts.fc1.weight")) << text.out;
  const Ran json = program("inspect " + encoder() + " --json");
  const Json read = Json::parse(json.out);
  // Two of four experts of 24x48 and back.
  EXPECT_EQ(read.at("parameters").get<int>() - read.at("active_parameters").get<int>(),
            2 * (2 * 24 * 48 + 48 + 24));
  EXPECT_FALSE(read.contains("experts"));
}

TEST_F(ExpertsCli, ShowWhereTokensGo) {
  pretrain();
  const std::string on = " --on " + write("few.json", kTask) + " --clips 20";
  const Ran json = program("inspect " + encoder() + on + " --json");
  ASSERT_EQ(json.status, 0) << json.err;
  const Json blocks = Json::parse(json.out).at("experts");
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(blocks[0].at("block"), 1);
  double load = 0;
  for (const Json& share : blocks[0].at("load")) load += share.get<double>();
  EXPECT_NEAR(load, 1, 1e-9);
  EXPECT_EQ(blocks[0].at("first_by_frame").size(), 2U);
  EXPECT_TRUE(blocks[0].at("label").is_number() && blocks[0].at("place").is_number());
  const Ran text = program("inspect " + encoder() + on);
  EXPECT_TRUE(contains(text.out, "block 1: largest load ")) << text.out;
  EXPECT_TRUE(contains(text.out, "the first choice tells of place ")) << text.out;
}

TEST_F(ExpertsCli, AreUsedAsAnyEncoder) {
  pretrain();
  write_safetensors(path("clips.safetensors"), {{"clips", fill({3, 4, 3, 24, 24}, 1, 1)}}, {});
  const auto features = [&](const std::string& rest) {
    const Ran run =
        program("features --encoder " + encoder() + " --input " + path("clips.safetensors") +
                " --output " + path("out.safetensors") + rest);
    EXPECT_EQ(run.status, 0) << run.err;
    return read_safetensors(path("out.safetensors")).tensor("features", "out").clone();
  };
  EXPECT_TRUE(features(" --threads 1").equal(features(" --threads 3")));
  const std::string task = write("few.json", kTask);
  const Ran probe = program("probe --encoder " + encoder() + " --task " + task +
                            " --set epochs=1 --set batch=16 --out " + path("probed"));
  EXPECT_EQ(probe.status, 0) << probe.err;
  const Ran tuned = program("finetune --encoder " + encoder() + " --task " + task +
                            " --set epochs=1 --set batch=16 --out " + path("tuned"));
  EXPECT_EQ(tuned.status, 0) << tuned.err;
  const Ran copied =
      program("convert --encoder " + encoder() + " --out " + path("copy.safetensors"));
  EXPECT_EQ(copied.status, 0) << copied.err;
  const auto hash = [&](const std::string& file) {
    return Json::parse(program("inspect " + file + " --json").out).at("sha256");
  };
  EXPECT_EQ(hash(path("copy.safetensors")), hash(encoder()));
}

TEST_F(ExpertsCli, AreRefusedWhereNobodyKnowsThem) {
  pretrain();
  const Ran run =
      program("convert --encoder " + encoder() + " --to huggingface --out " + path("folder"));
  EXPECT_EQ(run.status, 2);
  EXPECT_TRUE(contains(run.err, "convert: experts: expected 0")) << run.err;
  EXPECT_FALSE(std::filesystem::exists(path("folder")));
}

TEST_F(ExpertsCli, ConfigurationsAreChecked) {
  const auto says = [&](const Json& changes, const char* text) {
    const Ran run = refused(changes);
    EXPECT_EQ(run.status, 2) << changes;
    EXPECT_TRUE(contains(run.err, text)) << run.err;
    EXPECT_FALSE(std::filesystem::exists(path("bad/config.json")));
  };
  says({{"encoder", {{"experts_chosen", 5}}}}, "experts_chosen: expected at most experts (4)");
  says({{"encoder", {{"expert_blocks", {2}}}}}, "expert_blocks: expected numbers below depth (2)");
  says({{"encoder",
         {{"experts", nullptr}, {"expert_blocks", nullptr}, {"experts_chosen", nullptr}}}},
       "moe: expected no such key with an encoder without experts");
  says({{"moe", {{"balance", "much"}}}}, "balance: expected a number");
}

}  // namespace experts_cli_test
}  // namespace permafrost
