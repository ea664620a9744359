// SPDX-License-Identifier: Apache-2.0
// permafrost inspect: what is in the zoo, or in one file.
#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/commands.h"
#include "bench/app/inspect/inspect_denoiser.h"
#include "bench/app/inspect/inspect_experts.h"
#include "bench/app/inspect/inspect_health.h"
#include "bench/app/inspect/inspect_pack.h"
#include "common/error.h"
#include "datasets/pack/pack.h"
#include "models/encoders/checkpoint_to_encoder.h"
#include "probes/heads/classifier_file.h"

namespace permafrost {
namespace {

struct InspectCommand {
  std::string path;  // empty: the zoo
  EncoderOptions reading;
  HealthOptions health;
};

std::int64_t parameters_of(Encoder& encoder) {
  std::int64_t count = 0;
  visit(encoder.weights, [&](const std::string&, at::Tensor& t) { count += t.numel(); });
  return count;
}

Json summary_of(Encoder& encoder) {
  return {{"name", encoder.name},
          {"sha256", encoder.sha256},
          {"source", encoder.source},
          {"spec", to_json(encoder.spec)},
          {"parameters", parameters_of(encoder)},
          {"active_parameters", active_parameters_of(encoder.spec, parameters_of(encoder))},
          {"provenance", encoder.provenance}};
}

int list_zoo(const CommonOptions& common) {
  Json all = Json::array();
  const auto names = zoo_names();
  std::size_t widest = 0;
  for (const auto& name : names) widest = std::max(widest, name.size());
  for (const auto& name : names) {
    Encoder encoder = load_encoder(name, "zoo");
    const Json one = summary_of(encoder);
    all.push_back(one);
    if (!common.json)
      std::printf("%-*s %8lld parameters  %s\n", static_cast<int>(widest), name.c_str(),
                  static_cast<long long>(parameters_of(encoder)),
                  encoder.sha256.substr(0, 16).c_str());
  }
  list_zoo_denoisers(common, static_cast<int>(widest), all);
  if (common.json) std::printf("%s\n", json_text(all, 2).c_str());
  if (!common.json && all.empty()) std::printf("no encoders in %s\n", zoo_folder().c_str());
  return 0;
}

std::int64_t values_of(const StateDict& entry) {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : entry.tensors) count += tensor.numel();
  return count;
}

Json entries_of(const Checkpoint& file) {
  Json entries = Json::array();
  for (const auto& entry : file.entries)
    entries.push_back(
        {{"name", entry.name}, {"tensors", entry.tensors.size()}, {"values", values_of(entry)}});
  return entries;
}

void print_container(const Checkpoint& file) {
  std::printf("file        %s (%s)\n", file.path.c_str(), name_of(file.container));
  for (const auto& entry : file.entries)
    std::printf("entry       %-16s %zu tensors, %lld values\n",
                entry.name.empty() ? "(the file)" : entry.name.c_str(), entry.tensors.size(),
                static_cast<long long>(values_of(entry)));
  for (const auto& other : file.others) std::printf("also        %s\n", other.c_str());
}

// What can be said of a head: its kind and shape, or why it cannot be used. The number of attention
// heads stands in no file of V-JEPA; 1 fits any width and only serves to read the shapes.
Json head_of(const Checkpoint& file) {
  if (!content_of(file).head) return nullptr;
  try {
    const Classifier head = read_classifier(file, {.heads = 1, .encoder_heads = 1});
    Json spec = to_json(head.spec);
    spec.erase("heads");
    return {{"kind", head.kind},
            {"spec", spec},
            {"class_names", head.class_names},
            {"sha256", head.sha256},
            {"unused", head.unused}};
  } catch (const InputError& error) {
    return {{"not_usable", error.what()}};
  }
}

void print_head(const Json& head) {
  if (head.contains("not_usable")) {
    std::printf("NOT USABLE  %s\n", head.at("not_usable").get<std::string>().c_str());
    return;
  }
  std::printf("head        %s\nspec        %s\nsha256      %s\n",
              head.at("kind").get<std::string>().c_str(), head.at("spec").dump().c_str(),
              head.at("sha256").get<std::string>().c_str());
  if (!head.at("class_names").empty())
    std::printf("classes     %s\n", head.at("class_names").dump().c_str());
  for (const auto& name : head.at("unused"))
    std::printf("  known unused  %s\n", name.get<std::string>().c_str());
}

// A file without an encoder: its tensors as they are, and why no encoder was found.
int describe_tensors(const CommonOptions& common, const Checkpoint& file, const std::string& why) {
  Json tensors = Json::object();
  const Json head = head_of(file);
  if (!common.json) print_container(file);
  if (!common.json && !head.is_null()) print_head(head);
  for (const auto& entry : file.entries) {
    for (const auto& [name, tensor] : entry.tensors) {
      const std::string full = entry.name.empty() ? name : entry.name + "/" + name;
      const std::string dtype(tensor.dtype().name());
      tensors[full] = {{"shape", tensor.sizes().vec()}, {"dtype", dtype}};
      if (!common.json)
        std::printf("  %-56s %s %s\n", full.c_str(), c10::str(tensor.sizes()).c_str(),
                    dtype.c_str());
    }
  }
  if (common.json)
    std::printf("%s\n", json_text(Json{{"file", file.path},
                                       {"container", name_of(file.container)},
                                       {"entries", entries_of(file)},
                                       {"others", file.others},
                                       {"metadata", file.metadata},
                                       {"no_encoder", why},
                                       {"head", head},
                                       {"tensors", tensors}},
                                  2)
                            .c_str());
  else if (head.is_null())
    std::printf("no encoder: %s\n", why.c_str());
  return head.is_object() && head.contains("not_usable") ? 1 : 0;
}

Json fates_of(const EncoderReading& reading) {
  Json fates = Json::array();
  for (const auto& fate : reading.fates)
    fates.push_back({{"name", fate.name}, {"fate", name_of(fate.fate)}, {"note", fate.note}});
  return fates;
}

// 0 where every tensor has its place, 1 where one has not: such an encoder is not measured.
int describe_encoder(const CommonOptions& common, const HealthOptions& health,
                     const Checkpoint& file, EncoderReading& reading) {
  Encoder& encoder = reading.encoder;
  const std::string complaint = complaint_of(reading.fates);
  std::optional<HealthOnTask> features;
  std::optional<ExpertUseOnTask> experts;
  if (complaint.empty() && !health.task.empty()) {
    features = health_on_task(common, health, encoder);
    if (encoder.spec.routing.experts > 0) experts = expert_use_on_task(common, health, encoder);
  }
  if (common.json) {
    Json json{{"name", encoder.name},
              {"source", encoder.source},
              {"spec", to_json(encoder.spec)},
              {"provenance", encoder.provenance},
              {"container", name_of(file.container)},
              {"entries", entries_of(file)},
              {"others", file.others},
              {"family", encoder.spec.family},
              {"entry", reading.entry},
              {"notes", encoder.notes},
              {"complete", complaint.empty()},
              {"tensors", fates_of(reading)}};
    if (complaint.empty()) {
      json["sha256"] = encoder.sha256;
      json["parameters"] = parameters_of(encoder);
      json["active_parameters"] = active_parameters_of(encoder.spec, parameters_of(encoder));
    }
    if (features) json["features"] = to_json(*features);
    if (experts) json["experts"] = to_json(*experts);
    std::printf("%s\n", json_text(json, 2).c_str());
    return complaint.empty() ? 0 : 1;
  }
  print_container(file);
  std::printf("encoder     %s, %s%s%s\n", encoder.name.c_str(), reading.title.c_str(),
              reading.entry.empty() ? "" : ", of entry ", reading.entry.c_str());
  std::printf("spec        %s\n", to_json(encoder.spec).dump().c_str());
  for (const auto& note : encoder.notes) std::printf("note        %s\n", note.c_str());
  const std::string of_experts = experts_text(encoder.spec);
  if (!of_experts.empty()) std::printf("experts     %s\n", of_experts.c_str());
  if (complaint.empty()) {
    const std::int64_t all = parameters_of(encoder);
    std::printf("sha256      %s\nparameters  %lld", encoder.sha256.c_str(),
                static_cast<long long>(all));
    if (!of_experts.empty())
      std::printf(", of which a token meets %lld",
                  static_cast<long long>(active_parameters_of(encoder.spec, all)));
    std::printf("\n");
  }
  if (features) std::printf("%s", text_of(*features, encoder).c_str());
  if (experts) std::printf("%s", text_of(*experts).c_str());
  for (const auto& fate : reading.fates)
    std::printf("  %-12s  %-60s %s\n", name_of(fate.fate), fate.name.c_str(), fate.note.c_str());
  if (!encoder.provenance.is_null())
    std::printf("made by     %s\n", encoder.provenance.dump().c_str());
  if (!complaint.empty()) std::printf("NOT USABLE  %s\n", complaint.c_str());
  return complaint.empty() ? 0 : 1;
}

// A file that says itself that it is an encoder, and cannot be read as one, is bad input; of others
// the tensors are shown, whatever they are.
bool claims_to_be_encoder(const Checkpoint& file) {
  const auto format = file.metadata.find("format");
  if (format != file.metadata.end() && format->second.rfind("permafrost.encoder.", 0) == 0)
    return true;
  const FileContent content = content_of(file);
  return file.container == Container::huggingface && (content.encoder || !content.head);
}

int run(const CommonOptions& common, const InspectCommand& command) {
  const bool looks_at_features = !command.health.task.empty();
  if (looks_at_features && (command.path.empty() || is_pack(command.path)))
    throw InputError("--on", command.health.task, "an encoder whose features to look at",
                     command.path.empty() ? "none" : "the pack " + command.path);
  if (command.path.empty()) return list_zoo(common);
  if (is_pack(command.path)) return inspect_pack(common, command.path);
  std::error_code ignored;
  const std::filesystem::path in_zoo = zoo_folder() / (command.path + ".safetensors");
  const bool zoo = std::filesystem::is_regular_file(in_zoo, ignored);
  if (const auto path = denoiser_path(command.path); !zoo && path != command.path && !path.empty())
    return inspect_denoiser(common, open_checkpoint(path));
  if (!zoo && !std::filesystem::exists(command.path, ignored))
    load_encoder(command.path, "permafrost inspect");  // says which names there are
  const Checkpoint file = open_checkpoint(zoo ? in_zoo : std::filesystem::path(command.path));
  if (is_denoiser(file) && !looks_at_features) return inspect_denoiser(common, file);
  EncoderReading reading;
  try {
    reading = read_encoder(file, command.reading);
  } catch (const InputError& error) {
    // With a question about an encoder, its error is the answer.
    if (!command.reading.spec.empty() || !command.reading.key.empty() || looks_at_features) throw;
    if (claims_to_be_encoder(file)) throw;
    require_intact(file);
    if (const StateDict* dit = dit_entry(file)) return inspect_dit(common, file, *dit);
    return describe_tensors(common, file, error.what());
  }
  for (const auto& entry : file.entries)  // reading has looked at its own
    if (entry.name != reading.entry) require_intact(file, entry);
  if (zoo) reading.encoder.name = command.path;
  return describe_encoder(common, command.health, file, reading);
}

}  // namespace

void add_inspect(CommandLine& line) {
  const auto command = std::make_shared<InspectCommand>();
  CLI::App* sub = line.add("inspect", "what is in the zoo or in a file",
                           [&line, command] { return run(line.common(), *command); });
  sub->add_option("file", command->path, "file or folder; none: list the zoo");
  sub->add_option("--spec", command->reading.spec,
                  "fields of the network that the file does not say");
  sub->add_option("--checkpoint-key", command->reading.key,
                  "which entry of a checkpoint file, or part of its names: model, state_dict.net");
  HealthOptions& health = command->health;
  auto* on = sub->add_option("--on", health.task,
                             "also print deviation and effective rank of the encoder's features on "
                             "the clips of this task, and where its experts' tokens go: one of the "
                             "suite, or a JSON file");
  sub->add_option("--clips", health.clips, "how many clips of that task are used")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str()
      ->needs(on);
  sub->add_option("--suite", health.suite, "suite: pico, pico2, tiny, denoiser, gate or paper")
      ->capture_default_str()
      ->needs(on);
  sub->add_option("--data", health.data, "folder of real datasets; default: $PERMAFROST_DATA")
      ->needs(on);
}

}  // namespace permafrost
