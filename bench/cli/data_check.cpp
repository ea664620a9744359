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

// Every frame of packs against its hash.
int check_packs(const CommonOptions& common, const std::vector<std::string>& folders) {
  Json report = Json::array();
  bool is_whole = true;
  for (const auto& folder : folders) {
    const Pack pack(folder);
    const auto shards = static_cast<std::int64_t>(pack.info().shards.size());
    std::vector<std::vector<std::string>> by_shard(static_cast<std::size_t>(shards));
    Progress progress("check", shards, "shards", common.quiet);
    parallel_for(shards, common.thread_count(), [&](std::int64_t k) {
      const auto shard = static_cast<std::size_t>(k);
      by_shard[shard] = pack.damaged_samples(shard);
      progress.advance();
    });
    progress.finish();
    std::vector<std::string> damaged;
    for (const auto& one : by_shard) damaged.insert(damaged.end(), one.begin(), one.end());
    report.push_back({{"folder", folder},
                      {"identity", pack.info().identity},
                      {"samples", pack.size()},
                      {"failures", pack.info().failures},
                      {"damaged", damaged}});
    is_whole = is_whole && damaged.empty() && pack.info().failures == 0;
    if (common.json) continue;
    for (const auto& one : damaged) std::printf("%s\n", one.c_str());
    std::printf("%s: %lld samples, %lld that could not be packed, %zu damaged\n", folder.c_str(),
                static_cast<long long>(pack.size()), static_cast<long long>(pack.info().failures),
                damaged.size());
  }
  if (common.json)
    std::printf("%s\n", report.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  return is_whole ? 0 : 1;
}

// The packs among the lists. Throws InputError where others, or none, stand beside them.
std::vector<std::string> packs_of(const std::vector<NamedList>& lists,
                                  const std::vector<std::string>& wrong,
                                  const std::string& target) {
  std::vector<std::string> packs;
  for (const auto& list : lists)
    if (is_pack(list.path)) packs.push_back(list.path.string());
  if (!packs.empty() && !wrong.empty())
    throw InputError("data check", target, "packs that are there", wrong.front());
  if (!packs.empty() && packs.size() != lists.size())
    throw InputError("data check", target, "lists of files, or packs", "both");
  return packs;
}

}  // namespace

int run(const CommonOptions& common, const DataCheckCommand& command) {
  if (!is_known_dataset(command.data.target) && is_pack(command.data.target))
    return check_packs(common, {command.data.target});
  DataTarget target = data_target(command.data);
  target.spec.count_missing = true;
  const ResolvedLists resolved = resolve_lists(target.spec, target.data, Completeness::partial);
  if (!resolved.unavailable.empty())
    throw InputError("data check", command.data.target, "data that is there", resolved.unavailable);
  const std::vector<NamedList> lists = read_lists_apart(resolved);
  const std::vector<std::string> packs = packs_of(lists, resolved.wrong, command.data.target);
  if (!packs.empty()) return check_packs(common, packs);
  std::int64_t total = 0;
  for (const auto& list : lists) total += static_cast<std::int64_t>(list.manifest.entries.size());
  if (total == 0)
    throw InputError("data check", command.data.target, "at least one image or video file", "none");
  const std::filesystem::path out = command.out;
  if (!command.out.empty()) require_writable_directory(out, "--out");
  CheckedFiles files(command.out.empty() ? out : out / "files.jsonl");

  Progress progress("check", total, "files", common.quiet);
  const DatasetReport report = check_dataset(lists,
                                             {.least_frames = command.least_frames,
                                              .threads = common.thread_count(),
                                              .classes = resolved.classes,
                                              .wrong = resolved.wrong,
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
