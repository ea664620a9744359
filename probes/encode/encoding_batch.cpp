// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/encoding_batch.h"

#include <c10/core/CachingDeviceAllocator.h>

#include <algorithm>
#include <bit>

namespace permafrost {
namespace {

constexpr std::int64_t kSamples = 16;              // where nothing says more
constexpr std::int64_t kTokensOnCpu = 2304;        // of 16 clips of the suite pico
constexpr std::int64_t kTokensOnDevice = 1 << 16;  // of 41 clips of ViT-L/16 at 16x224x224

std::int64_t on_cpu(const EncoderSpec& spec, const BatchWish& wish) {
  const std::int64_t most = wish.samples > 0 ? wish.samples : kSamples;
  return std::clamp<std::int64_t>(kTokensOnCpu / std::max(1, spec.tokens()), 1, most);
}

// Down to a power of two, so that another program's few bytes seldom change it.
std::int64_t power_of_two(double samples) {
  return static_cast<std::int64_t>(
      std::bit_floor(static_cast<std::uint64_t>(std::max(samples, 1.0))));
}

}  // namespace

std::optional<double> free_device_bytes(const at::Device& device) {
  const auto* allocator = c10::GetAllocator(device.type());
  auto* of_device = dynamic_cast<c10::DeviceAllocator*>(const_cast<c10::Allocator*>(allocator));
  if (of_device == nullptr || !of_device->initialized()) return std::nullopt;
  const c10::DeviceIndex index = std::max<c10::DeviceIndex>(device.index(), 0);
  const auto stats = of_device->getDeviceStats(index);
  // What the allocator holds and nobody uses is free too. Index 0: of all pools.
  const auto held = stats.reserved_bytes[0].current - stats.allocated_bytes[0].current;
  return static_cast<double>(of_device->getMemoryInfo(index).first) + static_cast<double>(held);
}

double activation_bytes(const EncoderSpec& spec, double bytes_of_a_number) {
  double widest = 0;
  for (int i = 0; i < spec.depth; ++i)
    widest = std::max(widest, static_cast<double>(spec.feed_forward_of(i).hidden(spec.width)));
  // Tokens before and after a norm, queries, keys, values, their mixture, its projection and the
  // sum; then the hidden layer before and after its activation. Patches are there as well.
  constexpr double kOfTheWidth = 8, kHidden = 2, kPatches = 2;
  return spec.tokens() * bytes_of_a_number *
         (kOfTheWidth * spec.width + kHidden * widest + kPatches * spec.patch_values());
}

std::int64_t fitting_samples(const EncoderSpec& spec, double bytes_of_a_number,
                             const BatchWish& wish, std::optional<double> free) {
  if (!free) return on_cpu(spec, wish);
  const double fit = *free / 2 / std::max(1, wish.at_once) / wish.clips /
                     activation_bytes(spec, bytes_of_a_number);
  if (wish.samples > 0)
    return static_cast<std::int64_t>(std::clamp(fit, 1.0, static_cast<double>(wish.samples)));
  return power_of_two(
      std::min(fit, static_cast<double>(kTokensOnDevice) / wish.clips / spec.tokens()));
}

std::int64_t fitting_batch(const Encoder& encoder, const BatchWish& wish) {
  const at::Tensor& weight = encoder.weights.patch_embed.weight;
  const auto free = weight.is_cpu() ? std::nullopt : free_device_bytes(weight.device());
  if (!weight.is_cpu() && !free) return wish.samples > 0 ? wish.samples : kSamples;
  return fitting_samples(encoder.spec, static_cast<double>(weight.element_size()), wish, free);
}

}  // namespace permafrost
