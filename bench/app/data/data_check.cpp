// SPDX-License-Identifier: Apache-2.0
// permafrost data check: every file of a dataset decoded, and what is wrong with it.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>

#include "bench/app/data/data_commands.h"
#include "bench/app/data/data_target.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/machine/parallel.h"
#include "common/machine/progress.h"
#include "datasets/check/dataset_check.h"
#include "datasets/pack/pack.h"
#include "datasets/rendered/rendered_dataset.h"
#include "models/processes/shared_work.h"

namespace permafrost {
namespace {

struct DataCheckCommand {
  DataOptions data;
  std::string out;
  bool no_labels = false;          // lists for pretraining
  std::int64_t least_frames = -1;  // -1: 16, or the frames of a rendered set
};

namespace fs = std::filesystem;
constexpr std::int64_t kLeastFrames = 16;

// Every frame of a pack against its hash; what is damaged is told, wherever it is.
struct CheckedPack {
  PackInfo info;
  std::vector<std::string> damaged;
};

CheckedPack checked_pack(const CommonOptions& common, const std::string& folder) {
  CheckedPack pack;
  try {
    pack.info = read_pack_info(folder);
  } catch (const InputError& error) {
    pack.damaged.emplace_back(error.what());
    return pack;
  }
  const auto shards = static_cast<std::int64_t>(pack.info.shards.size());
  std::vector<std::vector<std::string>> by_shard(static_cast<std::size_t>(shards));
  Progress progress("check", shards, "shards", common.quiet);
  parallel_for(shards, common.thread_count(), [&](std::int64_t k) {
    const auto shard = static_cast<std::size_t>(k);
    by_shard[shard] = shard_damage(folder, pack.info.shards[shard]);
    progress.advance();
  });
  progress.finish();
  for (const auto& one : by_shard) pack.damaged.insert(pack.damaged.end(), one.begin(), one.end());
  return pack;
}

int check_packs(const CommonOptions& common, const std::vector<std::string>& folders) {
  Json report = Json::array();
  bool is_whole = true;
  for (const auto& folder : folders) {
    const auto [info, damaged] = checked_pack(common, folder);
    report.push_back({{"folder", folder},
                      {"identity", info.identity},
                      {"samples", info.samples},
                      {"failures", info.failures},
                      {"damaged", damaged}});
    is_whole = is_whole && damaged.empty() && info.failures == 0;
    if (common.json) continue;
    for (const auto& one : damaged) std::printf("%s\n", one.c_str());
    std::printf("%s: %lld samples, %lld that could not be packed, %zu damaged\n", folder.c_str(),
                static_cast<long long>(info.samples), static_cast<long long>(info.failures),
                damaged.size());
  }
  if (common.json)
    std::printf("%s\n", report.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  return is_whole ? 0 : 1;
}

// The packs among the lists, which are looked at without reading any: a damaged one is to be told,
// not refused. Throws InputError where others, or none, stand beside them.
std::vector<std::string> packs_of(const ResolvedLists& lists, const std::string& target) {
  std::vector<std::string> packs;
  bool has_others = false;
  for (const ResolvedList* list : {&lists.train, &lists.test, &lists.all}) {
    if (list->path.empty()) continue;
    if (is_pack(list->path))
      packs.push_back(list->path.string());
    else
      has_others = true;
  }
  if (!packs.empty() && !lists.wrong.empty())
    throw InputError("data check", target, "packs that are there", lists.wrong.front());
  if (!packs.empty() && has_others)
    throw InputError("data check", target, "lists of files, or packs", "both");
  return packs;
}

// Read as pretraining reads them.
void ignore_labels(ResolvedLists& lists) {
  for (ResolvedList* list : {&lists.train, &lists.test, &lists.all}) {
    list->options.labels_required = false;
    list->options.labels_ignored = true;
    list->options.name_classes = false;
    list->options.class_names.clear();
    list->options.classes = 0;
  }
}

// A video of fewer frames is short: as the flag says, else as the lists' own folder says that it
// was rendered, else 16.
std::int64_t least_frames(const DataCheckCommand& command, const std::vector<NamedList>& lists) {
  if (command.least_frames >= 0) return command.least_frames;
  std::int64_t least = kLeastFrames;
  for (const auto& list : lists)
    if (const int rendered = rendered_frames(list.path.parent_path()); rendered > 0)
      least = std::min<std::int64_t>(least, rendered);
  return least;
}

void write_report(const DatasetReport& report, const std::vector<NamedList>& lists,
                  const std::string& text, const std::string& json, const fs::path& out) {
  write_file_atomically(out / "check.txt", text);
  write_file_atomically(out / "check.json", json);
  for (std::size_t k = 0; k < lists.size(); ++k) {
    const std::string whole = whole_list(lists[k].manifest, report.lists[k]);
    const fs::path file =
        out / (lists.size() == 1 ? "whole.csv" : "whole-" + lists[k].name + ".csv");
    std::error_code ignored;
    if (whole.empty())
      fs::remove(file, ignored);  // of an earlier check
    else
      write_file_atomically(file, whole);
  }
}

// What an earlier check noted; every rank knows it.
std::string noted_before(const std::string& out) {
  std::error_code ignored;
  const fs::path journal = fs::path(out) / "files.jsonl";
  return !out.empty() && fs::exists(journal, ignored) ? read_file(journal) : "";
}

// Every rank checks its part of the files, and tells the first, block by block, so that a run that
// is ended loses little.
void check_by_ranks(ProcessGroup& group, const std::vector<NamedList>& lists, int threads,
                    CheckedFiles& files, Progress& progress) {
  constexpr std::int64_t kFilesOfRank = 256;  // in a block
  std::vector<const ManifestEntry*> entries;
  for (const auto& list : lists)
    for (const auto& entry : list.manifest.entries) entries.push_back(&entry);
  const auto all = static_cast<std::int64_t>(entries.size());
  const std::int64_t block = kFilesOfRank * group.ranks();
  for (std::int64_t begin = 0; begin < all; begin += block) {
    const std::int64_t count = std::min(block, all - begin);
    for_my_pieces(&group, count, threads, [&](std::int64_t k) {
      const ManifestEntry& entry = *entries[static_cast<std::size_t>(begin + k)];
      files.check(entry.path, entry.range);
    });
    const auto lines = group.gather(files.take_lines());
    for (int rank = 1; group.is_first() && rank < group.ranks(); ++rank)
      files.adopt(lines[static_cast<std::size_t>(rank)]);
    progress.advance(count);
  }
}

int run(const CommonOptions& common, const DataCheckCommand& command) {
  if (!is_known_dataset(command.data.target) && is_pack(command.data.target))
    return common.is_first_rank() ? check_packs(common, {command.data.target}) : 0;
  DataTarget target = data_target(command.data);
  target.spec.count_missing = true;
  ResolvedLists resolved = resolve_lists(target.spec, target.data, Completeness::partial);
  if (!resolved.unavailable.empty())
    throw InputError("data check", command.data.target, "data that is there", resolved.unavailable);
  const std::vector<std::string> packs = packs_of(resolved, command.data.target);
  if (!packs.empty()) {
    if (!common.is_first_rank()) return 0;
    const int status = check_packs(common, packs);
    if (status == 0) read_lists_apart(resolved);  // their classes must fit as well
    return status;
  }
  if (command.no_labels) ignore_labels(resolved);
  const std::vector<NamedList> lists = read_lists_apart(resolved);
  std::int64_t total = 0;
  for (const auto& list : lists) total += static_cast<std::int64_t>(list.manifest.entries.size());
  if (total == 0)
    throw InputError("data check", command.data.target, "at least one image or video file", "none");
  const fs::path out = command.out;
  const bool first = common.is_first_rank();
  if (!command.out.empty() && first) require_writable_directory(out, "--out");
  CheckedFiles files(command.out.empty() || !first ? fs::path() : out / "files.jsonl");

  Progress progress("check", total, "files", common.quiet);
  if (common.group != nullptr) {
    require_same_lists(*common.group, lists);
    const std::string before = common.group->from_first(first ? noted_before(command.out) : "");
    if (!first) files.adopt(before);
    check_by_ranks(*common.group, lists, common.thread_count(), files, progress);
    if (!first) return 0;
  }
  const DatasetReport report = check_dataset(lists,
                                             {.least_frames = least_frames(command, lists),
                                              .threads = common.thread_count(),
                                              .classes = resolved.classes,
                                              .wrong = resolved.wrong,
                                              .done =
                                                  [&] {
                                                    if (common.group == nullptr) progress.advance();
                                                  }},
                                             files);
  progress.finish();
  const std::string text = to_text(report);
  // Names of files may be in any encoding.
  const std::string json =
      to_json(report).dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
  if (!command.out.empty()) write_report(report, lists, text, json, out);
  std::fputs((common.json ? json : text).c_str(), stdout);
  return report.wrong.empty() ? 0 : 1;
}

}  // namespace

void add_data_check(CLI::App& data, CommandLine& line) {
  const auto command = std::make_shared<DataCheckCommand>();
  CLI::App* sub =
      line.add_joint(data, "check", "decode every file; exit 1 where something is wrong",
                     [&line, command] { return run(line.common(), *command); });
  add_data_target(sub, command->data);
  sub->add_option("--out", command->out, "check.txt, check.json, whole.csv; a second run goes on");
  sub->add_flag("--no-labels", command->no_labels,
                "the lists have none, or they play no part, as in pretraining");
  sub->add_option("--least-frames", command->least_frames,
                  "a video of fewer is short; else 16, or what data synth was asked for")
      ->check(CLI::Range(0, 1'000'000));
}

}  // namespace permafrost
