// SPDX-License-Identifier: Apache-2.0
// Frame indices of clips against the reference's, for every clip_sampling*.json.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/json/json_object.h"
#include "common/testing/parity_files.h"
#include "datasets/frames/sampling.h"

namespace permafrost {
namespace sampling_parity_test {

using Indices = std::vector<std::int64_t>;

bool is_set(const Json& item, const char* key) {
  return item.contains(key) && !item[key].is_null();
}

ClipSampling sampling_of(const Json& item) {
  ClipSampling sampling{.frames = item.at("frames_per_clip").get<int>()};
  sampling.clips = item.value("num_clips", 1);
  sampling.allow_overlap = item.value("allow_clip_overlap", true);
  if (is_set(item, "clip_duration")) {
    // The reference's order of operations; its result is cut to a whole number.
    sampling.frame_step = static_cast<int>(item["clip_duration"].get<double>() *
                                           item.at("fps").get<double>() / sampling.frames);
  } else {
    sampling.frame_step = item.at("frame_step").get<int>();
  }
  return sampling;
}

TEST(ClipSamplingParity, EveryIndexOfEveryClip) {
  const auto files = parity_files("clip_sampling", ".json");
  if (files.empty()) GTEST_SKIP() << "no clip_sampling*.json in " << parity_folder();
  for (const auto& file : files) {
    const Json items = read_json(file.string());
    EXPECT_FALSE(items.empty()) << file;
    for (const Json& item : items) {
      const ClipSampling sampling = sampling_of(item);
      Indices indices;
      for (int clip = 0; clip < sampling.clips; ++clip) {
        const Indices more =
            clip_indices(sampling, item.at("num_frames").get<std::int64_t>(), clip);
        indices.insert(indices.end(), more.begin(), more.end());
      }
      Indices expected = item.at("indices").get<Indices>();
      // The reference asks for frame -1 of a part that is empty (see sampling.h).
      for (std::int64_t& index : expected) index = std::max<std::int64_t>(index, 0);
      EXPECT_EQ(indices, expected) << file << ": " << item.dump();
    }
  }
}

}  // namespace sampling_parity_test
}  // namespace permafrost
