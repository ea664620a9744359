// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether ranks exchange what their GPUs computed between the GPUs, or over the host.
#include <memory>
#include <string>

#include "models/processes/engine.h"

namespace permafrost {

class ProcessGroup;

struct DeviceExchange {
  std::unique_ptr<Collectives> collectives;  // null: over the host
  // "NCCL 2.28.9", or "Gloo over the host, as rank 1 (node7) has no NCCL library: ..."
  std::string how;
};

// NCCL where every rank has it and a GPU of its own; `gpu` names this rank's on its machine. All
// ranks call it together and come to the same answer.
DeviceExchange open_device_exchange(ProcessGroup& group, const std::string& gpu);

}  // namespace permafrost
