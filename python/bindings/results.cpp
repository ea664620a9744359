// SPDX-License-Identifier: Apache-2.0
// Records, folders of results and their comparison.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <nlohmann/json.hpp>

#include "bench/records/comparison.h"
#include "bench/records/record_folder.h"
#include "bench/records/record_json.h"
#include "python/bindings/bound_record.h"
#include "python/bindings/parts.h"
#include "python/bindings/tensors.h"

namespace permafrost::python {
namespace {

nb::object predictions(const BoundRecord& bound) {
  nb::list list;
  for (const auto& prediction : bound.record.predictions) {
    nb::dict row;
    row["sample"] = prediction.sample;
    row["labels"] = prediction.target.labels();
    row["predicted"] = prediction.predicted;
    row["group"] = prediction.group;
    row["scores"] = prediction.scores;
    list.append(row);
  }
  return list;
}

std::vector<BoundRecord> read_results(const std::string& folder) {
  const nb::gil_scoped_release others_go_on;
  std::vector<BoundRecord> found;
  for (auto& stored : read_stored_records(folder))
    found.push_back({std::move(stored.record), stored.has_predictions});
  return found;
}

nb::object compare(const std::string& baseline, const std::string& candidate, double tolerance,
                   bool allow_missing) {
  Comparison found;
  {
    const nb::gil_scoped_release others_go_on;
    found = compare_results(baseline, candidate,
                            {.tolerance = tolerance, .allow_missing = allow_missing});
  }
  return python_json(to_json(found));
}

}  // namespace

void add_results(nb::module_& core) {
  nb::class_<BoundRecord>(core, "Record")
      .def("to_dict", [](const BoundRecord& b) { return python_json(to_json(b.record)); })
      .def_prop_ro("predictions", &predictions)
      .def_prop_ro("has_predictions", [](const BoundRecord& b) { return b.has_predictions; })
      .def("write", [](const BoundRecord& b, const std::string& folder) {
        const nb::gil_scoped_release others_go_on;
        write_record(folder, b.record);
      });
  core.def("read_results", &read_results);
  core.def("compare", &compare);
}

}  // namespace permafrost::python
