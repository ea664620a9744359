// SPDX-License-Identifier: Apache-2.0
// A folder a class, as ImageNet, Places and iNaturalist come, and as torchvision's ImageFolder
// reads them: classes are the folders right in the root, sorted by their bytes.
#include <algorithm>
#include <map>
#include <set>
#include <system_error>

#include "common/error.h"
#include "common/nearest_name.h"
#include "datasets/lists/manifest_builder.h"
#include "datasets/pack/pack.h"
#include "datasets/video/frame_folder.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

[[noreturn]] void throw_unreadable(const fs::path& folder, const std::error_code& error) {
  throw InputError(folder.string(), "", "a folder that can be read", error.message());
}

std::vector<fs::path> children(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    if (!is_hidden(it->path())) found.push_back(it->path());
  }
  if (error) throw_unreadable(folder, error);
  std::sort(found.begin(), found.end());
  return found;
}

using Counts = std::map<std::string, std::int64_t>;

void leave_out(const fs::path& file, Counts& left_out) {
  const std::string ending = lower(file.extension().string());
  ++left_out[ending.empty() ? "none" : ending];
}

// Whether a folder is a link to one that it lies in.
bool leads_back(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_symlink(folder, error)) return false;
  const fs::path target = fs::canonical(folder, error);
  const fs::path parent = fs::canonical(folder.parent_path(), error);
  if (error) return false;
  const auto [end, rest] =
      std::mismatch(target.begin(), target.end(), parent.begin(), parent.end());
  return end == target.end();
}

// Media files at any depth, folders in order.
void add_files(const fs::path& folder, int depth, std::vector<fs::path>& files, Counts& left_out) {
  constexpr int kDeepest = 32;  // several links may lead in a circle
  if (depth > kDeepest) {
    throw InputError(folder.string(), "", "folders at most 32 deep", "more");
  }
  if (leads_back(folder))
    throw InputError(folder.string(), "", "a folder",
                     "a link to a folder that it lies in, whose files would come for ever");
  for (const auto& child : children(folder)) {
    std::error_code ignored;
    if (fs::is_directory(child, ignored))
      add_files(child, depth + 1, files, left_out);
    else if (is_media_path(child))
      files.push_back(child);
    else
      leave_out(child, left_out);
  }
}

// What `data pack` leaves is no folder of classes.
void refuse_packs(const fs::path& folder) {
  if (is_unfinished_pack(folder))
    throw InputError(folder.string(), "pack.json", "a whole pack", "one whose packing was ended",
                     "the same data pack goes on with it");
}

}  // namespace

Manifest read_class_folders(const fs::path& path, const ManifestOptions& options) {
  refuse_packs(path);
  std::vector<fs::path> folders, loose;
  Counts left_out;
  for (const auto& child : children(path)) {
    std::error_code ignored;
    if (fs::is_directory(child, ignored))
      folders.push_back(child);
    else if (is_media_path(child))
      loose.push_back(child);
    else
      leave_out(child, left_out);
  }
  if (!loose.empty() && options.labels_required) {
    throw InputError(path.string(), "", "folders named after the classes",
                     "the file " + quoted(loose.front().filename().string()) + " beside them",
                     "data check --no-labels and data show take files without classes");
  }
  ManifestOptions named = options;
  named.root.clear();
  named.extension.clear();
  const std::set<std::string> known(named.class_names.begin(), named.class_names.end());
  for (const auto& folder : folders) {
    const std::string name = folder.filename().string();
    if (known.empty() || (options.further_classes && !known.contains(name)))
      named.class_names.push_back(name);
    else if (!known.contains(name))  // "7" would be taken for an index
      throw InputError(path.string(), "", "folders named after the classes", quoted(name),
                       "did you mean " + quoted(nearest_name(name, options.class_names)) + "?");
  }
  ManifestBuilder builder(named, path, [&](int) { return path.string(); });
  int number = 0;
  for (const auto& file : loose)
    builder.add({.path = file.lexically_relative(path).string()}, ++number);
  for (const auto& folder : folders) {
    std::vector<fs::path> files;
    add_files(folder, 0, files, left_out);
    if (files.empty() && !options.partial) {
      refuse_packs(folder);
      if (is_pack(folder))
        throw InputError(path.string(), "", "a folder of classes, or one pack", "a folder of packs",
                         "name its task.json, or one of the packs");
      throw InputError(folder.string(), "", "at least one image or video file of this class",
                       "none");
    }
    for (const auto& file : files)
      builder.add({.path = file.lexically_relative(path).string(),
                   .label = folder.filename().string(),
                   .labels = std::vector{folder.filename().string()}},
                  ++number);
  }
  if (builder.empty() && !options.partial) {
    throw InputError(path.string(), "", "folders of image or video files, one a class", "none");
  }
  Manifest manifest = builder.finish();
  manifest.left_out = std::move(left_out);
  return manifest;
}

}  // namespace permafrost
