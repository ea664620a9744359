// SPDX-License-Identifier: Apache-2.0
// permafrost data check: every file of a dataset decoded, and what is wrong with it.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/cli/data_target.h"
#include "bench/cli/options.h"
#include "common/error.h"
#include "common/files.h"
#include "common/parallel.h"
#include "common/progress.h"
#include "datasets/dataset_check.h"
#include "datasets/pack/pack.h"

namespace permafrost {

namespace {

// Every frame of a pack against its hash.
int check_pack(const CommonOptions& common, const std::string& folder) {
  const Pack pack(folder);
  const auto shards = static_cast<std::int64_t>(pack.info().shards.size());
  std::vector<std::vector<std::string>> by_shard(static_cast<std::size_t>(shards));
  Progress progress("check", shards, "shards", common.quiet);
  parallel_for(shards, common.thread_count(), [&](std::int64_t shard) {
    by_shard[static_cast<std::size_t>(shard)] =
        pack.damaged_samples(static_cast<std::size_t>(shard));
    progress.advance();
  });
  progress.finish();
  std::vector<std::string> damaged;
  for (const auto& one : by_shard) damaged.insert(damaged.end(), one.begin(), one.end());
  if (common.json) {
    const Json json = {{"identity", pack.info().identity},
                       {"samples", pack.size()},
                       {"failures", pack.info().failures},
                       {"damaged", damaged}};
    std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    for (const auto& one : damaged) std::printf("%s\n", one.c_str());
    std::printf("%lld samples, %lld that could not be packed, %zu damaged\n",
                static_cast<long long>(pack.size()), static_cast<long long>(pack.info().failures),
                damaged.size());
  }
  return damaged.empty() && pack.info().failures == 0 ? 0 : 1;
}

}  // namespace

int run(const CommonOptions& common, const DataCheckCommand& command) {
  if (is_pack(command.data.target)) return check_pack(common, command.data.target);
  DataTarget target = data_target(command.data);
  target.spec.count_missing = true;
  const ResolvedLists resolved = resolve_lists(target.spec, target.data);
  if (!resolved.unavailable.empty())
    throw InputError("data check", command.data.target, "data that is there", resolved.unavailable);
  const std::vector<NamedList> lists = read_lists_apart(resolved);
  const std::filesystem::path out = command.out;
  if (!command.out.empty()) require_writable_directory(out, "--out");
  CheckedFiles files(command.out.empty() ? out : out / "files.jsonl");

  std::int64_t total = 0;
  for (const auto& list : lists) total += static_cast<std::int64_t>(list.manifest.entries.size());
  Progress progress("check", total, "files", common.quiet);
  const DatasetReport report = check_dataset(lists,
                                             {.least_frames = command.least_frames,
                                              .threads = common.thread_count(),
                                              .done = [&] { progress.advance(); }},
                                             files);
  progress.finish();
  const std::string text = to_text(report);
  // Names of files may be in any encoding.
  const std::string json =
      to_json(report).dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
  if (!command.out.empty()) {
    write_file_atomically(out / "check.txt", text);
    write_file_atomically(out / "check.json", json);
  }
  std::fputs((common.json ? json : text).c_str(), stdout);
  return report.wrong.empty() ? 0 : 1;
}

}  // namespace permafrost
