// SPDX-License-Identifier: Apache-2.0
// For x86 processors with AVX-512 (F, DQ, VL, BW).
#define PERMAFROST_LANES 16
#define PERMAFROST_PANEL 4
#define PERMAFROST_KERNELS kAvx512Kernels
#define PERMAFROST_NAME "avx512"
#include "models/kernels/kernels_body.h"
