// SPDX-License-Identifier: Apache-2.0
// Shards of videos or images in tar archives, by the naming of WebDataset: what stands before the
// first dot of a member's file name is the sample, what stands behind it says what the member is.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "common/error.h"
#include "common/files/files.h"
#include "common/json/json_object.h"
#include "common/machine/parallel.h"
#include "datasets/lists/manifest_builder.h"
#include "datasets/lists/text_line.h"
#include "datasets/tar/tar_index.h"
#include "datasets/video/frame_folder.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

struct TarSample {
  std::string media;  // name of the member
  FilePart range;
  std::string rival;  // a second member that could be it as well
  std::optional<std::string> label, group;
  std::optional<std::vector<std::string>> labels;  // an array of them
  std::string far_label;  // "a.b.cls" of the sample "a", whose label is "a.cls"
};

// Names with several dots are the usual reason.
constexpr const char* kDots =
    "as in WebDataset, the name of a sample ends at its first dot: rename the members so that "
    "theirs is the dot of the ending alone";

bool has_several_dots(const std::string& member) {
  const std::string base = fs::path(member).filename().string();
  return base.find('.', 1) != base.rfind('.');
}

void read_json_member(std::string_view bytes, const std::string& where, TarSample& sample) {
  const Json json = parse_json(std::string(bytes), where);
  if (!json.is_object()) throw InputError(where, "", "an object", json.type_name());
  const auto take = [&](const char* key, std::optional<std::string>& out) {
    const auto it = json.find(key);
    if (it == json.end() || out) return;
    if (it->is_string()) out = it->get<std::string>();
    if (it->is_number_integer()) out = it->dump();
  };
  for (const char* key : {"label", "class", "cls"}) take(key, sample.label);
  for (const char* key : {"labels", "label", "class", "cls"}) {
    const auto it = json.find(key);
    if (it == json.end() || !it->is_array() || sample.labels) continue;
    sample.labels.emplace();
    for (const auto& one : *it)
      sample.labels->push_back(one.is_string() ? one.get<std::string>() : one.dump());
  }
  take("group", sample.group);
}

// A video goes before pictures, which are then its thumbnails, whatever stands first in the
// archive. Two of a kind are left to the end, as a video may follow.
void take_media(const TarMember& member, TarSample& sample) {
  const bool was_image = is_image_path(sample.media), is_image = is_image_path(member.name);
  if (!sample.media.empty() && was_image == is_image) {
    sample.rival = member.name;
  } else if (sample.media.empty() || was_image) {
    sample.media = member.name;
    sample.range = member.range;
    sample.rival.clear();
  }
}

// The samples of one archive in the order of their first members.
std::vector<TarSample> read_samples(const fs::path& path, const ManifestOptions& options) {
  constexpr std::size_t kLargestText = 1 << 20;
  const MappedFile file(path);
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  std::vector<TarSample> samples;
  std::map<std::string, std::size_t> by_key;
  for (const auto& member : read_tar_index(bytes, path.string())) {
    const std::string where = path.string() + ": " + member.name;
    const fs::path name = member.name;
    if (!options.split.empty() && !member.name.starts_with(options.split + "/")) continue;
    const std::string base = name.filename().string();
    const std::size_t dot = base.find('.', 1);
    if (base.starts_with('.') || dot == std::string::npos) continue;
    const std::string key = (name.parent_path() / base.substr(0, dot)).string();
    const std::string ending = lower(base.substr(dot));
    const bool is_label = ending == ".cls", is_json = ending == ".json";
    const bool is_far =
        !is_label && !is_json && (ending.ends_with(".cls") || ending.ends_with(".json"));
    if (!is_label && !is_json && !is_far && !is_media_path(name)) continue;
    const auto [it, added] = by_key.try_emplace(key, samples.size());
    if (added) samples.emplace_back();
    TarSample& sample = samples[it->second];
    const std::string_view content = bytes.substr(static_cast<std::size_t>(member.range.offset),
                                                  static_cast<std::size_t>(member.range.bytes));
    if ((is_label || is_json) && content.size() > kLargestText)
      throw InputError(where, "", "at most 1 MiB", std::to_string(content.size()));
    if (is_far) {
      sample.far_label = member.name;
    } else if (is_label) {
      sample.label = trimmed(content);
    } else if (is_json) {
      read_json_member(content, where, sample);
    } else {
      take_media(member, sample);
    }
  }
  for (const auto& sample : samples)
    if (!sample.rival.empty())
      throw InputError(
          path.string() + ": " + sample.rival, "", "one video, or else one image, a sample",
          quoted(sample.media) + " as well",
          has_several_dots(sample.rival) || has_several_dots(sample.media) ? kDots : "");
  for (const auto& sample : samples)
    if (options.labels_required && !sample.label && has_several_dots(sample.media) &&
        !sample.far_label.empty())
      throw InputError(path.string() + ": " + sample.media, "label", "a member that holds it",
                       quoted(sample.far_label), kDots);
  std::erase_if(samples, [](const TarSample& sample) { return sample.media.empty(); });
  return samples;
}

