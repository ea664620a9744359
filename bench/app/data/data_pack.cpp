// SPDX-License-Identifier: Apache-2.0
// permafrost data pack: the frames of a dataset, decoded once.
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/app/data/data_commands.h"
#include "bench/app/data/data_target.h"
#include "bench/app/ranks/join_ranks.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/files/folder_lock.h"
#include "common/machine/progress.h"
#include "datasets/lists/missing_files.h"
#include "datasets/packing/pack_writer.h"
#include "datasets/tasks/task_lists.h"

namespace permafrost {
namespace {

struct DataPackCommand {
  DataOptions data;
  std::string out, coding = "raw";
  int short_side = 256, every = 1, quality = 90;
  std::int64_t shard_samples = 64;
  bool aliased = false;  // as OpenCV's bilinear scaling, for heads that were trained on it
};

namespace fs = std::filesystem;

// The task over the packs, in their folder.
TaskSpec packed_task(const TaskSpec& spec, const ResolvedLists& resolved,
                     const std::vector<NamedList>& lists) {
  TaskSpec packed = spec;
  packed.manifest = packed.dataset = packed.labels = "";
  packed.train_list = packed.test_list = packed.files = {};
  packed.class_names.clear();  // the packs have them
  packed.count_missing.reset();
  // The dataset may have said so, and is left out.
  if (resolved.directional) packed.directional = true;
  if (resolved.multi_label) packed.multi_label = true;
  if (lists.size() == 1) {
    packed.manifest = ".";
  } else {
    packed.train_list.manifest = "train";
    packed.test_list.manifest = "test";
  }
  return packed;
}

// Where the task refuses missing files, all of them are told before anything is packed.
std::vector<NamedList> lists_of(const DataPackCommand& command, ResolvedLists resolved) {
  bool refuses = false;
  for (ResolvedList* list : {&resolved.train, &resolved.test, &resolved.all}) {
    if (list->path.empty()) continue;
    if (is_pack(list->path))
      throw InputError("data pack", command.data.target, "lists of files", "a pack");
    refuses = refuses || list->options.require_files;
    list->options.require_files = false;
  }
  std::vector<NamedList> lists = read_lists_apart(resolved);
  if (refuses)
    for (const auto& list : lists) require_files(list.manifest, list.path);
  return lists;
}

void print_packs(const OrderedJson& packs, const fs::path& out) {
  for (const auto& one : packs)
    std::printf("%s: %lld samples, %lld that could not be decoded, %.1f MB, sha256 %s\n",
                one["folder"].get<std::string>().c_str(), one["samples"].get<long long>(),
                one["failures"].get<long long>(), one["bytes"].get<double>() / 1e6,
                one["identity"].get<std::string>().c_str());
  std::printf("use it with --task %s\n", (out / "task.json").c_str());
}

fs::path folder_of(const NamedList& list, const std::vector<NamedList>& lists,
                   const fs::path& out) {
  return lists.size() == 1 ? out : out / list.name;
}

// Every rank writes its shards, into a folder that all see; the first then finds all of them.
void write_parts(ProcessGroup& group, const std::vector<NamedList>& lists, const fs::path& out,
                 PackOptions options) {
  require_same_lists(group, lists);
  require_shared_folder(group, out, "--out");
  for (const auto& list : lists) {
    const fs::path folder = folder_of(list, lists, out);
    if (group.is_first()) require_writable_directory(folder, "--out");
    group.barrier();
    write_pack_shards(list.manifest, list.path.filename().string(), folder, options,
                      {.index = group.rank(), .count = group.ranks()});
  }
  group.barrier();
}

int run(const CommonOptions& common, const DataPackCommand& command) {
  const DataTarget target = data_target(command.data);
  const ResolvedLists resolved = resolve_lists(target.spec, target.data);
  if (!resolved.unavailable.empty())
    throw InputError("data pack", command.data.target, "data that is there", resolved.unavailable);
  const std::vector<NamedList> lists = lists_of(command, resolved);
  // As the task over the packs would; a list by itself may be for pretraining.
  if (!target.is_list) refuse_repeated_files(lists);
  const fs::path out = command.out;
  std::optional<FolderLock> lock;
  if (common.is_first_rank()) {
    require_writable_directory(out, "--out");
    lock.emplace(out, "--out");
  }
  std::int64_t total = 0;
  for (const auto& list : lists) total += static_cast<std::int64_t>(list.manifest.entries.size());
  Progress progress("pack", total, "files", common.quiet);
  PackOptions options{
      .spec = {.coding = command.coding == "raw" ? PackCoding::raw : PackCoding::jpeg,
               .short_side = command.short_side,
               .every = command.every,
               .quality = command.quality,
               .antialias = !command.aliased},
      .shard_samples = command.shard_samples,
      .done = [&] { progress.advance(); },
      .execution = execution_of(common)};
  if (common.group != nullptr) {
    write_parts(*common.group, lists, out, options);
    if (!common.is_first_rank()) return 0;
    options.done = {};  // what is still done is to look at the shards
  }
  std::int64_t failures = 0;
  OrderedJson report = OrderedJson::array();
  for (const auto& list : lists) {
    const fs::path folder = folder_of(list, lists, out);
    const PackInfo info = write_pack(list.manifest, list.path.filename().string(), folder, options);
    std::uint64_t bytes = 0;
    for (const auto& shard : info.shards) bytes += shard.bytes;
    failures += info.failures;
    report.push_back({{"folder", folder.string()},
                      {"identity", info.identity},
                      {"samples", info.samples},
                      {"failures", info.failures},
                      {"shards", info.shards.size()},
                      {"bytes", bytes}});
  }
  progress.finish();
  write_file_atomically(out / "task.json",
                        to_json(packed_task(target.spec, resolved, lists)).dump(2) + "\n");
  if (common.json)
    std::printf("%s\n", json_text(report, 2).c_str());
  else
    print_packs(report, out);
  for (const auto& one : report) {
    if (one["failures"] == 0) continue;
    const fs::path reasons = fs::path(one["folder"].get<std::string>()) / kPackFailures;
    std::fprintf(stderr, "%lld of %lld samples have no frames: %s tells why\n",
                 one["failures"].get<long long>(), one["samples"].get<long long>(),
                 reasons.c_str());
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace

void add_data_pack(CLI::App& data, CommandLine& line) {
  const auto command = std::make_shared<DataPackCommand>();
  CLI::App* sub =
      line.add_joint(data, "pack", "decode once and keep the frames; a second run goes on",
                     [&line, command] { return run(line.common(), *command); });
  add_data_target(sub, command->data);
  sub->add_option("--out", command->out, "folder: shards, pack.json, task.json")->required();
  sub->add_option("--coding", command->coding, "how frames are kept")
      ->check(CLI::IsMember({"raw", "jpeg"}))
      ->capture_default_str();
  sub->add_option("--short-side", command->short_side, "pixels; smaller frames stay as they are")
      ->check(CLI::Range(1, 16384))
      ->capture_default_str();
  sub->add_option("--every", command->every, "keep one of every N frames")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  sub->add_option("--quality", command->quality, "JPEG quality")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  sub->add_option("--shard-samples", command->shard_samples, "samples in one file")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  sub->add_flag("--aliased", command->aliased, "scale as the released code does");
}

}  // namespace permafrost
