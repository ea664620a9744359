// SPDX-License-Identifier: Apache-2.0
// For x86 processors with AVX2 and FMA.
#define PERMAFROST_LANES 8
#define PERMAFROST_PANEL 2
#define PERMAFROST_KERNELS kAvx2Kernels
#define PERMAFROST_NAME "avx2"
#include "models/kernels/kernels_body.h"
