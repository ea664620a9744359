// SPDX-License-Identifier: Apache-2.0
#pragma once

// How many samples go through an encoder together. Changes rounding alone, of matrix products.
#include <c10/core/Device.h>

#include <cstdint>
#include <optional>

#include "models/encoders/encoder.h"

namespace permafrost {

struct BatchWish {
  std::int64_t samples = 0;  // at most; 0: as the encoder and its device say
  int clips = 1;             // of a sample, all in one pass
  int at_once = 1;           // batches that threads have on the device at the same time
};

// At least 1. On a CPU large clips go fewer at a time: samples of some 2304 tokens, at most 16, so
// that activations stay near the processor and a few samples are work for several threads; a fixed
// rule, as the number of threads changes no bit. On another device samples of some 65,536 tokens,
// as a power of two, but no more than what half of its free memory holds; where the device does not
// tell its memory, 16.
std::int64_t fitting_batch(const Encoder& encoder, const BatchWish& wish);

// The same by formula: `spec` in numbers of so many bytes, `free` none for a CPU.
std::int64_t fitting_samples(const EncoderSpec& spec, double bytes_of_a_number,
                             const BatchWish& wish, std::optional<double> free);

// What can be allocated on a device without asking its system for what it has not, in bytes; none
// where the device does not tell.
std::optional<double> free_device_bytes(const at::Device& device);

// Memory that the forward pass of one clip takes at most beside the weights, by formula: of the
// widest block, in numbers of so many bytes.
double activation_bytes(const EncoderSpec& spec, double bytes_of_a_number);

}  // namespace permafrost
