// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/videomae_decoder.h"

#include <ATen/ATen.h>

#include <map>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "models/encoders/families/name_map.h"
#include "models/network/position.h"
#include "models/network/vit.h"

namespace permafrost {
namespace {

class Names {
 public:
  explicit Names(const Checkpoint& checkpoint) : path_(checkpoint.path) {
    for (const auto& entry : checkpoint.entries)
      for (const auto& [name, tensor] : entry.tensors) {
        std::string bare = name;
        for (const char* prefix : {"module.", "_orig_mod.", "backbone."})
          if (bare.rfind(prefix, 0) == 0) bare.erase(0, std::string(prefix).size());
        tensors_.emplace(bare, tensor);
      }
  }
  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  at::Tensor take(const std::string& name, at::IntArrayRef shape) const {
    const auto it = tensors_.find(name);
    if (it == tensors_.end()) throw InputError(path_, name, "a tensor of the decoder", "none");
    if (it->second.sizes() != shape || !it->second.is_floating_point())
      throw InputError(path_, name, c10::str(shape), c10::str(it->second.sizes()));
    return it->second.to(at::kFloat);
  }
  std::int64_t rows(const std::string& name) const {
    const auto it = tensors_.find(name);
    if (it == tensors_.end() || it->second.dim() < 1)
      throw InputError(path_, name, "a tensor of the decoder", "none");
    return it->second.size(0);
  }
  LinearWeights linear(const std::string& name, std::int64_t out, std::int64_t in) const {
    return {take(name + ".weight", {out, in}), take(name + ".bias", {out})};
  }
  NormWeights norm(const std::string& name, std::int64_t width) const {
    return {take(name + ".weight", {width}), take(name + ".bias", {width})};
  }
  // Tensors whose names begin with `start`, by what follows it.
  NamedTensors below(const std::string& start) const {
    NamedTensors found;
    for (auto it = tensors_.lower_bound(start);
         it != tensors_.end() && it->first.rfind(start, 0) == 0; ++it)
      found.emplace_back(it->first.substr(start.size()), it->second);
    return found;
  }

