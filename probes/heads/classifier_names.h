// SPDX-License-Identifier: Apache-2.0
#pragma once

// From the tensor names of every family of heads to one naming (V-JEPA's, see classifier.h).
#include <map>
#include <string>
#include <vector>

#include "models/encoders/checkpoints/checkpoint.h"

namespace permafrost {

// A tensor of a file: under the common name, whole or one half or third of it (Hugging Face keeps
// queries, keys and values apart), or known to be somebody else's. Names that no head has stay, and
// are found unexpected.
struct HeadTensorName {
  std::string name;           // empty: part of the encoder or predictor beside the head
  int part = 0, parts = 1;    // rows of the common tensor
  bool hugging_face = false;  // by the name
};

// `stored` as the file has it; wrappers and "backbone." are taken off first.
HeadTensorName head_tensor_name(const std::string& stored);

// The tensors under the common names, parts joined; "head" of a fine-tuned VideoMAE is "linear" and
// its encoder is left out.
struct HeadTensors {
  std::map<std::string, at::Tensor> tensors;
  // Also what comes twice: "pooler.blocks.0.attn.qkv.weight (part 2 of 3)".
  std::vector<std::string> incomplete;
  bool hugging_face = false;
};
HeadTensors head_tensors(const NamedTensors& stored);

// Is there a linear layer to classes and a pooling in front of it?
bool looks_like_head(const HeadTensors& head);

}  // namespace permafrost
