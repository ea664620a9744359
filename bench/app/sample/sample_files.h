// SPDX-License-Identifier: Apache-2.0
#pragma once

// What `sample` leaves in its folder:
//
//   DIR/samples.json             what was sampled; samples of another kind are not mixed in
//   DIR/sample-000000.mp4 ...    the clips
//   DIR/sheet.png                the first of them as one picture
//   DIR/measures.json            where they were measured
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/json/json_object.h"
#include "datasets/clip.h"
#include "datasets/rendered/video_writer.h"

namespace permafrost {

// Creates the folder, and claims it for samples of this description: more of the same may be added
// later. Throws InputError naming --out for a folder that holds anything else.
void claim_sample_folder(const std::filesystem::path& out, const Json& description);

struct SampleFiles {
  std::vector<std::string> clips;
  std::string sheet;
};

// A file a clip, side by side on threads, and the sheet.
SampleFiles write_samples(const std::filesystem::path& out, const std::vector<Clip>& clips,
                          const VideoWriting& writing, int threads);

}  // namespace permafrost
