// SPDX-License-Identifier: Apache-2.0
#pragma once

// A file's tensors, each taken once by its name, with an account of what became of them.
#include <map>
#include <string>
#include <vector>

#include "models/encoders/families/tensor_fate.h"
#include "models/network/layers/named_tensors.h"

namespace permafrost {

class StrictTensors {
 public:
  // `fates` is added to, and must outlive this.
  StrictTensors(const NamedTensors& tensors, std::vector<TensorFate>& fates);

  bool has(const std::string& name) const;
  // Of what is there and not taken yet; empty where there is none.
  std::vector<std::int64_t> shape_of(const std::string& name) const;

  // The tensor as float32 in place of `into`, whose shape it must have, or `stored` where that is
  // given, of as many values. Where it is missing or wrong, `into` stays.
  void take(const std::string& name, at::Tensor& into, at::IntArrayRef stored = {});
  // What nobody took is unexpected.
  void leave();

 private:
  std::vector<TensorFate>& fates_;
  std::map<std::string, at::Tensor> left_;
  std::vector<std::string> order_;
};

}  // namespace permafrost
