// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/encoding_batch.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "models/testing/shadow_device.h"

namespace permafrost {
namespace encoding_batch_test {

EncoderSpec pico() {  // 144 tokens, as a spec has that says nothing of its clips
  EncoderSpec spec;
  spec.width = 16;
  spec.depth = 1;
  spec.heads = 2;
  return spec;
}

// Memory of the stand-in for a GPU, for as long as this lives.
class DeviceMemory {
 public:
  explicit DeviceMemory(double free, std::int64_t held = 0) {
    shadow::memory().free = free;
    shadow::memory().held = held;
  }
  ~DeviceMemory() {
    shadow::memory().free = -1;
    shadow::memory().held = 0;
  }
};

Encoder on_device() {
  Encoder encoder = random_encoder(pico(), 1);
  encoder.weights = to_device(encoder.weights, shadow_device());
  return encoder;
}

TEST(EncodingBatch, OfACpuIsTheSameOnEveryMachine) {
  const Encoder encoder = random_encoder(pico(), 1);
  EXPECT_EQ(fitting_batch(encoder, {}), 16);
  EXPECT_EQ(fitting_batch(encoder, {.samples = 4}), 4);
  EXPECT_EQ(fitting_batch(encoder, {.samples = 100}), 16) << "2304 tokens";
  EXPECT_EQ(fitting_batch(encoder, {.clips = 8, .at_once = 4}), 16);
}

TEST(EncodingBatch, OfADeviceHasManyTokens) {
  const DeviceMemory plenty(1e12);
  const Encoder encoder = on_device();
  EXPECT_EQ(fitting_batch(encoder, {}), 256) << "65536 / 144 is 455";
  EXPECT_EQ(fitting_batch(encoder, {.clips = 8}), 32);
  EXPECT_EQ(fitting_batch(encoder, {.samples = 100}), 100) << "what was asked for";
}

TEST(EncodingBatch, FitsIntoHalfOfTheFreeMemory) {
  const Encoder encoder = on_device();
  const double clip = activation_bytes(encoder.spec, 4);
  // 8 of the width, 2 of the hidden layer of 64, 2 of 384 values of a patch; 4 bytes each.
  EXPECT_EQ(clip, 144 * 4 * (8 * 16 + 2 * 64 + 2 * 384));
  {
    const DeviceMemory little(2 * 20 * clip);
    EXPECT_EQ(fitting_batch(encoder, {}), 16) << "20, down to a power of two";
    EXPECT_EQ(fitting_batch(encoder, {.samples = 100}), 20);
    EXPECT_EQ(fitting_batch(encoder, {.at_once = 4}), 4);
    EXPECT_EQ(fitting_batch(encoder, {.clips = 2}), 8);
  }
  const DeviceMemory none(1);
  EXPECT_EQ(fitting_batch(encoder, {}), 1);
}

TEST(EncodingBatch, CountsWhatTheAllocatorHoldsAndNobodyUses) {
  const Encoder encoder = on_device();
  const DeviceMemory held(1000, 5000);
  EXPECT_EQ(free_device_bytes(shadow_device()), 6000);
  EXPECT_FALSE(free_device_bytes(at::kCPU)) << "of the host: see free_memory_bytes()";
}

TEST(EncodingBatch, OfADeviceThatDoesNotTellItsMemoryIs16) {
  const Encoder encoder = on_device();
  EXPECT_EQ(fitting_batch(encoder, {}), 16);
  EXPECT_EQ(fitting_batch(encoder, {.samples = 100}), 100);
}

}  // namespace encoding_batch_test
}  // namespace permafrost
