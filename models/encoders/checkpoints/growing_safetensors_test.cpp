// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/growing_safetensors.h"

#include "models/encoders/checkpoints/safetensors.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace growing_safetensors_test {
namespace fs = std::filesystem;

TEST(GrowingSafetensors, IsReadAsIfItHadBeenWrittenAtOnce) {
  const TestFolder folder;
  const at::Tensor rows = at::arange(42, at::kFloat).view({7, 2, 3});
  const at::Tensor frames = at::arange(7, at::kLong);
  GrowingSafetensors file(folder / "a", "features", {2, 3});
  file.add(rows.slice(0, 0, 1));
  file.add(rows.slice(0, 1, 7));
  EXPECT_EQ(file.rows(), 7);
  EXPECT_FALSE(fs::exists(folder / "a"));
  file.finish({{"frames", frames}}, {{"format", "x"}});
  const SafetensorsFile read = read_safetensors(folder / "a");
  EXPECT_TRUE(read.tensor("features", "a").equal(rows));
  EXPECT_TRUE(read.tensor("frames", "a").equal(frames));
  EXPECT_EQ(read.metadata.at("format"), "x");
}

TEST(GrowingSafetensors, RefusesOtherRowsDevicesAndLongHeaders) {
  const TestFolder folder;
  GrowingSafetensors file(folder / "a", "features", {2, 3});
  EXPECT_THROW(file.add(at::zeros({1, 3, 2})), Error);
  EXPECT_THROW(file.add(at::zeros({1, 2, 3}, at::kLong)), Error);
  EXPECT_THROW(file.finish({}, {{"long", std::string(kLongestGrown, 'x')}}), Error);
  EXPECT_TRUE(contains(input_error_of([] { GrowingSafetensors("/dev/null", "f", {1}); }),
                       "/dev/null: expected a plain file"));
}

TEST(GrowingSafetensors, LeavesNothingUnlessItFinishes) {
  const TestFolder folder;
  { GrowingSafetensors(folder / "a", "features", {2}).add(at::zeros({4, 2})); }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace growing_safetensors_test
}  // namespace permafrost
