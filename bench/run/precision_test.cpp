// SPDX-License-Identifier: Apache-2.0
// Probes of an encoder that computes in bfloat16, and fine-tuning in it, beside float32.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <map>

#include "bench/records/record_folder.h"
#include "bench/run/dry_run.h"
#include "bench/run/runner.h"
#include "bench/testing/record_numbers.h"
#include "bench/testing/suite_folder.h"
#include "common/testing/test_folder.h"
#include "datasets/synthetic/source.h"
#include "models/encoders/encoder.h"
#include "probes/encode/features.h"

namespace permafrost {
namespace precision_test {

namespace fs = std::filesystem;

constexpr const char* kSuite = R"({
  "suite": "test", "seeds": 1,
  "encoders": {"first": "t/first"},
  "tasks": [{"name": "motion", "kind": "synthetic", "world": "motion", "train": 40, "test": 20}],
  "protocols": {
    "whole": {"epochs": 2, "batch": 16, "learning_rates": [1e-2]},
    "rounded": {"epochs": 2, "batch": 16, "learning_rates": [1e-2], "precision": "bfloat16"},
    "rounded_few": {"epochs": 2, "batch": 16, "learning_rates": [1e-2], "precision": "bfloat16",
                    "label_fraction": 0.5, "splits": 1},
    "tuned": {"kind": "finetune", "epochs": 1, "batch": 16, "precision": "bfloat16"},
    "tf32": {"epochs": 2, "batch": 16, "learning_rates": [1e-2], "precision": "tf32"},
    "tuned_tf32": {"kind": "finetune", "epochs": 1, "batch": 16, "precision": "tf32"}}
})";

constexpr const char* kTable = R"({
  "table": 1, "title": "One", "source": "nobody",
  "columns": [{"name": "motion", "protocol": "whole"},
              {"name": "rounded", "task": "motion", "protocol": "rounded"},
              {"name": "few", "task": "motion", "protocol": "rounded_few"},
              {"name": "tuned", "task": "motion", "protocol": "tuned"},
              {"name": "tf32", "task": "motion", "protocol": "tf32"},
              {"name": "tuned_tf32", "task": "motion", "protocol": "tuned_tf32"}],
  "rows": [{"name": "First", "encoder": "first"}]
})";

EncoderSpec small_spec() {
  EncoderSpec spec = tiny_suite_spec();
  spec.depth = 2;
  return spec;
}

class PrecisionRun : public testing::Test {
 protected:
  PrecisionRun() { at::set_num_threads(1); }
  TablesOptions options(const std::string& out) const {
    TablesOptions options;
    options.suite = "test";
    options.tables = {1};
    options.out = folder_ / out;
    options.execution.quiet = true;
    return options;
  }
  const TestFolder folder_;
  const SuiteFolder suite_{folder_.path(), {kSuite, {kTable}}, {"first"}, small_spec()};
};

TEST(InBfloat16, FeaturesAreThoseOfTheEncoderButForRounding) {
  const Encoder encoder = random_encoder(small_spec(), 1), rounded = in_bfloat16(encoder);
  EXPECT_NE(rounded.sha256, encoder.sha256);
  EXPECT_NO_THROW(require_frozen(rounded));
  EXPECT_EQ(rounded.weights.blocks[0].norm1.weight.scalar_type(), at::kBFloat16);
  const synthetic::MixtureSource source(8, encoder.spec.clip_shape());
  std::vector<std::string> failures;
  const std::vector<std::int64_t> samples{0, 1, 2, 3};
  const at::Tensor whole = encode_raw(encoder, source, samples, {}, failures),
                   half = encode_raw(rounded, source, samples, {}, failures);
  EXPECT_EQ(half.scalar_type(), at::kFloat);
  EXPECT_FALSE(at::equal(whole, half));
  EXPECT_LT((whole - half).norm().item<double>(), 0.02 * whole.norm().item<double>());
}

TEST(InTf32, FeaturesAreThoseOfTheEncoderButForRoundedFactors) {
  const Encoder encoder = random_encoder(small_spec(), 1);
  const synthetic::MixtureSource source(8, encoder.spec.clip_shape());
  const std::vector<std::int64_t> samples{0, 1, 2, 3};
  std::vector<std::string> failures;
  const at::Tensor whole = encode_raw(encoder, source, samples, {}, failures),
                   half = encode_raw(in_bfloat16(encoder), source, samples, {}, failures);
  const at::Tensor factors =
      encode_raw(encoder, source, samples, {.threads = 2, .precision = Precision::tf32}, failures);
  const auto error = [&](const at::Tensor& x) { return (x - whole).norm().item<double>(); };
  EXPECT_GT(error(factors), 0) << "threads that encode round too";
  EXPECT_LT(error(factors), error(half));
}

TEST(InBfloat16, RoutersStayFloat32) {
  EncoderSpec spec = small_spec();
  spec.routing = {.experts = 4, .chosen = 2};
  spec.expert_blocks = {1};
  Encoder rounded = in_bfloat16(random_encoder(spec, 1));
  int routers = 0;
  for (const auto& [name, tensor] : named_tensors(rounded.weights)) {
    const bool is_router =
        name.find("gate") != std::string::npos && tensor.scalar_type() == at::kFloat;
    routers += is_router ? 1 : 0;
    if (!is_router) {
      EXPECT_EQ(tensor.scalar_type(), at::kBFloat16) << name;
    }
  }
  EXPECT_EQ(routers, 1);
}

TEST_F(PrecisionRun, IsPartOfTheKeyAndOfTheColumnsName) {
  const TablesResult result = run_tables(options("out"));
  EXPECT_EQ(result.computed, 6);
  std::map<std::string, int> cells;
  for (const auto& record : read_records(folder_ / "out"))
    ++cells[record.protocol.value("precision", "float32")];
  EXPECT_EQ(cells, (std::map<std::string, int>{{"float32", 1}, {"bfloat16", 3}, {"tf32", 2}}));
  EXPECT_EQ(result.tables[0].spec.columns[0].protocol_note, "");
  EXPECT_EQ(result.tables[0].spec.columns[1].protocol_note, "encoded in bfloat16");
  EXPECT_NE(result.tables[0].spec.columns[2].protocol_note.find("; encoded in bfloat16"),
            std::string::npos);
  EXPECT_EQ(result.tables[0].spec.columns[3].protocol_note, "fine-tuned in bfloat16");
  EXPECT_EQ(result.tables[0].spec.columns[4].protocol_note, "encoded in tf32");
  EXPECT_EQ(result.tables[0].spec.columns[5].protocol_note, "fine-tuned in tf32");
  EXPECT_EQ(run_tables(options("out")).reused, 6);
}

TEST_F(PrecisionRun, ShardsAndStreamedFeaturesGiveTheSameRecords) {
  run_tables(options("whole"));
  for (int index = 0; index < 2; ++index) {
    TablesOptions shard = options("shards");
    shard.shard = WorkShard{index, 2};
    shard.features = FeatureStore::streamed;
    EXPECT_GT(run_tables(shard).computed, 0)
        << "features of each precision are a share of their own";
  }
  EXPECT_EQ(numbers_of(folder_ / "shards"), numbers_of(folder_ / "whole"));
}

}  // namespace precision_test
}  // namespace permafrost
