// SPDX-License-Identifier: Apache-2.0
#pragma once

// Experts on a CPU by loops of our own (models/kernels): rows are grouped by expert, every group
// goes through its expert in blocks that stay in the cache, and comes back into place. So the
// arithmetic is that of the experts that were chosen. A row of a result does not depend on how many
// rows there are, to the bit.
#include <ATen/core/Tensor.h>

#include <vector>

namespace permafrost {

// Whether cpu_experts() takes them: float32 on a CPU.
bool has_cpu_experts(const at::Tensor& x, const at::Tensor& weight);

struct CpuExpertsInput {
  at::Tensor x;       // [T,D]
  at::Tensor chosen;  // int64 [T,k]
  at::Tensor gates;   // [T,k]
  // [E,H,D], [E,H], [E,D,H], [E,D].
  at::Tensor weight1, bias1, weight2, bias2;
};

// sum over j of gates[t,j] * (weight2 gelu(weight1 x + bias1) + bias2) of expert chosen[t,j], with
// the exact GELU: [T,D]. Gradients for all but `chosen`. One thread; may be called from several.
at::Tensor cpu_experts(const CpuExpertsInput& input);

// Rows in order of their expert, those of one in the order they had: `rows` of a flat list of
// choices, and where every expert's begin ([E+1]).
struct GroupedRows {
  std::vector<std::int64_t> rows, begins;
};
GroupedRows grouped_rows(const at::Tensor& chosen, std::int64_t experts);

// Rows of x [R,I], those of one expert after the other (`begins` [E+1]), each times the transpose
// of its expert's weight [E,O,I], plus its bias [E,O]: [R,O]. With gradients.
at::Tensor grouped_product(const at::Tensor& x, const std::vector<std::int64_t>& begins,
                           const at::Tensor& weight, const at::Tensor& bias);

}  // namespace permafrost
