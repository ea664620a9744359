// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/classifier_file.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/error.h"
#include "common/nearest_name.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "probes/heads/classifier_names.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr const char* kHeadFormat = "permafrost.head.1";

bool is_ours(const Checkpoint& file) {
  const auto format = file.metadata.find("format");
  return format != file.metadata.end() && format->second == kHeadFormat;
}

// The first entry that is a head, or the one that is asked for.
const StateDict* head_entry(const Checkpoint& file, const std::string& name) {
  for (const auto& entry : file.entries)
    if (name.empty() ? is_ours(file) || looks_like_head(head_tensors(entry.tensors))
                     : entry.name == name)
      return &entry;
  return nullptr;
}

std::vector<std::string> entry_names(const Checkpoint& file) {
  constexpr std::size_t kTold = 20;
  std::vector<std::string> names;
  for (const auto& entry : file.entries) {
    if (names.size() == kTold) {
      names.push_back("and " + std::to_string(file.entries.size() - kTold) + " more");
      break;
    }
    names.push_back(quoted(entry.name));
  }
  return names;
}

[[noreturn]] void refuse_as_head(const Checkpoint& file, const std::string& asked) {
  if (!asked.empty())
    throw InputError(file.path, "--head-entry", "one of " + joined(entry_names(file)),
                     quoted(asked));
  const std::string expected =
      "a classification head (pooler.query_tokens and linear, or fc_norm and classifier or head)";
  if (content_of(file).encoder)
    throw InputError(
        file.path, "", expected,
        "an encoder" +
            std::string(file.entries.size() > 1 ? " (" + joined(entry_names(file)) + ")" : ""),
        "this is an encoder; name it with --encoder");
  throw InputError(file.path, "", expected, "neither head nor encoder");
}

const at::Tensor* find(const HeadTensors& head, const std::string& name) {
  const auto it = head.tensors.find(name);
  return it == head.tensors.end() ? nullptr : &it->second;
}

// Size `axis` of a tensor of `dims` dimensions. Throws InputError where it is not there or of other
// dimensions.
int size_of(const HeadTensors& head, const std::string& name, int dims, int axis,
            const std::string& path) {
  const at::Tensor* tensor = find(head, name);
  if (tensor == nullptr)
    throw InputError(path, name, "a tensor of " + std::to_string(dims) + " dimensions", "none");
  if (tensor->dim() != dims || tensor->size(axis) < 1 || tensor->size(axis) > (1 << 20))
    throw InputError(path, name, "a tensor of " + std::to_string(dims) + " dimensions",
                     c10::str(tensor->sizes()));
  return static_cast<int>(tensor->size(axis));
}

int count_blocks(const HeadTensors& head) {
  const std::string start = "pooler.blocks.";
  std::set<std::string> indices;
  for (const auto& [name, tensor] : head.tensors)
    if (name.rfind(start, 0) == 0)
      indices.insert(name.substr(start.size(), name.find('.', start.size()) - start.size()));
  return static_cast<int>(indices.size());
}

constexpr const char* kNeverApplied[] = {"pooler.cross_attention_block.xattn.proj.weight",
                                         "pooler.cross_attention_block.xattn.proj.bias"};

// What the shapes tell; attention heads and norm eps are the family's.
ClassifierSpec spec_from_shapes(const HeadTensors& head, const std::string& path) {
  ClassifierSpec spec;
  spec.classes = size_of(head, "linear.weight", 2, 0, path);
  if (find(head, "pooler.query_tokens") == nullptr) {
    spec.kind = HeadKind::mean_pool;
    spec.width = size_of(head, "linear.weight", 2, 1, path);
    return spec;
  }
  spec.width = size_of(head, "pooler.query_tokens", 3, 2, path);
  const int queries = size_of(head, "pooler.query_tokens", 3, 1, path);
  if (queries != 1)
    throw InputError(path, "pooler.query_tokens", "one query", std::to_string(queries),
                     "heads that predict several things at once are not supported");
  spec.hidden = size_of(head, "pooler.cross_attention_block.mlp.fc1.weight", 2, 0, path);
  spec.blocks = count_blocks(head);
  return spec;
}

// V-JEPA 1 files keep an output projection that its forward never applies; V-JEPA 2 has none.
bool is_vjepa1(const HeadTensors& head) { return find(head, kNeverApplied[0]) != nullptr; }

