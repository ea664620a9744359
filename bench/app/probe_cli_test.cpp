// SPDX-License-Identifier: Apache-2.0
// permafrost probe as a user runs it: heads of every kind, heads that are kept, few labels.
#include <nlohmann/json.hpp>

#include "bench/records/record.h"
#include "bench/records/record_folder.h"
#include "bench/testing/cli_fixture.h"
#include "common/files/png.h"
#include "models/encoders/encoder.h"
#include "probes/testing/test_clips.h"

namespace permafrost {
namespace probe_cli_test {
namespace fs = std::filesystem;

class ProbeCli : public Cli {
 protected:
  void SetUp() override {
    Encoder random = random_encoder(tiny_spec(), 1);
    save_encoder(path("encoder.safetensors"), random.weights, random.spec, {}, false);
    task_ = write("task.json", R"({"name": "small", "kind": "synthetic", "world": "appearance",
                                   "train": 80, "test": 60})");
  }
  // Exit 0; the records under `out`.
  std::vector<Record> probe(const std::string& more, const std::string& out = "out") const {
    const Ran run = program("probe --quiet --encoder " + path("encoder.safetensors") + " --task " +
                            task_ + " --set epochs=3 --out " + path(out) + " " + more);
    EXPECT_EQ(run.status, 0) << run.err;
    return run.status == 0 ? read_records(path(out)) : std::vector<Record>{};
  }
  std::string head_of(const Record& record, const std::string& out = "out") const {
    return path(out + "/heads/" + record.key + ".safetensors");
  }
  std::string task_;
};

TEST_F(ProbeCli, KeptHeadsGiveTheRecordsAccuracy) {
  const auto records = probe("--head attentive,mean_pool,linear");
  ASSERT_EQ(records.size(), 3U);
  for (const auto& record : records) {
    const Ran run =
        program("evaluate --quiet --json --encoder " + path("encoder.safetensors") + " --head " +
                head_of(record) + " --task " + task_ + " --out " + path("evaluated"));
    ASSERT_EQ(run.status, 0) << run.err;
    const auto result = nlohmann::json::parse(run.out);
    const std::string head = record.protocol.at("head");
    EXPECT_EQ(result.at("n"), record.n());
    EXPECT_NEAR(result.at("value").get<double>(), record.value, 1e-9) << head;
  }
}

TEST_F(ProbeCli, ReusesARecordOnlyWithItsHead) {
  const auto first = probe("--head linear");
  ASSERT_EQ(first.size(), 1U);
  const std::string head = read_file(head_of(first[0]));
  fs::remove(head_of(first[0]));
  const auto again = probe("--head linear");
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].predictions, first[0].predictions);
  EXPECT_EQ(read_file(head_of(first[0])), head);
  // With both there, nothing is computed: the times stay as they were.
  EXPECT_EQ(probe("--head linear")[0].train_seconds, again[0].train_seconds);
}

TEST_F(ProbeCli, NeighboursLeaveNoHeadAndSayWhichWereChosen) {
  const auto records = probe("--head knn --set neighbours=[3,7]");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_FALSE(fs::exists(path("out/heads")));
  EXPECT_FALSE(records[0].protocol.contains("epochs"));
  ASSERT_EQ(records[0].selections.size(), 1U);
  const Selection& selection = records[0].selections[0];
  EXPECT_EQ(selection.held_out_accuracy.size(), 2U);
  EXPECT_TRUE(selection.neighbours == 3 || selection.neighbours == 7);
  EXPECT_EQ(probe("--head knn --set neighbours=[3,7]")[0].train_seconds, records[0].train_seconds);
}

TEST_F(ProbeCli, RecordsTheWeightDecayOfASweep) {
  const auto records =
      probe("--head mean_pool --set weight_decays=[0.5,0.25] --set learning_rates=[1e-3]");
  ASSERT_EQ(records.size(), 1U);
  ASSERT_TRUE(records[0].selections.at(0).weight_decay.has_value());
  EXPECT_GE(*records[0].selections[0].weight_decay, 0.25);
  EXPECT_EQ(records[0].selections[0].held_out_accuracy.size(), 2U);
}

TEST_F(ProbeCli, FewLabelsAreInTheRecord) {
  const std::string few = "--head mean_pool --set label_fraction=0.25 --seed ";
  const auto one = probe(few + "1", "one"), two = probe(few + "2", "two"),
             same = probe(few + "1", "same"), all = probe("--head mean_pool", "all");
  ASSERT_TRUE(one.size() == 1 && two.size() == 1 && same.size() == 1 && all.size() == 1);
  ASSERT_TRUE(one[0].training && two[0].training && same[0].training);
  EXPECT_FALSE(all[0].training);
  EXPECT_NEAR(static_cast<double>(one[0].training->samples), 20, 4);  // of 80, every class rounded
  EXPECT_EQ(one[0].training->sha256.size(), 64U);
  EXPECT_EQ(one[0].training, same[0].training);
  EXPECT_NE(one[0].training->sha256, two[0].training->sha256);
  EXPECT_NE(one[0].key, all[0].key);
  EXPECT_EQ(one[0].task.identity, all[0].task.identity);
  const auto json = nlohmann::json::parse(read_file(record_path(path("one"), one[0].key)));
  EXPECT_EQ(json.at("spread_over"), "splits");
  EXPECT_EQ(json.at("training").at("samples_sha256"), one[0].training->sha256);
}

