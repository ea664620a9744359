// SPDX-License-Identifier: Apache-2.0
// Tasks, probes on them, and probes on features that the caller has.
#include <ATen/ATen.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "bench/given/given_features.h"
#include "bench/given/given_probe.h"
#include "bench/suites/single_probe.h"
#include "bench/suites/task_option.h"
#include "common/error.h"
#include "models/network/layers/named_tensors.h"
#include "probes/encode/clip_chunk.h"
#include "python/bindings/bound_encoder.h"
#include "python/bindings/bound_record.h"
#include "python/bindings/parts.h"
#include "python/bindings/tensors.h"

namespace permafrost::python {
namespace {

// Ctrl-C reaches Python while we compute.
void let_python_interrupt() {
  const nb::gil_scoped_acquire python;
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

ClipShape shape_of(const std::vector<int>& clip) {
  if (clip.size() != 3)
    throw InputError("clip", "", "(frames, height, width)",
                     std::to_string(clip.size()) + " values");
  return {clip[0], clip[1], clip[2]};
}

struct OpenTask {
  Task task;
  ClipShape shape;
};

std::shared_ptr<OpenTask> open(const std::string& name, const std::vector<int>& clip,
                               const std::string& suite, const std::string& given_data) {
  const nb::gil_scoped_release others_go_on;
  std::string data = given_data;
  const TaskSpec spec = chosen_task(read_suite(suite, "suite"), name, data);
  auto opened = std::make_shared<OpenTask>();
  opened->shape = shape_of(clip);
  opened->task = open_task(spec, opened->shape, data_folder(data));
  if (!opened->task.available())
    throw InputError("task", spec.name, "data that can be read", opened->task.unavailable);
  return opened;
}

// (pixels uint8 [n,T,H,W,3], failures [n])
nb::object clips_of_task(const OpenTask& open, const std::vector<std::int64_t>& samples,
                         int threads) {
  for (const auto i : samples)
    if (i < 0 || i >= open.task.source->size())
      throw InputError("samples", "", "samples below " + std::to_string(open.task.source->size()),
                       std::to_string(i));
  std::vector<std::string> failures(samples.size());
  std::vector<std::uint8_t> pixels;
  {
    const nb::gil_scoped_release others_go_on;
    pixels = read_chunk(*open.task.source, open.shape, samples, 1, Views::shown, failures,
                        thread_count(threads));
  }
  const auto n = static_cast<std::int64_t>(samples.size());
  return nb::make_tuple(
      python_tensor(tensor_from(std::move(pixels),
                                {n, open.shape.frames, open.shape.height, open.shape.width, 3})),
      failures);
}

nb::object folds_of(const OpenTask& open) {
  nb::list folds;
  for (const auto& fold : open.task.folds) folds.append(nb::make_tuple(fold.train, fold.test));
  return folds;
}

std::vector<int> labels_of(const OpenTask& open) {
  std::vector<int> labels;
  for (std::int64_t i = 0; i < open.task.source->size(); ++i)
    labels.push_back(open.task.source->label(i));
  return labels;
}

std::vector<std::string> names_of(const OpenTask& open) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < open.task.source->size(); ++i)
    names.push_back(open.task.source->name(i));
  return names;
}

// Of the suite for the task, or for synthetic tasks where there is none.
ProtocolChoice chosen_protocol(const Suite& suite, const TaskSpec& task, const std::string& head,
                               const std::vector<std::string>& set) {
  return changed_protocol(single_protocol(suite, task, false), task, head, set);
}

GivenProbeOptions probe_options(const Suite& suite, const TaskSpec& task, const std::string& head,
                                const std::vector<std::string>& set, std::uint64_t seed,
                                int threads, const std::string& out, const std::string& data) {
  return {.protocol = chosen_protocol(suite, task, head, set),
          .data = data,
          .out = out,
          .execution = {.threads = thread_count(threads), .seed = seed, .quiet = true},
          .progress = [](std::int64_t, std::int64_t) { let_python_interrupt(); }};
}

BoundRecord probe_encoder(const BoundEncoder& bound, const std::string& task_name,
                          const std::string& suite_name, const std::string& head,
                          const std::vector<std::string>& set, std::uint64_t seed, int threads,
                          const std::string& out, const std::string& given_data) {
  const nb::gil_scoped_release others_go_on;
  const OneThreadInside threads_of_ours;
  const Suite suite = read_suite(suite_name, "suite");
  std::string data = given_data;
  const TaskSpec task = chosen_task(suite, task_name, data);
  GivenProbeOptions options = probe_options(suite, task, head, set, seed, threads, out, data);
  const Encoder& encoder = bound.encoder();
  options.encoded = [&] { require_frozen(encoder); };
  return {probe_given(given_encoder(encoder), task, options)};
}

// `features` is called with uint8 pixels [B,T,H,W,3] as a torch.Tensor, `identity` gives the hash
// that the record has.
BoundRecord probe_callable(nb::handle features, nb::handle encoded, const std::string& name,
                           const std::string& source, const std::string& sha256,
                           const std::vector<int>& clip, std::int64_t batch,
                           const std::string& task_name, const std::string& suite_name,
                           const std::string& head, const std::vector<std::string>& set,
                           std::uint64_t seed, int threads, const std::string& out,
                           const std::string& given_data) {
  if (batch < 1) throw InputError("batch", "", "a number from 1", std::to_string(batch));
  const nb::gil_scoped_release others_go_on;
  const Suite suite = read_suite(suite_name, "suite");
  std::string data = given_data;
  const TaskSpec task = chosen_task(suite, task_name, data);
  GivenProbeOptions options = probe_options(suite, task, head, set, seed, threads, out, data);
  GivenEncoder mine{.identity = {name, source, sha256, Json{{"clip", clip}}},
                    .shape = shape_of(clip),
                    .batch = batch,
                    .features = [&](const at::Tensor& pixels) {
                      const nb::gil_scoped_acquire python;
                      return tensor_of(features(python_tensor(pixels)), "features");
                    }};
  std::unique_ptr<OneThreadInside> threads_of_ours;
  options.encoded = [&] {
    {
      const nb::gil_scoped_acquire python;
      encoded();
    }
    threads_of_ours = std::make_unique<OneThreadInside>();
  };
  return {probe_given(mine, task, options)};
}

GivenFeatureSet set_of(nb::handle features, const std::vector<int>& labels,
                       const std::vector<std::int64_t>& groups,
                       const std::vector<std::string>& names) {
  return {tensor_of(features, "features"), labels, groups, names};
}

std::shared_ptr<GivenProbe> train(const std::string& name, nb::handle features,
                                  const std::vector<int>& labels,
                                  const std::vector<std::int64_t>& groups, int classes,
                                  const std::string& suite_name, const std::string& head,
                                  const std::vector<std::string>& set, std::uint64_t seed) {
  const GivenFeatureSet given = set_of(features, labels, groups, {});
  const nb::gil_scoped_release others_go_on;
  const OneThreadInside threads_of_ours;
  const ProtocolChoice protocol =
      chosen_protocol(read_suite(suite_name, "suite"), TaskSpec{}, head, set);
  return std::make_shared<GivenProbe>(
      train_given(name, given, classes, protocol,
                  {.seed = seed, .tick = [](std::int64_t) { let_python_interrupt(); }}));
}

BoundRecord evaluate(const GivenProbe& probe, nb::handle features, const std::vector<int>& labels,
                     const std::vector<std::int64_t>& groups,
                     const std::vector<std::string>& names) {
  const GivenFeatureSet given = set_of(features, labels, groups, names);
  const nb::gil_scoped_release others_go_on;
  const OneThreadInside threads_of_ours;
  return {evaluate_given(probe, given, {})};
}

nb::object head_of(const GivenProbe& probe) {
  nb::dict weights;
  HeadWeights head = probe.outcome.head;
  visit(head, probe.outcome.spec.kind, [&](const std::string& name, at::Tensor& tensor) {
    weights[name.c_str()] = python_tensor(tensor);
  });
  return weights;
}

std::string hash_of_tensors(const std::vector<std::string>& names, const nb::list& tensors) {
  NamedTensors named;
  for (std::size_t i = 0; i < names.size(); ++i)
    named.emplace_back(names[i], tensor_of(tensors[i], names[i]));
  const nb::gil_scoped_release others_go_on;
  return hash_of(named);
}

}  // namespace