// "train-{000..146}.tar" as all of them; others as they are.
std::vector<fs::path> expanded(const fs::path& path) {
  constexpr std::int64_t kMostShards = 1'000'000;
  const std::string text = path.string();
  const std::size_t open = text.rfind('{'), dots = text.find("..", open),
                    close = text.find('}', open);
  if (open == std::string::npos || close == std::string::npos || dots > close) return {path};
  const std::string first = text.substr(open + 1, dots - open - 1);
  const std::string last = text.substr(dots + 2, close - dots - 2);
  const auto from = whole_number(first), to = whole_number(last);
  if (!from || !to || *to < *from || *to - *from >= kMostShards)
    throw InputError(text, "", "a range such as {000..146}", quoted(text.substr(open)));
  std::vector<fs::path> paths;
  for (std::int64_t k = *from; k <= *to; ++k) {
    std::string number = std::to_string(k);
    if (number.size() < first.size()) number.insert(0, first.size() - number.size(), '0');
    paths.emplace_back(text.substr(0, open) + number + text.substr(close + 1));
  }
  return paths;
}

bool is_tar(const fs::path& path) { return lower(path.extension().string()) == ".tar"; }

}  // namespace

std::vector<fs::path> tar_shards(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error))
    return is_tar(path) ? expanded(path) : std::vector<fs::path>{};
  std::vector<fs::path> shards;
  for (auto it = fs::directory_iterator(path, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored)) return {};  // folders of classes
    if (is_tar(it->path())) shards.push_back(it->path());
  }
  std::sort(shards.begin(), shards.end());
  return shards;
}

Manifest read_tar_list(const fs::path& path, const ManifestOptions& options) {
  std::vector<fs::path> shards = tar_shards(path);
  std::error_code ignored;
  if (options.partial)
    std::erase_if(shards, [&](const fs::path& shard) { return !fs::exists(shard, ignored); });
  std::vector<std::vector<TarSample>> samples(shards.size());
  parallel_for(static_cast<std::int64_t>(shards.size()), available_threads(), [&](std::int64_t k) {
    const auto s = static_cast<std::size_t>(k);
    samples[s] = read_samples(shards[s], options);
  });
  std::vector<std::string> names{""};  // of the entries, from 1
  const fs::path root = path.parent_path();
  ManifestBuilder builder(options, root, [&](int line) {
    return path.string() + ": " + names[static_cast<std::size_t>(line)];
  });
  for (std::size_t s = 0; s < shards.size(); ++s) {
    const std::string shard = shards[s].lexically_relative(root).string();
    for (auto& sample : samples[s]) {
      // Without a label of its own, a member has that of the folder that it lies in.
      const std::string folder = fs::path(sample.media).parent_path().filename().string();
      if (!sample.label && !sample.labels && !folder.empty()) sample.label = folder;
      if (options.labels_required && !options.multi_label && sample.label.value_or("").empty())
        throw InputError(shards[s].string() + ": " + sample.media, "label",
                         "a .cls or .json member of the same name, or a folder of the class",
                         "none");
      names.push_back(shard + "/" + sample.media);
      builder.add({.path = names.back(),
                   .label = sample.label,
                   .group = sample.group,
                   .labels = sample.labels,
                   .file = shards[s],
                   .range = sample.range},
                  static_cast<int>(names.size() - 1));
    }
  }
  if (builder.empty())
    throw InputError(path.string(), "", "at least one video or image in the archives", "none");
  return builder.finish();
}

}  // namespace permafrost