 private:
  std::string path_;
  std::map<std::string, at::Tensor> tensors_;
};

// The decoder's blocks are those of the encoder under another name: the family's map reads them.
std::vector<BlockWeights> read_blocks(const Names& names, const std::string& path, std::int64_t d,
                                      bool folder) {
  const Family& family = family_named("videomae");
  const NameMap& map = folder ? family.huggingface : family.original;
  const std::string ours = folder ? "encoder.layer." : "blocks.";
  const std::string theirs = folder ? "decoder.decoder_layers." : "decoder.blocks.";
  const char* const norm = folder ? ".layernorm_before.weight" : ".norm1.weight";
  const char* const fc1 = folder ? ".intermediate.dense.weight" : ".mlp.fc1.weight";
  int depth = 0;
  while (names.has(theirs + std::to_string(depth) + norm)) ++depth;

  NamedTensors renamed;
  for (const auto& [rest, tensor] : names.below(theirs)) renamed.emplace_back(ours + rest, tensor);
  std::vector<TensorFate> fates;
  Gathered gathered = gather(renamed, map, depth, fates);
  const EncoderSpec gelu;
  RandomStream unused({});
  std::vector<BlockWeights> blocks;
  for (int i = 0; i < depth; ++i) {
    const auto hidden = names.rows(theirs + std::to_string(i) + fc1);
    blocks.push_back(make_block(d, {.width = static_cast<int>(hidden)}, Init::none, unused));
    visit(blocks.back(), "blocks." + std::to_string(i),
          [&](const std::string& name, at::Tensor& tensor) {
            tensor = gathered.take(name, tensor.sizes(), {map, gelu, family.zero_key_bias}, fates);
          });
  }
  gathered.leave(fates);
  for (auto& fate : fates) fate.name = theirs + fate.name.substr(ours.size());
  if (const std::string complaint = complaint_of(fates); !complaint.empty())
    throw InputError(path, "tensors", "exactly those of the decoder's blocks", complaint);
  return blocks;
}

// Of config.json where there is one, else what the authors' code has.
void read_settings(const Checkpoint& checkpoint, int heads, const EncoderSpec& encoder,
                   VideoMaeDecoder& decoder) {
  if (!checkpoint.config.is_object()) {
    if (heads < 1)
      throw InputError(checkpoint.path, "decoder heads", "a number that the file does not tell",
                       "none");
    decoder.block = {heads, encoder.norm_eps};
    decoder.norm_eps = encoder.norm_eps;
    return;
  }
  const std::string where = checkpoint.path + "/config.json";
  const Json& config = checkpoint.config;
  const Json count = config.value("decoder_num_attention_heads", Json());
  if (!count.is_number_integer() || count < 1 || count > 1024)
    throw InputError(where, "decoder_num_attention_heads", "a number from 1 to 1024", count.dump());
  decoder.block = {count.get<int>(), encoder.norm_eps};
  decoder.norm_eps = 1e-5;  // Hugging Face builds this norm without its eps
  decoder.normalised_targets = config.value("norm_pix_loss", Json(true)) == true;
}

}  // namespace

VideoMaeDecoder read_videomae_decoder(const Checkpoint& checkpoint, const EncoderSpec& encoder,
                                      int heads) {
  require_intact(checkpoint);
  const Names names(checkpoint);
  VideoMaeDecoder decoder;
  read_settings(checkpoint, heads, encoder, decoder);
  const auto d = names.rows("encoder_to_decoder.weight");
  if (d % decoder.block.heads != 0)
    throw InputError(checkpoint.path, "encoder_to_decoder.weight",
                     "rows that " + std::to_string(decoder.block.heads) + " heads share",
                     std::to_string(d));
  decoder.embed = names.take("encoder_to_decoder.weight", {d, encoder.width});
  decoder.mask_token = names.take("mask_token", {1, 1, d});
  decoder.positions = sinusoid_positions(static_cast<int>(d), encoder.tokens());
  decoder.blocks = read_blocks(names, checkpoint.path, d, checkpoint.config.is_object());
  decoder.norm = names.norm("decoder.norm", d);
  decoder.head = names.linear("decoder.head", encoder.patch_values(), d);
  return decoder;
}

std::pair<at::Tensor, at::Tensor> indices_of_mask(const at::Tensor& masked) {
  const auto b = masked.size(0);
  const at::Tensor counts = masked.sum(1);
  if (!counts.eq(counts[0]).all().item<bool>())
    throw InputError("mask", "masked tokens", "the same number in every sample", c10::str(counts));
  const auto places = [&](const at::Tensor& chosen) {
    return chosen.nonzero().select(1, 1).reshape({b, -1}).contiguous();
  };
  return {places(masked.logical_not()), places(masked)};
}

at::Tensor reconstruct(const VideoMaeDecoder& decoder, const at::Tensor& z, const at::Tensor& kept,
                       const at::Tensor& masked) {
  at::Tensor x = at::cat({at::linear(z, decoder.embed) + table_rows(decoder.positions, kept),
                          decoder.mask_token + table_rows(decoder.positions, masked)},
                         1);
  for (const auto& block : decoder.blocks) x = apply_block(block, x, decoder.block);
  x = x.slice(1, kept.size(1), x.size(1));
  return apply_linear(decoder.head, apply_norm(decoder.norm, x, decoder.norm_eps));
}

at::Tensor videomae_targets(const at::Tensor& clips, const EncoderSpec& spec, bool normalised) {
  const auto channels = [](const std::array<double, 3>& values) {
    return at::tensor({values[0], values[1], values[2]}, at::kFloat).view({3, 1, 1, 1});
  };
  const at::Tensor pixels = clips * channels(spec.deviation) + channels(spec.mean);
  // (channel, frame, row, column) of a token to channel last.
  at::Tensor values = patchify_normalised(pixels, spec);
  values = values.view({values.size(0), values.size(1), 3, -1}).transpose(2, 3);
  if (normalised)
    values = (values - values.mean(2, true)) / (values.var(2, true, true).sqrt() + 1e-6);
  return values.reshape({values.size(0), values.size(1), -1});
}

}  // namespace permafrost
