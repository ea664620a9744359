// SPDX-License-Identifier: Apache-2.0
#pragma once

// The rates of this machine's processor, measured on one thread in processor time, so that other
// programs disturb little.
#include <filesystem>

#include "bench/machines/machine.h"

namespace permafrost {

// A description of this machine's CPU, at the sizes of the suite pico; so many seconds a rate.
// `video`: a file whose decoding is measured, 16 frames of every fourth at 224x224; empty: the rate
// of the reference core stands there. Throws InputError for a file that cannot be decoded.
Machine measured_cpu(const std::filesystem::path& video = {}, double seconds = 2);

}  // namespace permafrost
