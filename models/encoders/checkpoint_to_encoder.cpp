// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoint_to_encoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/files/files.h"
#include "common/nearest_name.h"
#include "models/encoders/checkpoints/wrapper_names.h"
#include "models/encoders/denoiser_file.h"
#include "models/encoders/families/known_specs.h"
#include "models/encoders/families/name_map.h"
#include "models/network/position.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr const char* kHeadHint =
    "this is a head; name it with --head, and the encoder that it was trained on with --encoder";

std::vector<std::string> entry_names(const Checkpoint& checkpoint) {
  constexpr std::size_t kTold = 20;
  std::vector<std::string> names;
  for (const auto& entry : checkpoint.entries) {
    if (names.size() == kTold) {
      names.push_back("and " + std::to_string(checkpoint.entries.size() - kTold) + " more");
      break;
    }
    names.push_back(quoted(entry.name));
  }
  return names;
}

bool is_head(const StateDict& entry) {
  bool pooler = false;
  for (const auto& [name, tensor] : entry.tensors) {
    if (name.find("patch_embed") != std::string::npos) return false;
    pooler = pooler || name.find("pooler.") != std::string::npos;
  }
  return pooler;
}

// The state dictionary that holds the encoder.
StateDict chosen_entry(const Checkpoint& checkpoint, const std::string& key,
                       std::vector<std::string>& notes) {
  if (!key.empty()) {
    if (auto entry = checkpoint.entry_or_part(key)) return std::move(*entry);
    throw InputError("--checkpoint-key", "",
                     "one of " + joined(entry_names(checkpoint)) + " of " + checkpoint.path +
                         ", or what names in one begin with",
                     quoted(key));
  }
  const StateDict* chosen = nullptr;
  // The slow copy is what the authors evaluate; trainers call their dictionaries the other names.
  for (const char* name :
       {"target_encoder", "encoder", "teacher", "model", "module", "state_dict", "model_state", ""})
    if (chosen == nullptr) chosen = checkpoint.entry(name);
  if (chosen == nullptr && checkpoint.entries.size() == 1) chosen = &checkpoint.entries[0];
  if (chosen == nullptr || is_head(*chosen)) {
    for (const auto& entry : checkpoint.entries)
      if (is_head(entry))
        throw InputError(checkpoint.path, "entry " + quoted(entry.name), "an encoder",
                         "a probe head", kHeadHint);
    throw InputError(checkpoint.path, "entries", "an encoder among them",
                     joined(entry_names(checkpoint)), "--checkpoint-key names one");
  }
  if (chosen->name == "target_encoder" && checkpoint.entry("encoder") != nullptr)
    notes.emplace_back(
        "reads target_encoder, as the authors evaluate; --checkpoint-key encoder takes the other");
  else if (!chosen->name.empty())
    notes.push_back("reads entry " + chosen->name);
  return *chosen;
}

Shapes shapes_of(const StateDict& entry, const NameMap& map) {
  Shapes shapes;
  for (const auto& [name, tensor] : entry.tensors)
    shapes[without_prefixes(map, name)] = tensor.sizes().vec();
  return shapes;
}

// ImageNet's mean and deviation unless a Hugging Face folder says otherwise.
void describe_preprocessing(const Checkpoint& checkpoint, SpecDraft& draft) {
  for (const char* file : {"preprocessor_config.json", "video_preprocessor_config.json"}) {
    const fs::path path = fs::path(checkpoint.path) / file;
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) continue;
    const Json json = read_json(path.string());
    const auto take = [&](const char* from, const char* to) {
      if (json.is_object() && json.contains(from)) draft.told[to] = json.at(from);
    };
    take("image_mean", "mean");
    take("image_std", "deviation");
    draft.notes.push_back(std::string("mean and deviation of pixels are those of ") + file);
    return;
  }
}

const Family& family_of_config(const Checkpoint& checkpoint) {
  const std::string where = checkpoint.path + "/config.json";
  const Json type =
      checkpoint.config.is_object() ? checkpoint.config.value("model_type", Json()) : Json();
  std::vector<std::string> known;
  for (const auto& family : families()) {
    for (const auto& name : family.model_types) {
      if (type == name) return family;
      known.push_back(name);
    }
  }
  const bool is_timm =
      type.is_null() && checkpoint.config.is_object() && checkpoint.config.contains("architecture");
  throw InputError(where, "model_type", "one of " + joined(known), type.dump(),
                   is_timm
                       ? "a folder of timm: name the file of weights in it, and with --spec the "
                         "mean and deviation that its config.json gives"
                       : "");
}