void add_probes(nb::module_& core) {
  nb::class_<OpenTask>(core, "Task")
      .def("__len__", [](const OpenTask& t) { return t.task.source->size(); })
      .def_prop_ro("name", [](const OpenTask& t) { return t.task.name; })
      .def_prop_ro("classes", [](const OpenTask& t) { return t.task.classes; })
      .def_prop_ro("class_names", [](const OpenTask& t) { return t.task.class_names; })
      .def_prop_ro("groups", [](const OpenTask& t) { return t.task.groups; })
      .def_prop_ro("labels", &labels_of)
      .def_prop_ro("names", &names_of)
      .def_prop_ro("folds", &folds_of)
      .def("clips", &clips_of_task);
  core.def("open_task", &open);
  core.def("probe_encoder", &probe_encoder);
  core.def("probe_callable", &probe_callable);
  nb::class_<GivenProbe>(core, "Probe")
      .def_prop_ro("classes", [](const GivenProbe& p) { return p.classes; })
      .def_prop_ro("chosen", [](const GivenProbe& p) { return p.outcome.chosen; })
      .def_prop_ro("held_out_accuracy",
                   [](const GivenProbe& p) { return p.outcome.held_out_accuracy; })
      .def_prop_ro("protocol",
                   [](const GivenProbe& p) { return python_json(to_json(p.protocol.probe)); })
      .def_prop_ro("weights", &head_of);
  core.def("train_probe", &train);
  core.def("evaluate", &evaluate);
  core.def("hash_of", &hash_of_tensors);
}

}  // namespace permafrost::python
