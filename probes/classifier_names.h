// SPDX-License-Identifier: Apache-2.0
#pragma once

// From the tensor names of every family of heads to one naming (V-JEPA's, see classifier.h).
#include <map>
#include <string>
#include <vector>

#include "models/checkpoints/checkpoint.h"

namespace permafrost {

// A tensor of a file: the head's under the common name, one third or half of it (Hugging Face keeps
// queries, keys and values apart), or somebody else's.
struct HeadTensorName {
  std::string name;           // empty: part of the encoder or predictor beside the head
  int part = 0, parts = 1;    // rows of the common tensor
  bool hugging_face = false;  // by the name
};

// `stored` as the file has it; prefixes "module." and "backbone." are taken off first.
HeadTensorName head_tensor_name(const std::string& stored);

// The head's tensors under the common names, parts joined.
struct HeadTensors {
  std::map<std::string, at::Tensor> tensors;
  std::vector<std::string>
      incomplete;  // also what comes twice: "pooler.blocks.0.attn.qkv.weight (part 2 of 3)"
  bool has_others = false;  // tensors of an encoder or predictor stand beside them
  bool hugging_face = false;
};
HeadTensors head_tensors(const NamedTensors& stored);

// Is there a linear layer to classes and a pooling in front of it?
bool looks_like_head(const HeadTensors& head);

}  // namespace permafrost