int attention_heads(const Checkpoint& file, const HeadTensors& head, int width,
                    const ClassifierOptions& options) {
  const auto known = [&](std::initializer_list<int> widths) {
    return std::find(widths.begin(), widths.end(), width) != widths.end();
  };
  if (options.heads > 0) return options.heads;
  if (head.hugging_face) {
    JsonObject config(file.config, file.path + "/config.json");
    return static_cast<int>(config.integer("num_attention_heads", {}, 1, 1024));
  }
  if (is_vjepa1(head)) {
    if (options.encoder_heads > 0) return options.encoder_heads;
    if (known({1024, 1280})) return 16;
  } else if (known({1024, 1280, 1408})) {
    return 16;
  }
  throw InputError(file.path, "attention heads", "a number that the file does not tell",
                   "a head of width " + std::to_string(width),
                   "say it with --head-heads N; released V-JEPA heads have 16");
}

void take_family(const Checkpoint& file, const HeadTensors& head, const ClassifierOptions& options,
                 Classifier& out) {
  ClassifierSpec& spec = out.spec;
  if (head.hugging_face && !file.config.is_object())
    throw InputError(file.path, "", "the folder with its config.json", "a file alone");
  if (spec.kind == HeadKind::mean_pool) {
    // Hugging Face's fc_norm takes the default eps, whatever layer_norm_eps says of the encoder;
    // the authors' takes that of the encoder's norms.
    if (!head.hugging_face) spec.norm_eps = 1e-6;
    out.kind = "VideoMAE classifier";
    return;
  }
  spec.heads = attention_heads(file, head, spec.width, options);
  if (spec.width % spec.heads != 0)
    throw InputError(file.path, "attention heads",
                     "a divisor of the width " + std::to_string(spec.width),
                     std::to_string(spec.heads));
  if (head.hugging_face) {
    out.kind = "Hugging Face V-JEPA 2 classifier";
    JsonObject config(file.config, file.path + "/config.json");
    spec.norm_eps = config.number("layer_norm_eps", 1e-6, 0, 1);
  } else if (is_vjepa1(head)) {
    out.kind = "V-JEPA 1 probe";
    spec.blocks_act_on = BlocksActOn::query;
  } else {
    out.kind = "V-JEPA 2 probe";
  }
}

// "LABEL_0", "LABEL_1" ... are what the library writes where nobody gave names.
std::vector<std::string> names_from_config(const Checkpoint& file, int classes) {
  std::vector<std::string> names;
  if (!file.config.is_object() || !file.config.contains("id2label")) return names;
  const auto& labels = file.config.at("id2label");
  bool given = false;
  for (int i = 0; i < classes; ++i) {
    const std::string id = std::to_string(i);
    if (!labels.is_object() || !labels.contains(id) || !labels.at(id).is_string())
      throw InputError(file.path + "/config.json", "id2label",
                       "a name for each of " + std::to_string(classes) + " classes",
                       "none for " + id);
    names.push_back(labels.at(id).get<std::string>());
    given = given || names.back() != "LABEL_" + id;
  }
  if (labels.size() != static_cast<std::size_t>(classes))
    throw InputError(file.path + "/config.json", "id2label",
                     std::to_string(classes) + " names, one for each row of the linear layer",
                     std::to_string(labels.size()));
  if (!given) names.clear();
  return names;
}

void tell(std::string& report, const char* what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  constexpr std::size_t kShown = 8;
  const std::vector<std::string> first(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, names.size())));
  report += (report.empty() ? "" : "; ") + std::to_string(names.size()) + " " + what + ": " +
            joined(first) + (names.size() > kShown ? ", ..." : "");
}

