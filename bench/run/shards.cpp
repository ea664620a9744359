// SPDX-License-Identifier: Apache-2.0
#include "bench/run/shards.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>

#include "common/error.h"

namespace permafrost {
namespace {

constexpr int kMostShards = 65536;

// Digits alone: no sign, no blank.
std::optional<int> whole(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

WorkShard shard_named(const std::string& text, const std::string& flag) {
  const auto slash = text.find('/');
  const auto index = whole(std::string_view(text).substr(0, slash));
  const auto count =
      slash == std::string::npos ? std::nullopt : whole(std::string_view(text).substr(slash + 1));
  if (!index || !count || *count < 1 || *count > kMostShards)
    throw InputError(flag, "", "I/N such as 0/16, with N from 1 to " + std::to_string(kMostShards),
                     quoted(text));
  if (*index >= *count)
    throw InputError(flag, "", "a shard from 0 to " + std::to_string(*count - 1), quoted(text),
                     "shards count from 0");
  return {*index, *count};
}

std::string to_text(const WorkShard& shard) {
  return "shard " + std::to_string(shard.index) + "/" + std::to_string(shard.count);
}

std::vector<int> dealt(const std::vector<ShardWork>& works, int shards) {
  std::vector<std::size_t> order(works.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (works[a].milliseconds != works[b].milliseconds)
      return works[a].milliseconds > works[b].milliseconds;
    return works[a].name < works[b].name;
  });
  std::vector<std::string> names;
  for (const auto& work : works) names.push_back(work.name);
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
    throw Error("two works to deal have the name " + quoted(*twice));
  std::vector<std::int64_t> load(static_cast<std::size_t>(shards), 0);
  std::vector<int> shard_of(works.size(), 0);
  for (const auto w : order) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += works[w].milliseconds;
    shard_of[w] = static_cast<int>(least - load.begin());
  }
  return shard_of;
}

}  // namespace permafrost
