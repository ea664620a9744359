// SPDX-License-Identifier: Apache-2.0
#pragma once

// Small tensors from the host to a device, without the host waiting for the device.
#include <ATen/core/Tensor.h>

namespace permafrost {

// `host` itself where the device is the CPU. Elsewhere the copy goes through page-locked memory and
// is only queued: a copy from ordinary memory would wait for all work queued before it, at every
// step anew.
at::Tensor queued_copy(const at::Tensor& host, const at::Device& device);

}  // namespace permafrost