// What stands before the patch embedding in names: "net", "state_dict.student". None where no name
// ends as those of a patch embedding do.
std::vector<std::string> parts_with_patches(const StateDict& entry) {
  std::vector<std::string> parts;
  for (const auto& [stored, tensor] : entry.tensors) {
    const std::string name = without_wrappers(stored);
    for (const std::string_view end :
         {".patch_embed.proj.weight", ".embeddings.patch_embeddings.projection.weight"})
      if (name.ends_with(end))
        parts.push_back((entry.name.empty() ? "" : entry.name + ".") +
                        name.substr(0, name.size() - end.size()));
  }
  return parts;
}

const Family& family_of_names(const Evidence& evidence, const StateDict& entry) {
  if (evidence.user.contains("family")) {
    const Json& name = evidence.user.at("family");
    for (const auto& family : families())
      if (name == family.name) return family;
    throw InputError("--spec", "family", "one of " + joined(family_names()), name.dump());
  }
  for (const auto& family : families())
    if (family.recognises(evidence)) return family;
  const std::string first =
      evidence.encoder.empty() ? "no tensors" : evidence.encoder.begin()->first;
  const bool folder = evidence.encoder.count("embeddings.patch_embeddings.projection.weight") > 0 ||
                      first.find("layer.") != std::string::npos;
  const std::vector<std::string> parts = parts_with_patches(entry);
  throw InputError(
      evidence.path, "tensors", "those of a known family (" + joined(family_names()) + ")",
      "others, the first is " + quoted(first),
      folder          ? "name the folder that holds config.json"
      : parts.empty() ? ""
                      : "--checkpoint-key takes a part of the names: " + joined(parts));
}

// What is told, then what the user says, then what is assumed. Throws where the user contradicts.
EncoderSpec finished_spec(const Family& family, const Evidence& evidence, const SpecDraft& draft) {
  Json spec = draft.assumed;
  spec["family"] = family.name;
  for (const auto& [key, value] : evidence.user.items()) spec[key] = value;
  for (const auto& [key, value] : draft.told.items()) {
    if (evidence.user.contains(key) && evidence.user.at(key) != value)
      throw InputError("--spec", key, value.dump() + ", as " + evidence.path + " tells",
                       evidence.user.at(key).dump());
    spec[key] = value;
  }
  if (!spec.contains("heads"))
    throw InputError(evidence.path, "heads", "the number of attention heads",
                     "none, and width " + spec.at("width").dump() + " is not a known one",
                     "write --spec '{\"heads\": N}'");
  return read_encoder_spec(spec,
                           evidence.user.empty() ? evidence.path : "--spec for " + evidence.path);
}

// "vitl16.pth.tar" is vitl16; a folder keeps its name.
std::string name_of_path(const Checkpoint& checkpoint) {
  fs::path path(checkpoint.path);
  if (path.filename().empty()) path = path.parent_path();
  if (checkpoint.container == Container::huggingface) return path.filename().string();
  if (path.extension() == ".tar") path = path.stem();
  return path.stem().string();
}

// A table in the file where the spec computes one: the file's counts. Where it is another than the
// computed one, it becomes part of the weights.
void take_stored_table(Encoder& encoder, Gathered& gathered, std::vector<TensorFate>& fates) {
  const auto found = gathered.take_whole("pos_embed");
  if (!found) return;
  TensorFate fate{found->name, Fate::used, "position table"};
  at::Tensor& table = encoder.weights.pos_embed;
  const at::Tensor stored = found->tensor.to(at::kFloat);
  if (!table.defined() || found->tensor.sizes() != table.sizes() ||
      !found->tensor.is_floating_point()) {
    fate.fate = Fate::mismatched;
    fate.note = c10::str("expected ", table.defined() ? c10::str(table.sizes()) : "no table",
                         ", found ", found->tensor.sizes());
  } else if (const std::string wrong = not_finite_text(stored); !wrong.empty()) {
    fate.fate = Fate::not_finite;
    fate.note = wrong;
  } else {
    const double distance = (stored - table).abs().max().item<double>();
    table = stored;
    if (distance > 1e-6) {
      encoder.weights.pos_is_weight = true;
      encoder.spec.positions = Positions::learned;
      fate.note += c10::str(", differs from the computed one by up to ", distance);
      encoder.notes.push_back(
          c10::str("the file's position table differs from the computed one by up to ", distance,
                   "; the file's is used"));
    }
  }
  fates.push_back(fate);
}

