// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/clip_bank.h"

#include <thread>

#include "common/error.h"
#include "datasets/synthetic/source.h"
#include "models/network/vit.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace clip_bank_test {

const ClipShape kShape{4, 24, 24};

// The mixture, where one clip cannot be read.
class WithAHole : public synthetic::MixtureSource {
 public:
  explicit WithAHole(std::int64_t hole) : MixtureSource(1000, kShape), hole_(hole) {}
  Sample read(std::int64_t index, int place, int places) const override {
    if (index == hole_) return {Clip(kShape), name(index) + ": torn"};
    return MixtureSource::read(index, place, places);
  }

 private:
  std::int64_t hole_;
};

TEST(ClipBank, HoldsThePixelsOfTheStream) {
  const synthetic::MixtureSource source(1000, kShape);
  ClipBank bank(source, kShape, 300, at::kCPU);  // more than one batch of its loader
  bank.fill(2);
  const at::Tensor clips = bank.clips({299, 0, 0, 257});
  EXPECT_EQ(clips.sizes(), (std::vector<std::int64_t>{4, 4, 24, 24, 3}));
  EXPECT_EQ(clips.scalar_type(), at::kByte);
  const std::vector<std::int64_t> expected{299, 0, 0, 257};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    Sample sample = source.read(expected[i], 0, 1);
    EXPECT_TRUE(clips[static_cast<std::int64_t>(i)].equal(
        pixel_tensor(sample.clip.pixels.data(), 1, kShape)[0]))
        << i;
  }
}

TEST(ClipBank, ReadersWaitUntilTheirClipsAreThere) {
  const synthetic::MixtureSource source(1000, kShape);
  ClipBank bank(source, kShape, 300, at::kCPU);
  std::thread filler([&] { bank.fill(1); });
  const at::Tensor last = bank.clips({299});
  filler.join();
  EXPECT_TRUE(last.equal(bank.clips({299})));
}

TEST(ClipBank, ClipThatCannotBeReadReachesTheReaders) {
  const WithAHole source(280);
  ClipBank bank(source, kShape, 300, at::kCPU);
  bank.fill(2);
  const std::string text = input_error_of([&] { bank.clips({299}); });
  EXPECT_TRUE(contains(text, "pretraining stream") && contains(text, ": torn")) << text;
}

TEST(ClipBank, StoppedBankKeepsNobodyWaiting) {
  const synthetic::MixtureSource source(1000, kShape);
  ClipBank bank(source, kShape, 300, at::kCPU);
  bank.stop();
  bank.fill(1);
  EXPECT_THROW(bank.clips({0}), Error);
}

}  // namespace clip_bank_test
}  // namespace permafrost
