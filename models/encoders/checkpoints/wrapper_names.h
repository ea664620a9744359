// SPDX-License-Identifier: Apache-2.0
#pragma once

// What tools of training leave in names of tensors, whatever container the names stand in.
#include <string>
#include <string_view>

#include "models/network/layers/named_tensors.h"

namespace permafrost {

// Without the parts of DistributedDataParallel ("module"), torch.compile ("_orig_mod"), FSDP
// ("_fsdp_wrapped_module", "_fpw_module"), activation checkpointing ("_checkpoint_wrapped_module"),
// Lightning's strategies ("_forward_module") and PEFT ("base_model.model"), wherever they stand:
// "module.blocks.0._checkpoint_wrapped_module.norm1.bias" is "blocks.0.norm1.bias". The last part
// of a name always stays.
std::string without_wrappers(std::string_view name);

// What all names begin with, up to a dot: "net." of "net.norm.bias" and "net.cls_token". Empty
// where they have nothing in common, and for no names.
std::string common_prefix(const NamedTensors& tensors);

}  // namespace permafrost
