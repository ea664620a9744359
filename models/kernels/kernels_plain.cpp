// SPDX-License-Identifier: Apache-2.0
// For every processor: what the compiler takes for granted (on x86 SSE2).
#define PERMAFROST_LANES 4
#define PERMAFROST_PANEL 2
#define PERMAFROST_KERNELS kPlainKernels
#define PERMAFROST_NAME "plain"
#include "models/kernels/kernels_body.h"
