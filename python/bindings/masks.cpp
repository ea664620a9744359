// SPDX-License-Identifier: Apache-2.0
// Masks of pretraining, to look at.
#include <ATen/ATen.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "common/error.h"
#include "models/pretraining/masking/masking.h"
#include "python/bindings/parts.h"
#include "python/bindings/tensors.h"

namespace permafrost::python {
namespace {

// [(context int64 [B,K], target int64 [B,M])], one a mask.
nb::object masks(const std::string& strategy, const std::vector<int>& grid, int batch,
                 std::uint64_t seed, std::uint64_t step) {
  if (grid.size() != 3 || grid[0] < 1 || grid[1] < 1 || grid[2] < 1)
    throw InputError("grid", "", "three sizes T,H,W of at least 1", "something else");
  if (batch < 1) throw InputError("batch", "", "a number from 1", std::to_string(batch));
  nb::list list;
  for (const auto& mask : draw_masks(mask_strategy_of(strategy, "strategy"),
                                     {grid[0], grid[1], grid[2]}, batch, seed, step))
    list.append(nb::make_tuple(python_tensor(mask.context), python_tensor(mask.target)));
  return list;
}

}  // namespace

void add_masks(nb::module_& core) { core.def("masks", &masks); }

}  // namespace permafrost::python
