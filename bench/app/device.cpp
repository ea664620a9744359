// SPDX-License-Identifier: Apache-2.0
#include "bench/app/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "common/error.h"
#include "models/processes/launch.h"

namespace permafrost {

namespace {

int gpus_of_machine() {
  int count = 0;
  while (::access(("/dev/nvidia" + std::to_string(count)).c_str(), F_OK) == 0) ++count;
  return count;
}

// Of several ranks on a machine each computes on one GPU. What is wrong with the variables of a
// launch is said by the command that needs them.
void choose_gpu() {
  try {
    const auto launch = launch_of_process();
    if (!launch) return;
    const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
    if (const auto gpu = gpu_of_rank(*launch, visible == nullptr ? "" : visible, gpus_of_machine()))
      ::setenv("CUDA_VISIBLE_DEVICES", gpu->c_str(), 1);
  } catch (const Error&) {
  }
}

}  // namespace

void prepare_process() {
  choose_gpu();  // the CUDA half reads it when it is loaded
  // LibTorch caches whether there is CUDA at the first question, so this comes before any.
  if (::access("/dev/nvidiactl", F_OK) == 0) ::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
  // Activations of a step are freed and asked for again at once; giving them back to the kernel in
  // between costs more than the arithmetic.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, 2000 << 20);
  ::mallopt(M_TOP_PAD, 64 << 20);
  at::set_num_threads(1);
  // A limit on the size of files (ulimit -f) is an error of the write, not the end of the process.
  ::signal(SIGXFSZ, SIG_IGN);
}

bool cuda_available() { return at::globalContext().hasCUDA(); }

std::string chosen_device(const std::string& flag) {
  if (flag == "cpu") return "cpu";
  if (flag == "auto") return cuda_available() ? "cuda" : "cpu";
  if (flag != "cuda")
    throw InputError("--device", "", "cpu, cuda or auto", permafrost::quoted(flag));
  if (!cuda_available())
    throw InputError("--device", "", "a CUDA device and driver", "none on this machine");
  return "cuda";
}

}  // namespace permafrost
