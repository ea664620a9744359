// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/feature_cache.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "models/encoders/checkpoints/safetensors.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr const char* kCacheFormat = "permafrost.features.1";
constexpr const char* kEnding = ".safetensors";

NamedTensors tensors_of(const LabelledFeatures& features) {
  NamedTensors tensors{{"tokens", features.tokens}};
  for (std::size_t v = 0; v < features.more_views.size(); ++v)
    tensors.emplace_back("view." + std::to_string(v + 1), features.more_views[v]);
  return tensors;
}

// Of most samples there is none: by number, those that there are.
std::string failures_text(const std::vector<std::string>& failures) {
  nlohmann::json json{{"samples", failures.size()}, {"failed", nlohmann::json::object()}};
  for (std::size_t i = 0; i < failures.size(); ++i)
    if (!failures[i].empty()) json["failed"][std::to_string(i)] = failures[i];
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<std::string> read_failures(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  std::vector<std::string> failures(json.at("samples").get<std::size_t>());
  for (const auto& [number, why] : json.at("failed").items())
    failures.at(std::stoul(number)) = why.get<std::string>();
  return failures;
}

// Throws for whatever is not as it was written.
LabelledFeatures read_features(const fs::path& path, const std::string& key) {
  SafetensorsFile file = read_safetensors(path);
  const auto said = [&](const char* name) { return file.metadata.at(name); };
  if (said("format") != kCacheFormat || said("key") != key ||
      said("sha256") != hash_of(file.tensors))
    throw Error(path.string() + ": damaged");
  LabelledFeatures features;
  features.failures = read_failures(said("failures"));
  features.tokens = file.tensor("tokens", path.string());
  for (std::size_t v = 1; v < file.tensors.size(); ++v)
    features.more_views.push_back(file.tensor("view." + std::to_string(v), path.string()));
  return features;
}

}  // namespace

FeatureCache::FeatureCache(fs::path folder, double most_bytes)
    : folder_(std::move(folder)), most_bytes_(most_bytes) {}

fs::path FeatureCache::file_of(const std::string& key) const { return folder_ / (key + kEnding); }

std::optional<LabelledFeatures> FeatureCache::find(const std::string& key) const {
  const fs::path path = file_of(key);
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return std::nullopt;
  try {
    LabelledFeatures features = read_features(path, key);
    fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);  // used now
    return features;
  } catch (const std::exception&) {
    fs::remove(path, ignored);
    return std::nullopt;
  }
}

bool FeatureCache::keep(const std::string& key, const std::string& what,
                        const LabelledFeatures& features) const {
  const NamedTensors tensors = tensors_of(features);
  double bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += static_cast<double>(tensor.nbytes());
  if (bytes > most_bytes_) return false;
  try {
    make_room(bytes);
    write_safetensors(file_of(key), tensors,
                      {{"format", kCacheFormat},
                       {"key", key},
                       {"what", what},
                       {"sha256", hash_of(tensors)},
                       {"failures", failures_text(features.failures)}});
    return true;
  } catch (const Error&) {
    return false;  // a full disk costs the next run some time, and this one nothing
  }
}

void FeatureCache::make_room(double bytes) const {
  double taken = bytes;
  for (const auto& entry : entries()) {
    taken += static_cast<double>(entry.bytes);
    std::error_code ignored;
    if (taken > most_bytes_) fs::remove(file_of(entry.key), ignored);
  }
}

std::vector<CachedFeatures> FeatureCache::entries() const {
  std::vector<CachedFeatures> found;
  std::error_code error;
  for (auto it = fs::directory_iterator(folder_, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    const fs::path path = it->path();
    std::error_code gone;
    if (path.extension() != kEnding || path.filename().string().starts_with('.')) continue;
    CachedFeatures entry{.key = path.stem().string(), .bytes = fs::file_size(path, gone)};
    entry.used = fs::last_write_time(path, gone);
    if (gone) continue;  // removed by another process
    found.push_back(std::move(entry));
  }
  std::sort(found.begin(), found.end(), [](const CachedFeatures& a, const CachedFeatures& b) {
    return a.used != b.used ? a.used > b.used : a.key < b.key;
  });
  return found;
}

std::int64_t FeatureCache::clear() const {
  std::int64_t removed = 0;
  for (const auto& entry : entries()) {
    std::error_code ignored;
    removed += fs::remove(file_of(entry.key), ignored) ? 1 : 0;
  }
  return removed;
}

std::string described(const fs::path& folder, const std::string& key) {
  try {
    return read_safetensors(folder / (key + kEnding)).metadata.at("what");
  } catch (const std::exception&) {
    return "damaged";
  }
}

fs::path default_feature_cache() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string set = variable("PERMAFROST_FEATURES_CACHE"); !set.empty())
    return set == "off" ? fs::path() : fs::path(set);
  if (const std::string set = variable("XDG_CACHE_HOME"); fs::path(set).is_absolute())
    return fs::path(set) / "permafrost/features";
  if (const std::string home = variable("HOME"); fs::path(home).is_absolute())
    return fs::path(home) / ".cache/permafrost/features";
  return {};
}

}  // namespace permafrost
