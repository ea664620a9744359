// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/kernels.h"

#include <ATen/Version.h>

namespace permafrost {

extern const Kernels kPlainKernels;
#ifdef PERMAFROST_X86_KERNELS
extern const Kernels kAvx2Kernels, kAvx512Kernels;
#endif

std::vector<const Kernels*> runnable_kernels() {
  std::vector<const Kernels*> found{&kPlainKernels};
#ifdef PERMAFROST_X86_KERNELS
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2) found.push_back(&kAvx2Kernels);
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
    found.push_back(&kAvx512Kernels);
#endif
  return found;
}

const Kernels& kernels_for(const std::string& capability) {
  const auto found = runnable_kernels();
  const std::size_t wanted = capability == "AVX512" ? 2 : capability == "AVX2" ? 1 : 0;
  return *found[wanted < found.size() ? wanted : found.size() - 1];
}

const Kernels& kernels() {
  static const Kernels& chosen = kernels_for(at::get_cpu_capability());
  return chosen;
}

}  // namespace permafrost
