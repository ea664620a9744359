// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/families/dit.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "common/error.h"
#include "models/encoders/checkpoints/wrapper_names.h"
#include "models/encoders/strict_tensors.h"
#include "models/network/denoiser/denoiser.h"

namespace permafrost {
namespace {

constexpr const char* kPatches = "x_embedder.proj.weight";
constexpr const char* kClasses = "y_embedder.embedding_table.weight";

NamedTensors without_wrappers_of(const NamedTensors& tensors) {
  NamedTensors bare;
  for (const auto& [name, tensor] : tensors) bare.emplace_back(without_wrappers(name), tensor);
  return bare;
}

bool holds_dit(const StateDict& entry) {
  bool patches = false, modulation = false;
  for (const auto& [stored, tensor] : entry.tensors) {
    const std::string name = without_wrappers(stored);
    patches = patches || name == kPatches;
    modulation = modulation || name == "blocks.0.adaLN_modulation.1.weight";
  }
  return patches && modulation;
}

std::vector<std::int64_t> shape_with_rank(const StrictTensors& tensors, const std::string& name,
                                          std::size_t rank, const std::string& where) {
  const auto shape = tensors.shape_of(name);
  const bool small = std::all_of(shape.begin(), shape.end(),
                                 [](std::int64_t size) { return size > 0 && size <= 1 << 20; });
  if (shape.size() != rank || !small)
    throw InputError(where, name, "a tensor of " + std::to_string(rank) + " dimensions",
                     shape.empty() ? "none" : c10::str(at::IntArrayRef(shape)));
  return shape;
}

// Our network of the same sizes but for the patches, whose shape [D,C,P,P] is a latent's.
DenoiserSpec spec_of(const StrictTensors& tensors, const std::string& where) {
  DenoiserSpec spec;
  const auto patches = shape_with_rank(tensors, kPatches, 4, where);
  spec.network.width = static_cast<int>(patches[0]);
  spec.network.depth = 0;
  while (spec.network.depth < 4096 &&
         tensors.has("blocks." + std::to_string(spec.network.depth) + ".attn.qkv.weight"))
    ++spec.network.depth;
  spec.network.feed_forward = {
      .kind = kGeluTanh,
      .width = static_cast<int>(shape_with_rank(tensors, "blocks.0.mlp.fc1.weight", 2, where)[0])};
  spec.network.positions = Positions::rope_3d;  // no table of ours: the file has its own
  spec.frequencies =
      static_cast<int>(shape_with_rank(tensors, "t_embedder.mlp.0.weight", 2, where)[1]);
  spec.outputs =
      static_cast<int>(shape_with_rank(tensors, "final_layer.linear.weight", 2, where)[0]);
  return spec;
}

at::Tensor shaped(at::IntArrayRef shape) {
  return at::empty(shape, at::TensorOptions(at::kFloat).device(at::kMeta));
}

}  // namespace

const StateDict* dit_entry(const Checkpoint& checkpoint) {
  for (const char* name : {"ema", "model", ""})
    if (const StateDict* entry = checkpoint.entry(name); entry != nullptr && holds_dit(*entry))
      return entry;
  for (const auto& entry : checkpoint.entries)
    if (holds_dit(entry)) return &entry;
  return nullptr;
}

DitReading read_dit(const Checkpoint& checkpoint, const StateDict& entry) {
  DitReading reading{.entry = entry.name};
  StrictTensors tensors(without_wrappers_of(entry.tensors), reading.fates);
  const auto patches = shape_with_rank(tensors, kPatches, 4, checkpoint.path);
  const auto places = shape_with_rank(tensors, "pos_embed", 3, checkpoint.path);
  const auto classes = tensors.has(kClasses)
                           ? shape_with_rank(tensors, kClasses, 2, checkpoint.path)
                           : std::vector<std::int64_t>{0};
  const DenoiserSpec spec = spec_of(tensors, checkpoint.path);
  const std::int64_t values = patches[1] * patches[2] * patches[3];
  DenoiserWeights weights = make_denoiser(spec, Init::none, 0);
  weights.patch_embed.weight = shaped(patches);
  std::int64_t parameters = 0;
  visit(weights, [&](const std::string& ours, at::Tensor& t) {
    const bool embedding = ours.rfind("patch_embed.", 0) == 0;
    parameters += t.numel();
    tensors.take(embedding ? "x_embedder." + ours.substr(12) : ours, t);
  });
  at::Tensor table = shaped({1, places[1], spec.network.width});
  tensors.take("pos_embed", table);
  if (classes[0] > 0) {
    at::Tensor labels = shaped({classes[0], spec.network.width});
    parameters += labels.numel();
    tensors.take(kClasses, labels);
  }
  tensors.leave();
  reading.description = {{"width", spec.network.width},
                         {"depth", spec.network.depth},
                         {"ffn", kGeluTanh},
                         {"ffn_width", spec.network.feed_forward.width},
                         {"patch", patches[3]},
                         {"channels", patches[1]},
                         {"tokens", places[1]},
                         // One row more stands for "no class".
                         {"classes", std::max<std::int64_t>(0, classes[0] - 1)},
                         {"learn_sigma", spec.outputs == 2 * values},
                         {"parameters", parameters}};
  return reading;
}

}  // namespace permafrost
