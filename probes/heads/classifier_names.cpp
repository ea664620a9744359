// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/classifier_names.h"

#include <ATen/ATen.h>

#include <string_view>
#include <utility>

#include "models/encoders/checkpoints/wrapper_names.h"

namespace permafrost {
namespace {

bool starts_with(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

std::string bare_name(const std::string& stored) {
  constexpr std::string_view kBackbone = "backbone.";
  std::string name = without_wrappers(stored);
  while (name.starts_with(kBackbone)) name.erase(0, kBackbone.size());
  return name;
}

struct Rename {
  const char* from;
  const char* to;
  int part, parts;
};

// In the middle of a name, Hugging Face to common.
constexpr Rename kMiddles[] = {
    {"cross_attn.q_proj.", "xattn.q.", 0, 1},
    {"cross_attn.k_proj.", "xattn.kv.", 0, 2},
    {"cross_attn.v_proj.", "xattn.kv.", 1, 2},
    {"self_attn.q_proj.", "attn.qkv.", 0, 3},
    {"self_attn.k_proj.", "attn.qkv.", 1, 3},
    {"self_attn.v_proj.", "attn.qkv.", 2, 3},
    {"self_attn.out_proj.", "attn.proj.", 0, 1},
    {"layer_norm1.", "norm1.", 0, 1},
    {"layer_norm2.", "norm2.", 0, 1},
};

// At the start of a name.
constexpr std::pair<const char*, const char*> kStarts[] = {
    {"pooler.cross_attention_layer.", "pooler.cross_attention_block."},
    {"pooler.self_attention_layers.", "pooler.blocks."},
    {"classifier.", "linear."},
};

// Hugging Face's encoders and predictors, in one file with the head.
constexpr const char* kOfTheEncoder[] = {"vjepa2.", "videomae."};

// The encoder in the files of VideoMAE's authors, where nothing sets it apart from the head.
constexpr const char* kBesideTheHead[] = {"patch_embed.", "blocks.", "pos_embed", "norm."};

// Their fine-tuned models end in fc_norm and head. An image MAE does too, and averages over other
// tokens: it is known by its class token and stays as it is.
void take_authors_names(std::map<std::string, at::Tensor>& tensors) {
  if (tensors.count("fc_norm.weight") == 0 || tensors.count("head.weight") == 0 ||
      tensors.count("linear.weight") > 0 || tensors.count("cls_token") > 0)
    return;
  for (const char* end : {"weight", "bias"})
    if (auto node = tensors.extract(std::string("head.") + end)) {
      node.key() = std::string("linear.") + end;
      tensors.insert(std::move(node));
    }
  for (const char* start : kBesideTheHead)
    std::erase_if(tensors, [&](const auto& named) { return starts_with(named.first, start); });
}

}  // namespace

HeadTensorName head_tensor_name(const std::string& stored) {
  HeadTensorName result;
  std::string name = bare_name(stored);
  for (const char* start : kOfTheEncoder)
    if (starts_with(name, start)) return result;
  for (const auto& [from, to] : kStarts)
    if (starts_with(name, from)) {
      name = to + name.substr(std::char_traits<char>::length(from));
      result.hugging_face = true;
      break;
    }
  const bool pooler = starts_with(name, "pooler.");
  for (const Rename& rename : kMiddles)
    if (const auto at = name.find(rename.from); pooler && at != std::string::npos) {
      name.replace(at, std::char_traits<char>::length(rename.from), rename.to);
      result.part = rename.part;
      result.parts = rename.parts;
      break;
    }
  result.name = name;
  return result;
}

namespace {

// Rows of the parts one after the other; undefined where they do not fit together.
at::Tensor joined_parts(const std::vector<at::Tensor>& parts) {
  if (parts.size() == 1) return parts[0];
  for (const auto& part : parts)
    if (!part.defined() || part.dim() == 0 || !parts[0].defined() ||
        !part.sizes().slice(1).equals(parts[0].sizes().slice(1)))
      return {};
  return at::cat(parts, 0);
}

std::string what_is_wrong(const std::string& name, const std::vector<at::Tensor>& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].defined()) return c10::str(name, " (part ", i + 1, " of ", parts.size(), ")");
  return name + " (parts of different shapes)";
}

}  // namespace

HeadTensors head_tensors(const NamedTensors& stored) {
  HeadTensors head;
  std::map<std::string, std::vector<at::Tensor>> parts;
  auto& twice = head.incomplete;
  for (const auto& [name, tensor] : stored) {
    const HeadTensorName known = head_tensor_name(name);
    if (known.name.empty()) continue;
    head.hugging_face = head.hugging_face || known.hugging_face;
    auto& place = parts[known.name];
    if (place.empty()) place.resize(static_cast<std::size_t>(known.parts));
    const auto part = static_cast<std::size_t>(known.part);
    if (part >= place.size() || place[part].defined())
      twice.push_back(known.name + " (twice)");
    else
      place[part] = tensor;
  }
  for (const auto& [name, all] : parts) {
    const at::Tensor whole = joined_parts(all);
    if (whole.defined())
      head.tensors[name] = whole;
    else
      head.incomplete.push_back(what_is_wrong(name, all));
  }
  take_authors_names(head.tensors);
  return head;
}

bool looks_like_head(const HeadTensors& head) {
  const auto has = [&](const char* name) { return head.tensors.count(name) > 0; };
  return has("pooler.query_tokens") || (has("linear.weight") && has("fc_norm.weight"));
}

}  // namespace permafrost
