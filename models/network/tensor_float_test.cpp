// SPDX-License-Identifier: Apache-2.0
#include "models/network/tensor_float.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <thread>

#include "models/network/vit.h"
#include "models/testing/shadow_device.h"

namespace permafrost {
namespace tensor_float_test {

float rounded(float value) {
  const RoundedFactors scope(Precision::tf32);
  return as_factor(at::full({1}, value, at::kFloat)).item<float>();
}

TEST(TensorFloat, KeepsTenBitsOfMantissaToTheNearest) {
  const float step = std::ldexp(1.0F, -10);
  EXPECT_EQ(rounded(1 + step), 1 + step);
  EXPECT_EQ(rounded(1 + 0.49F * step), 1);
  EXPECT_EQ(rounded(1 + 0.51F * step), 1 + step);
  EXPECT_EQ(rounded(1 + 0.5F * step), 1) << "ties to even";
  EXPECT_EQ(rounded(1 + 1.5F * step), 1 + 2 * step);
  EXPECT_EQ(rounded(-1 - 1.5F * step), -1 - 2 * step);
  EXPECT_EQ(rounded(2 - 0.1F * step), 2) << "the carry reaches the exponent";
  EXPECT_EQ(rounded(0), 0);
}

TEST(TensorFloat, KeepsWhatIsNoNumber) {
  EXPECT_TRUE(std::isinf(rounded(std::numeric_limits<float>::infinity())));
  EXPECT_TRUE(std::isnan(rounded(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_TRUE(std::isinf(rounded(std::numeric_limits<float>::max()))) << "nothing nearer is left";
}

TEST(TensorFloat, IsAskedForOnAThread) {
  const at::Tensor x = at::full({4}, 1.0001F);
  EXPECT_TRUE(as_factor(x).is_same(x));
  {
    const RoundedFactors scope(Precision::tf32);
    EXPECT_FALSE(as_factor(x).equal(x));
    {
      const RoundedFactors inner(Precision::float32);
      EXPECT_TRUE(as_factor(x).is_same(x));
    }
    EXPECT_TRUE(rounds_factors());
    bool there = true;
    std::thread([&] { there = rounds_factors(); }).join();
    EXPECT_FALSE(there);
    EXPECT_TRUE(as_factor(x.to(at::kDouble)).equal(x.to(at::kDouble)));
  }
  EXPECT_FALSE(rounds_factors());
}

TEST(TensorFloat, GradientsPassThroughTheRounding) {
  const RoundedFactors scope(Precision::tf32);
  at::Tensor x = at::full({3}, 1.0001F);
  x.set_requires_grad(true);
  (as_factor(x) * 2).sum().backward();
  EXPECT_TRUE(x.grad().equal(at::full({3}, 2.0F)));
}

EncoderSpec small(int experts, Positions positions) {
  EncoderSpec spec;
  spec.frames = 4;
  spec.height = spec.image_width = 16;
  spec.width = 24;
  spec.depth = 2;
  spec.heads = 2;
  spec.positions = positions;
  if (experts > 0) {
    spec.routing = {.experts = experts, .chosen = 2};
    spec.expert_blocks = {1};
  }
  return spec;
}

// Every kind of block: with a table and rotated, dense and with experts.
TEST(TensorFloat, FeaturesAreThoseOfFloat32ButForTenBits) {
  for (const Positions positions : {Positions::sincos_3d, Positions::rope_3d})
    for (const int experts : {0, 4}) {
      const EncoderSpec spec = small(experts, positions);
      const VitWeights weights = make_vit(spec, Init::xavier, 1);
      const at::Tensor patches = at::rand({3, spec.tokens(), spec.patch_values()});
      const at::NoGradGuard no_grad;
      const at::Tensor whole = encode(weights, spec, patches);
      const RoundedFactors scope(Precision::tf32);
      const at::Tensor factors = encode(weights, spec, patches);
      const double error = (whole - factors).norm().item<double>() / whole.norm().item<double>();
      EXPECT_GT(error, 1e-6) << experts;
      EXPECT_LT(error, 5e-3) << experts;
    }
}

TEST(DeviceProducts, AreInTf32WhileAskedFor) {
  const auto allowed = [] { return at::globalContext().allowTF32CuBLAS(); };
  EXPECT_FALSE(allowed());
  {
    const DeviceProducts on_cpu(Precision::tf32, at::kCPU);
    EXPECT_FALSE(allowed());
  }
  {
    const DeviceProducts first(Precision::tf32, shadow_device());
    const DeviceProducts second(Precision::tf32, shadow_device());
    EXPECT_TRUE(allowed());
  }
  EXPECT_FALSE(allowed());
  const DeviceProducts other(Precision::bfloat16, shadow_device());
  EXPECT_FALSE(allowed());
}

TEST(DeviceProducts, WaitForThoseOfAnotherPrecision) {
  auto first = std::make_unique<DeviceProducts>(Precision::float32, shadow_device());
  std::atomic<bool> began = false;
  std::thread other([&] {
    const DeviceProducts second(Precision::tf32, shadow_device());
    began = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(began) << "float32 is still computed";
  first.reset();
  other.join();
  EXPECT_TRUE(began);
  EXPECT_FALSE(at::globalContext().allowTF32CuBLAS());
}

}  // namespace tensor_float_test
}  // namespace permafrost
