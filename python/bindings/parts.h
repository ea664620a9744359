// SPDX-License-Identifier: Apache-2.0
#pragma once

// The parts of the module permafrost._core, each in the file of its name. Their Python signatures
// are in permafrost/_core.pyi; what users call is in permafrost/*.py.
#include <nanobind/nanobind.h>

namespace permafrost::python {

void add_clips(nanobind::module_& core);
void add_encoder(nanobind::module_& core);
void add_masks(nanobind::module_& core);
void add_probes(nanobind::module_& core);
void add_results(nanobind::module_& core);

}  // namespace permafrost::python
