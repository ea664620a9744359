// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the families' descriptions share: name rules and fields that are the same in several.
#include "models/encoders/families/family.h"

namespace permafrost {

// The names of the authors' files, which are ours: blocks.{}.attn.qkv.weight ...
std::vector<NameRule> original_rules();
const std::vector<std::string>& original_prefixes();

// The names of Hugging Face's ViT, VideoMAE, MAE and I-JEPA: encoder.layer.{}.layernorm_before ...
std::vector<NameRule> huggingface_vit_rules();
// Rules for a weight and a bias.
void add_pair(std::vector<NameRule>& rules, const std::string& file, const std::string& ours,
              const std::string& ffn = {});
// Rules for query, key and value of one block, each with weight and bias.
void add_query_key_value(std::vector<NameRule>& rules, const std::string& attention);

bool has(const Shapes& shapes, const std::string& name);
// Throws InputError naming the file where the tensor is not there or has another rank.
const std::vector<std::int64_t>& shape_of(const Evidence& evidence, const std::string& name,
                                          std::size_t rank);

// Tells what shapes of the authors' names tell of any family: width, depth, patch, tubelet, FFN,
// class token, registers, layer scale, final norm; assumes heads where the width is a known one.
void describe_shapes(const Evidence& evidence, SpecDraft& draft);
// describe_shapes of an image encoder with a table in its file, for pictures as wide as high;
// `table_resize` is a name of TableResize.
void describe_image(const Evidence& evidence, const char* table_resize, SpecDraft& draft);
// An input size that the file does not tell; `note` says so, unless --spec tells all of it.
void assume_size(const Evidence& evidence, int frames, int side, const std::string& note,
                 SpecDraft& draft);
// Heads of a known width (192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16, 1536: 24 ...); 0 if unknown.
int known_heads(std::int64_t width);

// Fields that every config.json has: width, depth, heads, patch, eps, image size; checks that the
// activation is the exact GELU and that there are three channels.
void describe_common_config(const Evidence& evidence, const char* size_key, SpecDraft& draft);
// describe_common_config of an image encoder with a table in its file.
void describe_image_config(const Evidence& evidence, const char* table_resize, SpecDraft& draft);
// A whole number of config.json. Throws InputError naming file and key.
std::int64_t config_number(const Evidence& evidence, const char* key,
                           std::optional<std::int64_t> fallback = {});
bool config_flag(const Evidence& evidence, const char* key, bool fallback);

// The fields that describe_common_config reads, for writing.
Json common_config(const EncoderSpec& spec, const std::string& model_type,
                   const std::string& architecture, const char* size_key);

}  // namespace permafrost
