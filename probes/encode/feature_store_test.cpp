// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/feature_store.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "common/testing/sanitizers.h"
#include "models/encoders/checkpoints/growing_safetensors.h"
#include "models/testing/test_support.h"
#include "probes/heads/fused_head.h"

namespace permafrost {
namespace feature_store_test {

const HeadSpec kSpec{.width = 64, .heads = 2, .classes = 8};

at::Tensor some_features(std::int64_t windows) {
  return 2 * fill({windows, 144, 64}, 0.3, 1) + fill({windows, 144, 1}, 1.3, 1);
}

void write_store(const std::filesystem::path& path, const at::Tensor& features) {
  GrowingSafetensors file(path, "features", {features.size(1), features.size(2)});
  file.add(features);
  file.finish({{"frames", at::arange(features.size(0)).view({-1, 1})}}, {{"window", "8"}});
}

std::vector<at::Tensor> tensors_of(HeadWeights& weights) {
  std::vector<at::Tensor> all;
  visit(weights, HeadKind::attentive,
        [&](const std::string&, at::Tensor& t) { all.push_back(t.clone()); });
  return all;
}

TEST(FeatureStore, AHeadSaysTheSameBytesOfAFileAsOfMemory) {
  const TestFolder folder;
  const at::Tensor features = some_features(60);  // 8,640 tokens, 17 blocks and a part
  write_store(folder / "f", features);
  FeatureStore store(folder / "f");
  EXPECT_EQ(store.tokens(), 8640);
  EXPECT_EQ(store.windows(), 60);
  EXPECT_EQ(store.metadata().at("window"), "8");
  EXPECT_EQ(store.frames()[59][0].item<int>(), 59);
  const at::Tensor tokens = standardised(features.flatten(0, 1).unsqueeze(0));
  const HeadWeights head = make_head(kSpec, 3, 1);
  const at::Tensor given = fill({3, 1, 8}, 0.7, 1);
  FusedHead from_memory(kSpec, 3), from_file(kSpec, 3);
  const at::Tensor expected = from_memory.logits(head, tokens, true);
  EXPECT_TRUE(from_file.logits(head, store, true).equal(expected));
  EXPECT_TRUE(from_file.logits(head, store, true).equal(expected));  // read once more
  const auto one = tensors_of(from_memory.gradients(head, tokens, given));
  const auto other = tensors_of(from_file.gradients(head, store, given));
  ASSERT_EQ(one.size(), other.size());
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(one[i].equal(other[i])) << i;
}

TEST(FeatureStore, RefusesOtherFiles) {
  const TestFolder folder;
  write_safetensors(folder / "a", {{"features", at::zeros({2, 3})}, {"frames", at::zeros({2})}},
                    {});
  EXPECT_TRUE(contains(input_error_of([&] { FeatureStore(folder / "a"); }),
                       "features: expected float32 [windows,tokens,width]"));
  write_safetensors(folder / "b", {{"tokens", at::zeros({2, 3, 4})}}, {});
  EXPECT_TRUE(contains(input_error_of([&] { FeatureStore(folder / "b"); }), "features"));
}

double kilobytes(const char* name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(name, 0) == 0) return std::stod(line.substr(std::string(name).size()));
  return 0;
}

// What a forward and a backward pass add to the memory of a child of this process.
double megabytes_added(const std::filesystem::path& path) {
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    const double before = kilobytes("VmRSS:");
    double added = -1;
    {
      FeatureStore store(path);
      const HeadWeights head = make_head(kSpec, 2, 1);
      FusedHead fused(kSpec, 2);
      fused.logits(head, store, true);
      fused.gradients(head, store, at::ones({2, 1, 8}));
      added = (kilobytes("VmHWM:") - before) / 1000;
    }
    const bool told = ::write(ends[1], &added, sizeof added) == sizeof added;
    ::_exit(told ? 0 : 1);
  }
  ::close(ends[1]);
  double added = -1;
  const bool read = ::read(ends[0], &added, sizeof added) == sizeof added;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return read && status == 0 ? added : -1;
}

TEST(FeatureStore, AHeadThatIsTrainedOnItTakesLittleMemory) {
  SKIP_WITHOUT_MEMORY_FIGURES();
  const TestFolder folder;
  {
    // 403,200 tokens, 103 MB.
    GrowingSafetensors file(folder / "f", "features", {144, 64});
    const at::Tensor part = some_features(100);
    for (int k = 0; k < 28; ++k) file.add(part);
    file.finish({{"frames", at::zeros({2800, 1}, at::kLong)}}, {});
  }
  const double added = megabytes_added(folder / "f");
  EXPECT_GT(added, 0);
  EXPECT_LT(added, 20);
}

}  // namespace feature_store_test
}  // namespace permafrost
