// SPDX-License-Identifier: Apache-2.0
// permafrost cache: the features that runs have kept.
#include <chrono>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "bench/app/commands.h"
#include "bench/run/runner.h"
#include "bench/text/markdown.h"
#include "common/error.h"
#include "probes/encode/feature_cache.h"

namespace permafrost {
namespace {

struct CacheCommand {
  std::string folder;
  bool clear = false;
};

std::string time_text(std::filesystem::file_time_type time) {
  const auto system = std::chrono::file_clock::to_sys(time);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(system));
  std::tm parts{};
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", localtime_r(&seconds, &parts));
  return text;
}

int run(const CommonOptions& common, const CacheCommand& command) {
  const std::filesystem::path folder = features_cache_named(command.folder);
  if (folder.empty())
    throw InputError("--features-cache", "",
                     "a folder, as neither HOME nor XDG_CACHE_HOME names one", "off");
  const FeatureCache cache(folder, 0);
  const auto entries = cache.entries();
  double bytes = 0;
  Json files = Json::array();
  for (const auto& entry : entries) {
    bytes += static_cast<double>(entry.bytes);
    files.push_back({{"key", entry.key},
                     {"what", described(folder, entry.key)},
                     {"bytes", entry.bytes},
                     {"used", time_text(entry.used)}});
  }
  const std::int64_t removed = command.clear ? cache.clear() : 0;
  if (common.json) {
    const Json report{
        {"folder", folder.string()}, {"bytes", bytes}, {"files", files}, {"removed", removed}};
    std::printf("%s\n", json_text(report).c_str());
    return 0;
  }
  std::printf("%s: %zu files, %s GB\n", folder.c_str(), entries.size(),
              fixed(bytes / 1e9, 2).c_str());
  for (const auto& file : files)
    std::printf("%9s MB  %s  %s\n", fixed(file["bytes"].get<double>() / 1e6).c_str(),
                file["used"].get<std::string>().c_str(), file["what"].get<std::string>().c_str());
  if (command.clear) std::printf("%lld removed\n", static_cast<long long>(removed));
  return 0;
}

}  // namespace

void add_cache(CommandLine& line) {
  const auto command = std::make_shared<CacheCommand>();
  CLI::App* sub = line.add("cache", "list or empty the features that runs have kept",
                           [&line, command] { return run(line.common(), *command); });
  sub->add_option("--features-cache", command->folder,
                  "its folder; default: $PERMAFROST_FEATURES_CACHE, or below ~/.cache");
  sub->add_flag("--clear", command->clear, "remove all of them");
}

}  // namespace permafrost