TEST_F(ProbeCli, AnEncoderOfTheSuiteHasTheWeightsOfTheSeed) {
  for (const std::string seed : {"2", "3"}) {
    const Ran run = program("probe --quiet --encoder random-init --head knn --task " + task_ +
                            " --out " + path("seed" + seed) + " --seed " + seed);
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(read_records(path("seed" + seed)).at(0).encoder.source, "random init, seed " + seed);
  }
}

TEST_F(ProbeCli, RefusesHeadsThatItDoesNotHave) {
  expect_refusal("probe --encoder " + path("encoder.safetensors") + " --task " + task_ +
                     " --head lineal --out " + path("out"),
                 {"lineal", "linear"});
}

// Pictures whose red and green channels are bright, each on its own: two classes, both, or none.
TEST_F(ProbeCli, ScoresSeveralLabelsASample) {
  std::string list;
  for (int i = 0; i < 40; ++i) {
    Image picture(24, 24, 0);
    for (std::size_t k = 0; k < picture.pixels.size(); ++k) {
      const auto channel = static_cast<int>(k % 3);
      const bool bright = channel < 2 && (i >> channel & 1) != 0;
      picture.pixels[k] = static_cast<std::uint8_t>((bright ? 180 : 40) + (i * 7 + k * 13) % 50);
    }
    const std::string name = "p" + std::to_string(i) + ".png";
    write_png(path(name), picture);
    list += name + (i & 1 ? " 0" : "") + (i & 2 ? " 1" : "") + "\n";
  }
  write("list.txt", list);
  task_ = write("several.json", R"({"name": "several", "kind": "manifest", "manifest": "list.txt",
                                    "multi_label": true, "folds": 2})");
  const auto records = probe("--head linear --set 'learning_rates=[0.1]' --set epochs=10");
  ASSERT_EQ(records.size(), 1U);
  const Record& record = records[0];
  EXPECT_EQ(record.target, TargetKind::class_set);
  EXPECT_EQ(record.measure->name(), "mAP");
  EXPECT_EQ(record.n(), 40);
  EXPECT_EQ(record.task.classes, 2);
  EXPECT_GT(record.value, 90);
  const Ran shown = program("probe --quiet --encoder " + path("encoder.safetensors") + " --task " +
                            task_ + " --head linear --set 'learning_rates=[0.1]' --set epochs=10" +
                            " --out " + path("out"));
  EXPECT_NE(shown.out.find("chance 50.0"), std::string::npos) << shown.out;
  const Ran evaluated =
      program("evaluate --encoder " + path("encoder.safetensors") + " --head " +
              path("out/heads/" + record.key + "-fold1.safetensors") + " --task " + task_);
  EXPECT_EQ(evaluated.status, 2);
  EXPECT_NE(evaluated.err.find("one class a sample"), std::string::npos) << evaluated.err;
}

TEST_F(ProbeCli, SaysWhichCandidateDivergedAndFailsWithoutOne) {
  const std::string command = "probe --quiet --encoder " + path("encoder.safetensors") +
                              " --task " + task_ + " --set epochs=3 --out " + path("out");
  const Ran some = program(command + " --set 'learning_rates=[1e-3, 1e30]'");
  EXPECT_EQ(some.status, 0) << some.err;
  EXPECT_NE(some.err.find("the candidate of learning rate 1e+30 diverged and was dropped"),
            std::string::npos)
      << some.err;
  const auto records = read_records(path("out"));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].warnings.size(), 1U);
  const Ran none = program(command + " --set 'learning_rates=[1e30]'");
  EXPECT_EQ(none.status, 1);
  EXPECT_NE(none.err.find("training diverged"), std::string::npos) << none.err;
  EXPECT_EQ(none.out.find("|"), std::string::npos) << none.out;
  EXPECT_EQ(read_records(path("out")).size(), 1U) << "no record of it is left";
  const Ran finetuned =
      program("finetune --quiet --encoder " + path("encoder.safetensors") + " --task " + task_ +
              " --set epochs=1 --set learning_rate=10 --set clip_grad=0 --out " + path("out"));
  EXPECT_TRUE(finetuned.status == 0 || finetuned.err.find("diverged") != std::string::npos);
}

TEST_F(ProbeCli, WarnsOfFeaturesThatAreTheSameForEveryClip) {
  Encoder zeros = random_encoder(tiny_spec(), 1);
  for (auto& [name, tensor] : named_tensors(zeros.weights)) tensor.zero_();
  save_encoder(path("encoder.safetensors"), zeros.weights, zeros.spec, {}, false);
  const Ran run = program("probe --quiet --encoder " + path("encoder.safetensors") + " --task " +
                          task_ + " --set epochs=1 --out " + path("out"));
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_NE(run.err.find("says the same of every clip"), std::string::npos) << run.err;
  const auto records = read_records(path("out"));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].warnings.size(), 1U);
}

}  // namespace probe_cli_test
}  // namespace permafrost
