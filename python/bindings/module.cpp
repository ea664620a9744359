// SPDX-License-Identifier: Apache-2.0
// permafrost._core: the rooms of Permafrost for Python. Nothing is computed here.
#include "common/error.h"
#include "python/bindings/parts.h"

namespace permafrost::python {
namespace {

namespace nb = nanobind;

// Errors under the names that users catch, with the text that the program prints.
void add_errors(nb::module_& core) {
  nb::exception<Error> failure(core, "Error", PyExc_RuntimeError);
  nb::exception<InputError> input(core, "InputError", PyExc_ValueError);
  failure.attr("__module__") = "permafrost";
  failure.attr("__doc__") = "A run that failed: no space, or a training that diverged.";
  input.attr("__module__") = "permafrost";
  input.attr("__doc__") =
      "Bad input: names the file or argument, the field, what was expected and what was found.";
}

}  // namespace

NB_MODULE(_core, core) {
  add_errors(core);
  add_encoder(core);
  add_clips(core);
  add_masks(core);
  add_probes(core);
  add_results(core);
}

}  // namespace permafrost::python
