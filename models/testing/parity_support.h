// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the parity tests share: a file of the reference's tensors with its configuration.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "common/json/json_object.h"
#include "common/testing/parity_files.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/network/encoder_spec.h"
#include "models/testing/test_support.h"

namespace permafrost {

// Relative L2 distance.
inline double relative(const at::Tensor& ours, const at::Tensor& theirs) {
  const at::Tensor expected = theirs.to(at::kDouble);
  return (ours.to(at::kDouble) - expected).norm().item<double>() /
         std::max(1e-30, expected.norm().item<double>());
}

// The larger of two errors, and NaN once there was one: std::max passes over a NaN, and a network
// of NaNs would agree with every file.
inline double larger_error(double one, double other) {
  return std::isnan(one) || other <= one ? one : other;
}

// One file: tensors by name and the reference's configuration.
struct Dump {
  std::map<std::string, at::Tensor> tensors;
  Json config;
  explicit Dump(const std::filesystem::path& path) {
    const SafetensorsFile file = read_safetensors(path);
    tensors = {file.tensors.begin(), file.tensors.end()};
    config = Json::parse(file.metadata.at("config"));
  }
  const at::Tensor& at(const std::string& name) const { return tensors.at(name); }
  int whole(const char* key) const { return config.at(key).get<int>(); }
};

// What the configurations of all dumped networks say of their blocks and patches; size and kind of
// the clip, and what only some have, are left to the test.
inline EncoderSpec dumped_spec(const Dump& dump) {
  EncoderSpec spec;
  spec.width = dump.whole("embed_dim");
  spec.depth = dump.whole("depth");
  spec.heads = dump.whole("num_heads");
  spec.patch = dump.whole("patch_size");
  spec.tubelet = dump.whole("tubelet_size");
  spec.frames = dump.whole("num_frames");
  spec.uniform_power = dump.config.value("uniform_power", true);
  spec.feed_forward.ratio = dump.config.value("mlp_ratio", 4.0);
  return spec;
}

// The dump's tensor in the place and the shape of ours.
inline void take(const Dump& dump, const std::string& name, at::Tensor& into) {
  into = dump.at(name).to(at::kFloat).reshape(into.sizes()).clone();
}

}  // namespace permafrost