// Gives every tensor its fate.
void fill_strictly(const Checkpoint& file, HeadTensors head, Classifier& out) {
  std::vector<std::string> mismatched, not_finite, missing = head.incomplete, unexpected;
  for (const char* name : kNeverApplied)
    if (out.spec.kind == HeadKind::attentive && head.tensors.erase(name) > 0)
      out.unused.emplace_back(name);
  out.weights = classifier_shapes(out.spec);
  visit(out.weights, out.spec, [&](const std::string& name, at::Tensor& tensor) {
    const auto it = head.tensors.find(name);
    const bool told = std::any_of(missing.begin(), missing.end(), [&](const std::string& part) {
      return part.rfind(name + " (", 0) == 0;
    });
    if (it == head.tensors.end()) {
      if (!told) missing.push_back(name);
      return;
    }
    const at::Tensor found = it->second.to(at::kFloat);
    if (!it->second.sizes().equals(tensor.sizes()) || !it->second.is_floating_point())
      mismatched.push_back(c10::str(name, " (expected ", tensor.sizes(), ", found ",
                                    it->second.sizes(), " ", it->second.dtype().name(), ")"));
    else if (const std::string wrong = not_finite_text(found); !wrong.empty())
      not_finite.push_back(name + " (" + wrong + ")");
    else
      tensor = found.contiguous();
    head.tensors.erase(it);
  });
  for (const auto& [name, tensor] : head.tensors) unexpected.push_back(name);
  std::string report;
  tell(report, "missing", missing);
  tell(report, "mismatched", mismatched);
  tell(report, "not finite", not_finite);
  tell(report, "unexpected", unexpected);
  if (!report.empty())
    throw InputError(file.path, "tensors", "exactly those of a head (" + out.kind + ")", report);
}

void read_ours(const Checkpoint& file, Classifier& out) {
  const auto json = [&](const char* key) {
    const auto it = file.metadata.find(key);
    if (it == file.metadata.end()) throw InputError(file.path, key, "JSON in the metadata", "none");
    return parse_json(it->second, file.path + ": " + key);
  };
  out.kind = "permafrost head";
  out.spec = read_classifier_spec(json("spec"), file.path + ": spec");
  const Json names = json("class_names");
  for (const auto& name : names)
    out.class_names.push_back(name.is_string() ? name.get<std::string>() : name.dump());
  if (!out.class_names.empty() &&
      out.class_names.size() != static_cast<std::size_t>(out.spec.classes))
    throw InputError(file.path, "class_names", std::to_string(out.spec.classes) + " names",
                     std::to_string(out.class_names.size()));
  if (file.metadata.count("provenance") > 0) out.provenance = json("provenance");
}

NamedTensors named_tensors(const Classifier& classifier) {
  NamedTensors tensors;
  ClassifierWeights weights = classifier.weights;
  visit(weights, classifier.spec,
        [&](const std::string& name, at::Tensor& tensor) { tensors.emplace_back(name, tensor); });
  return tensors;
}

}  // namespace

FileContent content_of(const Checkpoint& file) {
  FileContent content{.head = is_ours(file)};
  for (const auto& entry : file.entries) {
    const HeadTensors head = head_tensors(entry.tensors);
    content.head = content.head || looks_like_head(head);
    content.encoder = content.encoder || entry.name == "encoder" ||
                      entry.name == "target_encoder" ||
                      std::any_of(entry.tensors.begin(), entry.tensors.end(), [](const auto& item) {
                        return item.first.find("patch_embed") != std::string::npos;
                      });
  }
  return content;
}

Classifier read_classifier(const Checkpoint& file, const ClassifierOptions& options) {
  const StateDict* entry = head_entry(file, options.entry);
  if (entry == nullptr) refuse_as_head(file, options.entry);
  require_intact(file, *entry);
  const HeadTensors head = head_tensors(entry->tensors);
  if (!is_ours(file) && !looks_like_head(head)) refuse_as_head(file, "");
  Classifier out;
  out.name = fs::path(file.path).stem().string();
  out.source = file.path;
  if (is_ours(file)) {
    read_ours(file, out);
  } else {
    out.spec = spec_from_shapes(head, file.path);
    take_family(file, head, options, out);
    out.class_names = names_from_config(file, out.spec.classes);
  }
  fill_strictly(file, head, out);
  out.sha256 = hash_of(out);
  return out;
}

Classifier load_classifier(const std::string& path, const ClassifierOptions& options,
                           const std::string& flag) {
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    throw InputError(flag, "", "a file or folder that holds a head", quoted(path));
  return read_classifier(open_checkpoint(path), options);
}

void save_classifier(const fs::path& path, const Classifier& classifier) {
  require_finite(named_tensors(classifier), path.string());
  write_safetensors(
      path, named_tensors(classifier),
      {{"format", kHeadFormat},
       {"spec", to_json(classifier.spec).dump()},
       {"class_names", Json(classifier.class_names).dump()},
       {"provenance", classifier.provenance.dump(-1, ' ', false, Json::error_handler_t::replace)}});
}

std::string hash_of(const Classifier& classifier) { return hash_of(named_tensors(classifier)); }

}  // namespace permafrost
