// SPDX-License-Identifier: Apache-2.0
#pragma once

// Work that is cut into pieces of a fixed size, dealt to ranks, and known to all of them
// afterwards. The pieces are those of one process, so the numbers are too. Without a group all
// pieces are this process's and nothing is exchanged.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "models/processes/process_group.h"

namespace permafrost {

// Piece k is done by rank k modulo their number.
bool is_mine(const ProcessGroup* group, std::int64_t piece);

// Calls body(piece) for this rank's of `pieces`, from at most `threads` threads.
void for_my_pieces(const ProcessGroup* group, std::int64_t pieces, int threads,
                   const std::function<void(std::int64_t piece)>& body);

// `tensors` [n,...] contiguous, on the CPU; piece k is rows k*size .. (k+1)*size-1 of each.
void share_rows(ProcessGroup* group, const std::vector<at::Tensor>& tensors, std::int64_t size);

// Texts that one rank each has set, and empty ones. Of the same number on every rank.
void share_texts(ProcessGroup* group, std::vector<std::string>& texts);

}  // namespace permafrost
