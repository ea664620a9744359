// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/feature_cache.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace feature_cache_test {
namespace fs = std::filesystem;

LabelledFeatures features(double value, std::int64_t samples = 6) {
  LabelledFeatures out;
  out.tokens = at::full({samples, 4, 8}, value, at::kFloat);
  out.more_views = {at::full({2, 4, 8}, -value, at::kFloat)};
  out.failures.resize(static_cast<std::size_t>(samples));
  out.failures[1] = "a.mp4: \"damaged\"\n";
  return out;
}

std::vector<std::string> keys_of(const FeatureCache& cache) {
  std::vector<std::string> keys;
  for (const auto& entry : cache.entries()) keys.push_back(entry.key);
  return keys;
}

// Files of a later use are not always of a later time, as a file system counts it.
void set_age(const fs::path& path, int minutes) {
  fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::minutes(minutes));
}

TEST(FeatureCache, GivesWhatWasKept) {
  const TestFolder folder;
  const FeatureCache cache(folder / "new/folder", 1e9);
  EXPECT_FALSE(cache.find("k").has_value());
  EXPECT_TRUE(cache.keep("k", "an encoder on a task", features(3)));
  const auto found = cache.find("k");
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->tokens.equal(features(3).tokens));
  ASSERT_EQ(found->more_views.size(), 1U);
  EXPECT_TRUE(found->more_views[0].equal(features(3).more_views[0]));
  EXPECT_EQ(found->failures, features(3).failures);
  EXPECT_EQ(described(folder / "new/folder", "k"), "an encoder on a task");
}

TEST(FeatureCache, RemovesWhatIsDamaged) {
  const TestFolder folder;
  const FeatureCache cache(folder.path(), 1e9);
  cache.keep("k", "", features(3));
  std::string bytes = read_file(folder / "k.safetensors");
  bytes[bytes.size() - 5] ^= 1;
  write_file_atomically(folder / "k.safetensors", bytes);
  EXPECT_FALSE(cache.find("k").has_value());
  EXPECT_FALSE(fs::exists(folder / "k.safetensors"));
  write_file_atomically(folder / "k.safetensors", "no features");
  EXPECT_FALSE(cache.find("k").has_value());
  // A whole file under another name.
  cache.keep("k", "", features(3));
  fs::rename(folder / "k.safetensors", folder / "other.safetensors");
  EXPECT_FALSE(cache.find("other").has_value());
}

TEST(FeatureCache, MakesRoomByWhatWasUsedLongestAgo) {
  const TestFolder folder;
  FeatureCache(folder.path(), 1e9).keep("a", "", features(1));
  const FeatureCache cache(folder.path(),
                           2.5 * static_cast<double>(fs::file_size(folder / "a.safetensors")));
  for (const char* key : {"a", "b"}) cache.keep(key, "", features(1));
  set_age(folder / "a.safetensors", 10);
  set_age(folder / "b.safetensors", 20);
  EXPECT_EQ(keys_of(cache), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(cache.find("b").has_value()) << "and is the last that was used";
  cache.keep("c", "", features(1));
  EXPECT_EQ(keys_of(cache).size(), 2U);
  EXPECT_FALSE(cache.find("a").has_value());
  EXPECT_TRUE(cache.find("b").has_value());
  EXPECT_FALSE(cache.keep("d", "", features(1, 1000))) << "larger than the cache";
  EXPECT_EQ(keys_of(cache).size(), 2U);
}

TEST(FeatureCache, IsClearedOfItsOwnFilesAlone) {
  const TestFolder folder;
  const FeatureCache cache(folder.path(), 1e9);
  cache.keep("a", "", features(1));
  write_file_atomically(folder / "notes.txt", "mine");
  EXPECT_EQ(cache.clear(), 1);
  EXPECT_TRUE(fs::exists(folder / "notes.txt"));
  EXPECT_EQ(FeatureCache(folder / "gone", 1e9).clear(), 0);
}

TEST(FeatureCache, AFolderThatCannotBeWrittenKeepsNothing) {
  const TestFolder folder;
  write_file_atomically(folder / "file", "no folder");
  EXPECT_FALSE(FeatureCache(folder / "file", 1e9).keep("a", "", features(1)));
}

TEST(FeatureCache, LiesWhereTheEnvironmentSays) {
  ::setenv("PERMAFROST_FEATURES_CACHE", "off", 1);
  EXPECT_EQ(default_feature_cache(), "");
  ::setenv("PERMAFROST_FEATURES_CACHE", "/x/y", 1);
  EXPECT_EQ(default_feature_cache(), "/x/y");
  ::unsetenv("PERMAFROST_FEATURES_CACHE");
  ::setenv("XDG_CACHE_HOME", "/c", 1);
  EXPECT_EQ(default_feature_cache(), "/c/permafrost/features");
  ::setenv("XDG_CACHE_HOME", "", 1);
  ::setenv("HOME", "/h", 1);
  EXPECT_EQ(default_feature_cache(), "/h/.cache/permafrost/features");
}

}  // namespace feature_cache_test
}  // namespace permafrost
