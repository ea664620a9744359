// SPDX-License-Identifier: Apache-2.0
#include "bench/app/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include "common/error.h"

namespace permafrost {

void prepare_process() {
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
