// SPDX-License-Identifier: Apache-2.0
#pragma once

// A family of encoders: whose weights they are, what their tensors are called, and what a file says
// of the network in it. A family is a name map and a spec, never a second transformer: everything
// is read into the one ViT of models/network/vit.h. docs/checkpoints.md shows how to add one.
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/network/encoder_spec.h"

namespace permafrost {

// What a file's tensor is of ours: all of it, or the query, key or value rows of `attn.qkv`.
enum class Piece { whole, query, key, value };

// A tensor's name in the file and in our ViT; "{}" stands for the number of a block in both. Where
// two rules lead to the same place, the first is the one that is written.
struct NameRule {
  std::string file;
  std::string ours;
  Piece piece = Piece::whole;
  std::string ffn = {};  // written for feed-forward layers of this kind alone; empty: of any
};

struct NameMap {
  std::vector<std::string> prefixes;  // off the start of a name, repeatedly
  std::vector<NameRule> rules;
  std::vector<std::string> unused;  // known and no part of the encoder; "head.*" names a beginning
};

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

// What is known of a file before its weights are read. Names have their prefixes taken off.
struct Evidence {
  std::string path;
  Shapes encoder;                   // of the entry that holds the encoder
  std::optional<Shapes> predictor;  // of the entry "predictor" beside it
  Json config;                      // of a Hugging Face folder, else null
  Json user = Json::object();       // --spec: fields that the user gives
};

// Fields of an EncoderSpec as a file gives them. What it tells cannot be overruled; what it leaves
// open and is usual is assumed unless the user says otherwise.
struct SpecDraft {
  Json told = Json::object();
  Json assumed = Json::object();
  std::vector<std::string> notes;  // what was assumed and why, for the user
};

struct Family {
  std::string name;                      // one of family_names()
  std::string title;                     // "V-JEPA 2"
  NameMap original;                      // the authors' own files
  NameMap huggingface;                   // Hugging Face folders; no rules where there are none
  std::vector<std::string> model_types;  // `model_type` of config.json
  bool zero_key_bias = false;            // keys have no bias: it is zero in ours
  // Whether the authors' own file holds this family.
  bool (*recognises)(const Evidence&) = nullptr;
  // Both throw InputError naming the file where something cannot be known or is not supported.
  void (*describe_original)(const Evidence&, SpecDraft&) = nullptr;
  void (*describe_config)(const Evidence&, SpecDraft&) = nullptr;
  // config.json for this encoder; null where transformers has no architecture for the family.
  // Throws InputError where the architecture cannot hold it.
  Json (*write_config)(const EncoderSpec&) = nullptr;
};

// In the order in which they are tried.
const std::vector<Family>& families();
const Family& family_named(const std::string& name);

Family vjepa_family();
Family vjepa2_family();
Family videomae_family();
Family vit_mae_family();
Family ijepa_family();
Family dinov2_family();

}  // namespace permafrost
