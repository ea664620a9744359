// SPDX-License-Identifier: Apache-2.0
// The samples of a pack as a list.
#include "common/error.h"
#include "datasets/lists/class_names.h"
#include "datasets/lists/manifest_builder.h"
#include "datasets/pack/pack.h"

namespace permafrost {
namespace fs = std::filesystem;

Manifest read_pack_list(const fs::path& folder, const ManifestOptions& options) {
  const Pack pack(folder);
  const PackInfo& info = pack.info();
  const std::string where = (folder / "pack.json").string();
  ManifestOptions as_packed;
  as_packed.require_files = false;
  as_packed.labels_required = false;
  as_packed.multi_label = options.multi_label;
  as_packed.class_names = options.class_names.empty() ? info.class_names : options.class_names;
  as_packed.classes = options.classes > 0 ? options.classes : info.classes;
  ManifestBuilder builder(as_packed, folder,
                          [&](int line) { return where + ": sample " + std::to_string(line); });
  for (std::int64_t i = 0; i < pack.size(); ++i) {
    const PackedSample& sample = pack.sample(i);
    ManifestRow row{.path = sample.name, .group = std::to_string(sample.group)};
    if (options.multi_label) {
      row.labels.emplace();
      for (const int label : sample.target.labels())
        row.labels->push_back(class_name_of(info.class_names, label));
    } else if (sample.target.kind() == TargetKind::class_set && !options.labels_ignored) {
      throw InputError(where, sample.name, "one label", "a sample of several",
                       "\"multi_label\": true of the task reads them");
    } else if (sample.target.label() >= 0) {
      row.label = class_name_of(info.class_names, sample.target.label());
    } else if (options.labels_required) {
      throw InputError(where, sample.name, "a label", "none");
    }
    builder.add(row, static_cast<int>(i + 1));
  }
  if (builder.empty()) throw InputError(where, "samples", "at least one", "none");
  Manifest manifest = builder.finish();
  manifest.identity = info.identity;
  for (std::size_t i = 0; i < manifest.entries.size(); ++i) {
    std::uint64_t bytes = 0;
    for (const auto& frame : pack.sample(static_cast<std::int64_t>(i)).stored) bytes += frame.bytes;
    manifest.entries[i].bytes = static_cast<std::int64_t>(bytes);
  }
  return manifest;
}

}  // namespace permafrost
