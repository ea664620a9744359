// SPDX-License-Identifier: Apache-2.0
#include "models/network/tensor_float.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <torch/csrc/autograd/custom_function.h>

#include <bit>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace permafrost {
namespace {

namespace autograd = torch::autograd;

thread_local bool rounding = false;

constexpr std::uint32_t kDropped = 13;  // of float32's 23 bits of mantissa

// Half of the last bit that stays, less one where that bit is even: the carry does the rest, and
// reaches infinity where the number is too large.
float rounded(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  constexpr std::uint32_t kExponent = 0x7F800000U;
  if ((bits & kExponent) == kExponent) return value;  // infinity, or not a number
  const std::uint32_t up = (1U << (kDropped - 1)) - 1 + ((bits >> kDropped) & 1U);
  return std::bit_cast<float>((bits + up) & ~((1U << kDropped) - 1));
}

at::Tensor rounded(const at::Tensor& x) {
  const at::Tensor from = x.to(at::kCPU).contiguous();
  at::Tensor to = at::empty_like(from);
  const float* in = from.const_data_ptr<float>();
  float* out = to.data_ptr<float>();
  for (std::int64_t i = 0; i < from.numel(); ++i) out[i] = rounded(in[i]);
  return to.to(x.device());
}

struct Rounding : autograd::Function<Rounding> {
  static at::Tensor forward(autograd::AutogradContext*, const at::Tensor& x) { return rounded(x); }
  static autograd::variable_list backward(autograd::AutogradContext*,
                                          const autograd::variable_list& gradients) {
    return {gradients[0]};
  }
};

// How many compute, all in the same way.
struct DeviceUse {
  std::mutex mutex;
  std::condition_variable changed;
  int users = 0;
  bool tensor_float = false;
};

DeviceUse& device_use() {
  static DeviceUse use;
  return use;
}

}  // namespace

RoundedFactors::RoundedFactors(Precision precision) : before_(rounding) {
  rounding = precision == Precision::tf32;
}

RoundedFactors::~RoundedFactors() { rounding = before_; }

bool rounds_factors() { return rounding; }

at::Tensor as_factor(const at::Tensor& x) {
  if (!rounding || x.scalar_type() != at::kFloat || x.is_cuda()) return x;
  return Rounding::apply(x);
}

DeviceProducts::DeviceProducts(Precision precision, const at::Device& device)
    : counted_(!device.is_cpu()) {
  if (!counted_) return;
  const bool wanted = precision == Precision::tf32;
  DeviceUse& use = device_use();
  std::unique_lock lock(use.mutex);
  use.changed.wait(lock, [&] { return use.users == 0 || use.tensor_float == wanted; });
  if (use.users++ > 0 || !wanted) return;
  use.tensor_float = true;
  at::globalContext().setAllowTF32CuBLAS(true);
}

DeviceProducts::~DeviceProducts() {
  if (!counted_) return;
  DeviceUse& use = device_use();
  const std::lock_guard lock(use.mutex);
  if (--use.users > 0) return;
  if (use.tensor_float) at::globalContext().setAllowTF32CuBLAS(false);
  use.tensor_float = false;
  use.changed.notify_all();
}

}  // namespace permafrost
