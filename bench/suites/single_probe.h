// SPDX-License-Identifier: Apache-2.0
#pragma once

// The protocol of a single probe or fine-tuning: that of a suite, with a few values of the user's.
#include <string>
#include <vector>

#include "bench/suites/table_spec.h"

namespace permafrost {

// The suite's protocol for the task: "finetuned", or "frozen_real" for files and "frozen" for the
// synthetic world. Throws InputError for a suite that has none of that name.
const ProtocolChoice& single_protocol(const Suite& suite, const TaskSpec& task, bool finetune);

// `base` with another head ("" keeps its own) and with the assignments "key=value" of `set` over
// its fields. Throws InputError naming "--set" for unknown fields and values that make no sense.
ProtocolChoice changed_protocol(const ProtocolChoice& base, const TaskSpec& task,
                                const std::string& head, const std::vector<std::string>& set);

}  // namespace permafrost
