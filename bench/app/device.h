// SPDX-License-Identifier: Apache-2.0
#pragma once

// Devices, and the process-wide settings that must be made before anything else.
#include <string>

namespace permafrost {

// At the start of main: of several ranks on a machine gives each a GPU of its own, loads LibTorch's
// CUDA half where there is a driver (the program links the CPU half alone), keeps freed memory in
// the process, gives every thread of ours one torch thread, and makes a limit on the size of files
// an error of the write.
void prepare_process();

// "cpu" or "cuda" for --device cpu|cuda|auto. Throws InputError for anything else, and for cuda
// where there is none.
std::string chosen_device(const std::string& flag);

bool cuda_available();

}  // namespace permafrost
