// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/huggingface_writer.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "common/error.h"
#include "common/files/files.h"
#include "common/files/temporary.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/families/family.h"
#include "models/encoders/families/name_map.h"
#include "models/encoders/huggingface/modeling_text.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

struct Folder {
  Json config;
  NamedTensors tensors;
  std::string modeling;  // a Python file, where transformers needs one
  std::string how;
};

// The shape in which Hugging Face holds the patch embedding.
at::Tensor convolution(const at::Tensor& weight, const EncoderSpec& spec) {
  if (spec.per_frame) return weight.view({spec.width, 3, spec.patch, spec.patch});
  return weight.view({spec.width, 3, spec.tubelet, spec.patch, spec.patch});
}

// Under the names of transformers' own architecture.
Folder native_folder(const Family& family, Encoder& encoder) {
  Folder folder;
  folder.config = family.write_config(encoder.spec);
  folder.how = "a Hugging Face " + folder.config.at("model_type").get<std::string>() + " folder";
  const auto name_of = [&](const std::string& ours, Piece piece) {
    return file_name_of(family.huggingface, ours, piece, encoder.spec.feed_forward.kind);
  };
  visit(encoder.weights, [&](const std::string& ours, at::Tensor& tensor) {
    if (const std::string whole = name_of(ours, Piece::whole); !whole.empty()) {
      folder.tensors.emplace_back(
          whole, ours == "patch_embed.proj.weight" ? convolution(tensor, encoder.spec) : tensor);
      return;
    }
    const auto rows = tensor.chunk(3, 0);
    const Piece pieces[] = {Piece::query, Piece::key, Piece::value};
    for (std::size_t i = 0; i < 3; ++i) {
      const std::string part = name_of(ours, pieces[i]);
      if (part.empty()) throw Error(family.title + " has no name for " + ours);
      const bool key_bias = pieces[i] == Piece::key && tensor.dim() == 1;
      if (!(family.zero_key_bias && key_bias)) folder.tensors.emplace_back(part, rows[i]);
    }
  });
  return folder;
}

// Throws for what the model file of ours cannot hold.
void require_carried(const EncoderSpec& spec) {
  const auto require = [](bool held, const char* field, const char* expected) {
    if (!held)
      throw InputError("convert", field, expected, "another encoder",
                       "modeling_permafrost.py has no such part");
  };
  require(spec.feed_forward.kind == kGelu, "ffn", "\"gelu\"");
  require(spec.positions == Positions::sincos_3d || spec.positions == Positions::learned,
          "positions", "a table that is added to tokens");
  require(spec.extra_tokens() == 0, "class_token", "none");
  require(spec.final_norm, "final_norm", "true");
  require(!spec.per_frame, "per_frame", "false");
}

// With a model file of ours: V-JEPA's added table of three axes is in no architecture of
// transformers.
Folder carried_folder(Encoder& encoder) {
  const EncoderSpec& spec = encoder.spec;
  require_carried(spec);
  Folder folder;
  folder.how = "a Hugging Face folder with its own modeling_permafrost.py (trust_remote_code=True)";
  folder.modeling = kModelingText;
  folder.config = {{"model_type", "permafrost_vjepa"},
                   {"architectures", {"PermafrostVjepaModel"}},
                   {"auto_map",
                    {{"AutoConfig", "modeling_permafrost.PermafrostVjepaConfig"},
                     {"AutoModel", "modeling_permafrost.PermafrostVjepaModel"}}},
                   {"dtype", "float32"},
                   {"hidden_size", spec.width},
                   {"num_hidden_layers", spec.depth},
                   {"num_attention_heads", spec.heads},
                   {"intermediate_size", spec.hidden()},
                   {"patch_size", spec.patch},
                   {"tubelet_size", spec.tubelet},
                   {"num_frames", spec.frames},
                   {"image_size", {spec.height, spec.image_width}},
                   {"layer_norm_eps", spec.norm_eps}};
  if (spec.layer_scale) folder.config["layer_scale"] = true;
  visit(encoder.weights, [&](const std::string& name, at::Tensor& tensor) {
    if (name == "patch_embed.proj.weight")
      folder.tensors.emplace_back(name, convolution(tensor, spec));
    else if (name != "pos_embed")
      folder.tensors.emplace_back(name, tensor);
  });
  folder.tensors.emplace_back("pos_embed", encoder.weights.pos_embed);
  return folder;
}

Json preprocessing(const EncoderSpec& spec) {
  return {{"do_normalize", true},
          {"do_rescale", true},
          {"rescale_factor", 1.0 / 255.0},
          {"image_mean", spec.mean},
          {"image_std", spec.deviation},
          {"size", {{"height", spec.height}, {"width", spec.image_width}}}};
}

void discard(const Temporary& beside) {
  if (beside.descriptor < 0) return;
  std::error_code ignored;
  fs::remove_all(beside.path, ignored);
  ::close(beside.descriptor);
}

}  // namespace

std::string write_huggingface(const fs::path& folder, Encoder& encoder, bool bfloat16) {
  std::error_code ignored;
  if (fs::exists(folder, ignored))
    throw InputError("--out", folder.string(), "a folder that is not there yet", "one that is");
  const Family& family = family_named(encoder.spec.family);
  if (encoder.spec.input_noise > 0)
    throw InputError("convert", "input_noise", "0: Hugging Face's models see clips as they are",
                     c10::str(encoder.spec.input_noise));
  if (encoder.spec.routing.experts > 0)
    throw InputError("convert", "experts", "0: Hugging Face's models of this family have none",
                     std::to_string(encoder.spec.routing.experts));
  if (!encoder.spec.ffn_widths.empty())
    throw InputError("convert", "ffn_widths", "one width for all blocks, as Hugging Face's models",
                     Json(encoder.spec.ffn_widths).dump());
  if (encoder.spec.feed_forward.kind == kGeluTanh)
    throw InputError("convert", "ffn", "a kind that Hugging Face's models of this family have",
                     quoted(kGeluTanh));
  Folder files =
      family.write_config == nullptr ? carried_folder(encoder) : native_folder(family, encoder);
  if (bfloat16) {
    files.config["dtype"] = "bfloat16";
    for (auto& [name, tensor] : files.tensors) tensor = tensor.to(at::kBFloat16);
  }
  // Written beside and renamed, so that the folder is there whole or not at all.
  const fs::path plain = folder.has_filename() ? folder : folder.parent_path();
  const fs::path around = plain.has_parent_path() ? plain.parent_path() : fs::path(".");
  Temporary beside;
  try {
    fs::create_directories(around);
    beside = make_temporary_folder(around, plain.filename().string());
    write_file_atomically(beside.path / "config.json", files.config.dump(2) + "\n");
    write_file_atomically(beside.path / "preprocessor_config.json",
                          preprocessing(encoder.spec).dump(2) + "\n");
    if (!files.modeling.empty())
      write_file_atomically(beside.path / "modeling_permafrost.py", files.modeling);
    write_safetensors(beside.path / "model.safetensors", files.tensors, {{"format", "pt"}});
    fs::rename(beside.path, plain);
    ::close(beside.descriptor);
  } catch (const std::system_error& error) {  // of std::filesystem, too
    discard(beside);
    throw InputError("--out", plain.string(), "a place that can be written to",
                     error.code().message());
  } catch (...) {
    discard(beside);
    throw;
  }
  return files.how;
}

}  // namespace permafrost
