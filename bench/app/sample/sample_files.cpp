// SPDX-License-Identifier: Apache-2.0
#include "bench/app/sample/sample_files.h"

#include <algorithm>
#include <cstdio>

#include "common/error.h"
#include "common/files/files.h"
#include "common/machine/parallel.h"
#include "datasets/rendered/contact_sheet.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr int kSheetRows = 32, kSheetColumns = 32;

std::string sample_name(std::int64_t index) {
  char name[32];
  std::snprintf(name, sizeof name, "sample-%06lld.mp4", static_cast<long long>(index));
  return name;
}

}  // namespace

void claim_sample_folder(const fs::path& out, const Json& description) {
  const fs::path file = out / "samples.json";
  std::error_code ignored;
  const bool claimed = fs::exists(file, ignored);
  if (!claimed && fs::is_directory(out, ignored) && !fs::is_empty(out, ignored))
    throw InputError("--out", out.string(), "a folder of samples, an empty one or none",
                     "a folder that holds other files");
  if (claimed) {
    const Json found = read_json(file.string());
    if (found != description)
      throw InputError(file.string(), "", "the same kind of samples " + description.dump(),
                       found.dump(), "give another folder, or remove this one");
  }
  require_writable_directory(out, "--out");
  if (!claimed) write_file_atomically(file, description.dump(2) + "\n");
}

SampleFiles write_samples(const fs::path& out, const std::vector<Clip>& clips,
                          const VideoWriting& writing, int threads) {
  SampleFiles files;
  for (std::size_t i = 0; i < clips.size(); ++i)
    files.clips.push_back((out / sample_name(static_cast<std::int64_t>(i))).string());
  parallel_for(static_cast<std::int64_t>(clips.size()), threads, [&](std::int64_t k) {
    const auto i = static_cast<std::size_t>(k);
    write_file_atomically(files.clips[i], encode_video(clips[i], writing));
  });
  std::vector<const Clip*> rows;
  for (std::size_t i = 0; i < std::min<std::size_t>(clips.size(), kSheetRows); ++i)
    rows.push_back(&clips[i]);
  files.sheet = (out / "sheet.png").string();
  write_png(files.sheet, contact_sheet(rows, clips.at(0).shape, kSheetColumns));
  return files;
}

}  // namespace permafrost