void fill(Encoder& encoder, const StateDict& entry, const NameMap& map, bool zero_key_bias,
          std::vector<TensorFate>& fates) {
  encoder.weights = make_vit(encoder.spec, Init::none, 0);
  Gathered gathered = gather(entry.tensors, map, encoder.spec.depth, fates);
  visit(encoder.weights, [&](const std::string& name, at::Tensor& tensor) {
    tensor = gathered.take(name, tensor.sizes(), {map, encoder.spec, zero_key_bias}, fates);
  });
  if (!encoder.weights.pos_is_weight) take_stored_table(encoder, gathered, fates);
  gathered.leave(fates);
}

// One of our own files: the spec stands in its metadata.
EncoderReading read_own(const Checkpoint& checkpoint, const EncoderOptions& options) {
  const auto spec = checkpoint.metadata.find("spec");
  if (spec == checkpoint.metadata.end())
    throw InputError(checkpoint.path, "metadata spec", "the encoder's spec", "none");
  if (!options.spec.empty())
    throw InputError("--spec", "", "none: " + checkpoint.path + " holds its own", options.spec);
  EncoderReading reading;
  const std::string where = checkpoint.path + ": spec";
  reading.encoder.spec = read_encoder_spec(parse_json(spec->second, where), where);
  reading.title = family_named(reading.encoder.spec.family).title;
  if (const auto it = checkpoint.metadata.find("provenance"); it != checkpoint.metadata.end())
    reading.encoder.provenance = parse_json(it->second, checkpoint.path + ": provenance");
  fill(reading.encoder, checkpoint.entries.at(0), own_names(), false, reading.fates);
  return reading;
}

EncoderReading read_foreign(const Checkpoint& checkpoint, const EncoderOptions& options) {
  EncoderReading reading;
  Encoder& encoder = reading.encoder;
  const bool folder = checkpoint.container == Container::huggingface;
  const StateDict entry = chosen_entry(checkpoint, options.key, encoder.notes);
  reading.entry = entry.name;
  require_intact(checkpoint, entry);
  std::vector<std::string> prefix_notes;
  const NameMap usual =
      for_names(folder ? family_of_config(checkpoint).huggingface : family_named("vjepa").original,
                entry.tensors, prefix_notes);
  Evidence evidence{.path = checkpoint.path,
                    .encoder = shapes_of(entry, usual),
                    .config = checkpoint.config,
                    .user = spec_option(options.spec)};
  if (const StateDict* predictor = checkpoint.entry("predictor"))
    evidence.predictor = shapes_of(*predictor, family_named("vjepa").original);
  const Family& family = folder ? family_of_config(checkpoint) : family_of_names(evidence, entry);
  SpecDraft draft;
  if (folder) {
    family.describe_config(evidence, draft);
    describe_preprocessing(checkpoint, draft);
  } else {
    family.describe_original(evidence, draft);
  }
  encoder.spec = finished_spec(family, evidence, draft);
  encoder.notes.insert(encoder.notes.end(), draft.notes.begin(), draft.notes.end());
  reading.title = family.title;
  const NameMap map =
      for_names(folder ? family.huggingface : family.original, entry.tensors, encoder.notes);
  fill(encoder, entry, map, family.zero_key_bias, reading.fates);
  return reading;
}

}  // namespace

bool EncoderReading::complete() const { return complaint_of(fates).empty(); }

EncoderReading read_encoder(const Checkpoint& checkpoint, const EncoderOptions& options) {
  const auto format = checkpoint.metadata.find("format");
  const bool own =
      format != checkpoint.metadata.end() && format->second.rfind("permafrost.", 0) == 0;
  if (own && format->second.rfind("permafrost.head.", 0) == 0)
    throw InputError(checkpoint.path, "metadata format", "an encoder", "a probe head", kHeadHint);
  if (is_denoiser(checkpoint))
    throw InputError(checkpoint.path, "metadata format", "an encoder", "a denoiser",
                     "permafrost convert --time TAU makes an encoder of it");
  if (own && format->second != kEncoderFormat)
    throw InputError(checkpoint.path, "metadata format", quoted(kEncoderFormat),
                     quoted(format->second));
  EncoderReading reading = own ? read_own(checkpoint, options) : read_foreign(checkpoint, options);
  reading.encoder.name = name_of_path(checkpoint);
  reading.encoder.source = checkpoint.path;
  if (reading.complete()) reading.encoder.sha256 = hash_of(reading.encoder);
  return reading;
}

}  // namespace permafrost
