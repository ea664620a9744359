// SPDX-License-Identifier: Apache-2.0
#include "bench/machines/machine.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bench/suites/table_spec.h"
#include "common/error.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr double kTera = 1e12, kGiga = 1e9, kMega = 1e6;
constexpr double kMost = 1e9;  // of any field

double rate(JsonObject& object, const std::string& field) {
  return object.number(field, {}, 1e-9, kMost);
}

// The fields of encoders in another precision than float32.
struct PrecisionRates {
  Precision precision;
  double Machine::*frozen;
  double Machine::*tuned;
};
constexpr PrecisionRates kOtherPrecisions[] = {
    {Precision::bfloat16, &Machine::frozen_bfloat16, &Machine::tuned_bfloat16},
    {Precision::tf32, &Machine::frozen_tf32, &Machine::tuned_tf32}};

void read_rates(JsonObject& object, Machine& machine, const std::string& where) {
  const Json* child = object.child("teraflops");
  if (child == nullptr) throw InputError(where, "teraflops", "an object", "nothing");
  JsonObject rates(*child, object.where("teraflops"));
  machine.frozen = kTera * rate(rates, "frozen");
  machine.tuned = kTera * rate(rates, "tuned");
  machine.heads = kTera * rate(rates, "heads");
  for (const auto& [precision, frozen, tuned] : kOtherPrecisions) {
    const Json* given = rates.child(name_of(precision));
    if (given == nullptr) continue;
    JsonObject of_precision(*given, rates.where(name_of(precision)));
    machine.*frozen = kTera * rate(of_precision, "frozen");
    machine.*tuned = kTera * rate(of_precision, "tuned");
    of_precision.finish();
  }
  if (const Json* pretraining = rates.child("pretraining")) {
    JsonObject precisions(*pretraining, rates.where("pretraining"));
    for (const auto* precision : {"float32", "bfloat16"})
      if (precisions.child(precision) != nullptr)
        machine.pretraining[precision] = kTera * rate(precisions, precision);
    precisions.finish();
  }
  rates.finish();
}

fs::path machine_folder() { return spec_folder() / "machines"; }

}  // namespace

Machine parse_machine(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  Machine machine;
  machine.name = object.text("machine");
  machine.title = object.text("title", machine.name);
  machine.source = object.text("source", "");
  machine.gpu = object.choice("device", {"cpu", "cuda"}) == "cuda";
  machine.nodes = static_cast<int>(object.integer("nodes", 1, 1, 1 << 20));
  machine.cores = static_cast<int>(object.integer("cores", {}, 1, 1 << 16));
  machine.devices = machine.cores;
  if (machine.gpu) machine.devices = static_cast<int>(object.integer("devices", {}, 1, 1 << 10));
  read_rates(object, machine, where);
  machine.pretraining_half_width = object.number("pretraining_half_width", 0, 0, 1e6);
  machine.host_bytes = kGiga * rate(object, "memory_gigabytes");
  machine.device_bytes =
      machine.gpu ? kGiga * rate(object, "device_memory_gigabytes") : machine.host_bytes;
  machine.decoded_clips = rate(object, "decoded_clips_per_core_second");
  machine.drawn_pixels = kMega * rate(object, "drawn_megapixels_per_core_second");
  machine.network = kGiga * object.number("network_gigabytes_per_second", 0, 0, kMost);
  object.finish();
  return machine;
}

OrderedJson to_json(const Machine& machine) {
  OrderedJson rates{{"frozen", machine.frozen / kTera},
                    {"tuned", machine.tuned / kTera},
                    {"heads", machine.heads / kTera}};
  for (const auto& [precision, frozen, tuned] : kOtherPrecisions)
    if (machine.*frozen > 0)
      rates[name_of(precision)] =
          OrderedJson{{"frozen", machine.*frozen / kTera}, {"tuned", machine.*tuned / kTera}};
  for (const auto& [precision, flops] : machine.pretraining)
    rates["pretraining"][precision] = flops / kTera;
  OrderedJson json{{"machine", machine.name},
                   {"title", machine.title},
                   {"source", machine.source},
                   {"device", machine.gpu ? "cuda" : "cpu"},
                   {"nodes", machine.nodes}};
  if (machine.gpu) json["devices"] = machine.devices;
  json["cores"] = machine.cores;
  json["teraflops"] = rates;
  if (machine.pretraining_half_width > 0)
    json["pretraining_half_width"] = machine.pretraining_half_width;
  json["memory_gigabytes"] = machine.host_bytes / kGiga;
  if (machine.gpu) json["device_memory_gigabytes"] = machine.device_bytes / kGiga;
  json["decoded_clips_per_core_second"] = machine.decoded_clips;
  json["drawn_megapixels_per_core_second"] = machine.drawn_pixels / kMega;
  if (machine.network > 0) json["network_gigabytes_per_second"] = machine.network / kGiga;
  return json;
}

std::vector<std::string> machine_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = fs::directory_iterator(machine_folder(), error);
       !error && it != fs::directory_iterator(); it.increment(error))
    if (it->path().extension() == ".json") names.push_back(it->path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

Machine read_machine(const std::string& name, const std::string& flag) {
  const auto names = machine_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) {
    const std::string path = (machine_folder() / (name + ".json")).string();
    Machine machine = parse_machine(read_json(path), path);
    if (machine.name != name) throw InputError(path, "machine", quoted(name), quoted(machine.name));
    return machine;
  }
  std::error_code ignored;
  if (fs::exists(name, ignored)) return parse_machine(read_json(name), name);
  throw InputError(flag, "", "one of " + joined(names) + ", or a JSON file", quoted(name),
                   names.empty() ? "" : "nearest: " + quoted(nearest_name(name, names)));
}

const Machine& reference_core() {
  static const Machine core{.name = "reference",
                            .frozen = 0.11 * kTera,
                            .tuned = 0.13 * kTera,
                            .heads = 0.11 * kTera,
                            .decoded_clips = 100,
                            .drawn_pixels = 38 * kMega};
  return core;
}

double seconds(const Machine& machine, const Work& work) {
  const auto or_float32 = [](double rate, double in_float32) {
    return rate > 0 ? rate : in_float32;
  };
  const double computing =
      work.frozen_flops / machine.frozen + work.tuned_flops / machine.tuned +
      work.head_flops / machine.heads +
      work.frozen_bfloat16 / or_float32(machine.frozen_bfloat16, machine.frozen) +
      work.tuned_bfloat16 / or_float32(machine.tuned_bfloat16, machine.tuned) +
      work.frozen_tf32 / or_float32(machine.frozen_tf32, machine.frozen) +
      work.tuned_tf32 / or_float32(machine.tuned_tf32, machine.tuned);
  const double reading = work.clips / machine.decoded_clips + work.pixels / machine.drawn_pixels;
  if (!machine.gpu) return (computing + reading) / machine.cores;
  return std::max(computing, reading * machine.devices / machine.cores);
}

}  // namespace permafrost
