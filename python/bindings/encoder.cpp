// SPDX-License-Identifier: Apache-2.0
// Encoders: reading, their spec, features of clips.
#include "models/encoders/encoder.h"

#include <ATen/ATen.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <mutex>
#include <nlohmann/json.hpp>

#include "probes/encode/given_clips.h"
#include "python/bindings/bound_encoder.h"
#include "python/bindings/parts.h"
#include "python/bindings/tensors.h"

namespace permafrost::python {
namespace {

constexpr const char* kPixels = "pixels";

nb::object features(BoundEncoder& bound, nb::handle pixels, const std::string& layout,
                    const std::vector<int>& layers, const std::string& tokens) {
  const at::Tensor given = tensor_of(pixels, kPixels);
  GivenFeatures found;
  {
    const nb::gil_scoped_release others_go_on;
    require_layers(bound.encoder().spec, layers, "layers");
    if (tokens != "patch" && tokens != "all")
      throw InputError("tokens", "", "patch or all", quoted(tokens));
    const GivenClips clips =
        repeated_still(given_clips(given, layout, kPixels, ""), bound.encoder().spec);
    found = features_of(*bound.at(clips.shape), clips,
                        {layers, tokens == "all" ? Tokens::all : Tokens::patch});
  }
  return nb::make_tuple(python_tensor(found.features), python_tensors(found.layers));
}

std::int64_t parameters(BoundEncoder& bound) {
  std::int64_t count = 0;
  VitWeights weights = bound.encoder().weights;
  visit(weights, [&](const std::string&, at::Tensor& tensor) { count += tensor.numel(); });
  return count;
}

BoundEncoder load(const std::string& name, const std::string& spec, const std::string& key) {
  const nb::gil_scoped_release others_go_on;
  return BoundEncoder(load_encoder(name, "load_encoder", {.spec = spec, .key = key}));
}

BoundEncoder moved(BoundEncoder& bound, const std::string& device) {
  const nb::gil_scoped_release others_go_on;
  Encoder encoder = bound.encoder();
  encoder.weights = to_device(encoder.weights, at::Device(device));
  return BoundEncoder(std::move(encoder));
}

}  // namespace

void add_encoder(nb::module_& core) {
  nb::class_<BoundEncoder>(core, "Encoder")
      .def_prop_ro("name", [](BoundEncoder& b) { return b.encoder().name; })
      .def_prop_ro("sha256", [](BoundEncoder& b) { return b.encoder().sha256; })
      .def_prop_ro("source", [](BoundEncoder& b) { return b.encoder().source; })
      .def_prop_ro("notes", [](BoundEncoder& b) { return b.encoder().notes; })
      .def_prop_ro("spec", [](BoundEncoder& b) { return python_json(to_json(b.encoder().spec)); })
      .def_prop_ro("provenance",
                   [](BoundEncoder& b) { return python_json(b.encoder().provenance); })
      .def_prop_ro("parameters", &parameters)
      .def_prop_ro(
          "device",
          [](BoundEncoder& b) { return b.encoder().weights.patch_embed.weight.device().str(); })
      .def("to", &moved)
      .def("features", &features);
  core.def("load_encoder", &load);
  core.def("zoo_names", &zoo_names);
}

}  // namespace permafrost::python
