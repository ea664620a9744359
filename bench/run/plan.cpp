// SPDX-License-Identifier: Apache-2.0
#include "bench/run/plan.h"

#include <algorithm>

#include "common/error.h"
#include "models/encoders/denoiser_file.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

std::string shape_text(const ClipShape& shape) {
  return std::to_string(shape.frames) + "x" + std::to_string(shape.height) + "x" +
         std::to_string(shape.width);
}

// Why there is no file of that name; empty when there is one.
std::string missing_encoder(const std::string& name) {
  std::error_code ignored;
  const fs::path in_zoo = zoo_folder() / (name + ".safetensors");
  if (fs::is_regular_file(in_zoo, ignored) || fs::exists(name, ignored)) return "";
  return "no encoder file " + in_zoo.string();
}

std::string missing_denoiser(const std::string& name) {
  if (!denoiser_path(name).empty()) return "";
  return "no denoiser file " + (zoo_folder() / (name + kDenoiserEnd)).string();
}

class Planner {
 public:
  Planner(const Suite& suite, const SeedRange& seeds, const fs::path& data, double clip_bytes)
      : suite_(suite), seeds_(seeds), data_(data), clip_bytes_(clip_bytes) {}

  Plan plan(const std::vector<TableSpec>& tables) {
    for (const auto& table : tables) {
      auto& rows = plan_.places.emplace_back();
      for (const auto& row : table.rows) {
        auto& places = rows.emplace_back();
        for (const auto& column : table.columns) places.push_back(place(table, row, column));
      }
    }
    return std::move(plan_);
  }

 private:
  TableCell place(const TableSpec& table, const RowSpec& row, const ColumnSpec& column) {
    const TaskSpec& spec = task_of(suite_, column.task);
    const ProtocolChoice& protocol = protocol_of(suite_, column.protocol);
    CellUse use{.table = table.number, .row = row.name, .column = column.name};
    if (const auto it = row.paper.find(column.name); it != row.paper.end()) use.paper = it->second;

    TableCell place;
    const SeedRange seeds = seeds_of(protocol, seeds_);
    // Before any cell is planned: half a place is no place.
    for (std::uint64_t seed = seeds.first; seed <= seeds.last(); ++seed) {
      const auto& gone =
          encoder_named(encoder_for_seed(suite_, row.encoder, seed).name).unavailable;
      if (!gone.empty()) return {.unavailable = gone};
    }
    for (std::uint64_t seed = seeds.first; seed <= seeds.last(); ++seed) {
      const std::string& name = encoder_for_seed(suite_, row.encoder, seed).name;
      const PlannedEncoder& encoder = encoder_named(name);
      const TestView test = protocol.is_finetune ? protocol.finetune.test : protocol.probe.test;
      const Task& task = task_opened(spec, encoder.spec.clip_shape(), test);
      if (!task.available()) return {.unavailable = task.unavailable};
      PlannedCell cell{.encoder = name, .protocol = protocol, .task = &task};
      cell.clips = clips_of(protocol, spec);
      cell.record = planned_record(encoder.identity, task, protocol, spec, seed);
      const auto [it, added] = by_key_.try_emplace(cell.record.key, plan_.cells.size());
      if (added) plan_.cells.push_back(std::move(cell));
      add_use(plan_.cells[it->second].record.used_by, use);
      place.planned.push_back(it->second);
    }
    return place;
  }

  const PlannedEncoder& encoder_named(const std::string& name) {
    const auto [it, added] = plan_.encoders.try_emplace(name);
    PlannedEncoder& planned = it->second;
    if (!added) return planned;
    const Encoder encoder = open_encoder(suite_, encoder_of(suite_, name), planned.unavailable);
    if (!planned.unavailable.empty()) return planned;
    planned.spec = encoder.spec;
    planned.identity = {encoder.name, encoder.source, encoder.sha256, to_json(encoder.spec)};
    return planned;
  }

  const Task& task_opened(const TaskSpec& spec, const ClipShape& shape, const TestView& test) {
    const std::string name = task_key(spec, shape, test);
    if (const auto it = plan_.tasks.find(name); it != plan_.tasks.end()) return it->second;
    Task task =
        open_task(spec, shape, data_,
                  {.short_side = test.short_side, .views = test.views, .keep_bytes = clip_bytes_});
    clip_bytes_ -= task.kept_bytes;
    return plan_.tasks.emplace(name, std::move(task)).first->second;
  }

  const Suite& suite_;
  SeedRange seeds_;
  fs::path data_;
  double clip_bytes_;  // that are left
  Plan plan_;
  std::map<std::string, std::size_t> by_key_;
};

}  // namespace

std::string task_key(const TaskSpec& spec, const ClipShape& shape, const TestView& test) {
  return spec.name + " " + shape_text(shape) + " " + std::to_string(test.short_side) + " " +
         std::to_string(test.views);
}

Record planned_record(const EncoderIdentity& encoder, const Task& task,
                      const ProtocolChoice& protocol, const TaskSpec& spec, std::uint64_t seed) {
  Record record;
  record.encoder = encoder;
  record.task = {.name = task.name,
                 .manifest_sha256 = task.manifest_sha256,
                 .identity = task.identity,
                 .version = task.version,
                 .classes = task.classes,
                 .listed = task.listed};
  record.measure = task.measure;
  record.target = task.target;
  record.warnings = task.warnings;
  record.protocol = to_json(protocol, spec);
  record.evaluation_version = protocol.is_finetune ? kFinetuningVersion : kEvaluationVersion;
  record.seed = seed;
  record.key = key_of(record);
  return record;
}

std::string name_of(const PlannedCell& cell) {
  return cell.encoder + " on " + cell.record.task.name + ", " + cell.protocol.name + ", seed " +
         std::to_string(cell.record.seed);
}

// The lowest table comes first, whatever was asked for first.
void add_use(std::vector<CellUse>& uses, const CellUse& use) {
  const auto same = std::find_if(uses.begin(), uses.end(), [&](const CellUse& known) {
    return known.table == use.table && known.row == use.row && known.column == use.column;
  });
  if (same != uses.end())
    same->paper = use.paper;
  else
    uses.push_back(use);
  std::stable_sort(uses.begin(), uses.end(),
                   [](const CellUse& a, const CellUse& b) { return a.table < b.table; });
}

Plan make_plan(const Suite& suite, const std::vector<TableSpec>& tables, const SeedRange& seeds,
               const fs::path& data, double clip_bytes) {
  return Planner(suite, seeds, data, clip_bytes).plan(tables);
}

namespace {

Encoder made_encoder(const EncoderChoice& choice, const EncoderSpec& spec) {
  return choice.pixels ? pixel_encoder(spec, choice.one_frame) : random_encoder(spec, choice.seed);
}

}  // namespace

Encoder open_encoder(const Suite& suite, const EncoderChoice& choice, std::string& unavailable) {
  const std::string where = "suite " + suite.name + ": encoder " + permafrost::quoted(choice.name);
  if (!choice.denoiser.empty()) {
    unavailable = missing_denoiser(choice.denoiser);
    if (!unavailable.empty()) return {};
    return encoder_at(load_denoiser(choice.denoiser, where), choice.frozen, where);
  }
  if (!choice.made_here() && choice.zoo.empty()) {
    unavailable = "no file given (--paths); to obtain it: " + choice.obtain;
    return {};
  }
  if (!choice.made_here()) {
    unavailable = missing_encoder(choice.zoo);
    if (!unavailable.empty()) return {};
    return choice.read ? *choice.read : load_encoder(choice.zoo, where, choice.reading);
  }
  if (!choice.like.empty()) {
    unavailable = missing_encoder(choice.like);
    if (!unavailable.empty()) return {};
    return made_encoder(choice, load_encoder(choice.like, where).spec);
  }
  return made_encoder(choice, read_encoder_spec(choice.spec, where));
}

bool writes_heads(const ProtocolChoice& protocol) {
  return !protocol.is_finetune && protocol.probe.head != HeadKind::knn;
}

fs::path head_path(const fs::path& out, const PlannedCell& cell, std::size_t fold) {
  const std::string of = cell.task->folds.size() > 1 ? "-fold" + std::to_string(fold + 1) : "";
  return out / "heads" / (cell.record.key + of + ".safetensors");
}

namespace {

// The first table that shows each cell.
std::vector<std::size_t> first_tables(const Plan& plan) {
  std::vector<std::size_t> first(plan.cells.size(), plan.places.size());
  for (std::size_t t = plan.places.size(); t-- > 0;)
    for (const auto& row : plan.places[t])
      for (const auto& place : row)
        for (const auto cell : place.planned) first[cell] = t;
  return first;
}

std::vector<PlannedGroup> groups_of(const Plan& plan,
                                    const std::function<bool(const PlannedCell&)>& wanted) {
  std::vector<PlannedGroup> groups;
  std::vector<std::string> encoders;  // in order of first use
  for (std::size_t i = 0; i < plan.cells.size(); ++i) {
    const PlannedCell& cell = plan.cells[i];
    if (!wanted(cell)) continue;
    const bool is_finetune = cell.protocol.is_finetune;
    auto it = std::find_if(groups.begin(), groups.end(), [&](const PlannedGroup& group) {
      return group.encoder == cell.encoder && group.task == cell.task &&
             group.clips == cell.clips && group.is_finetune == is_finetune &&
             group.precision == cell.protocol.probe.precision;
    });
    if (it == groups.end())
      it = groups.insert(groups.end(), {.encoder = cell.encoder,
                                        .task = cell.task,
                                        .clips = cell.clips,
                                        .is_finetune = is_finetune,
                                        .precision = cell.protocol.probe.precision});
    it->cells.push_back(i);
    if (std::find(encoders.begin(), encoders.end(), cell.encoder) == encoders.end())
      encoders.push_back(cell.encoder);
  }
  const auto first = first_tables(plan);
  for (auto& group : groups) {
    std::stable_sort(group.cells.begin(), group.cells.end(),
                     [&](std::size_t a, std::size_t b) { return first[a] < first[b]; });
    for (const auto cell : group.cells) group.ranks.push_back(static_cast<int>(first[cell]));
  }
  const auto place = [&](const PlannedGroup& group) {
    return std::pair(group.ranks.front(),
                     std::find(encoders.begin(), encoders.end(), group.encoder));
  };
  std::stable_sort(groups.begin(), groups.end(), [&](const PlannedGroup& a, const PlannedGroup& b) {
    return place(a) < place(b);
  });
  return groups;
}

}  // namespace

std::vector<PlannedGroup> groups_to_compute(const Plan& plan) {
  return groups_of(plan, [](const PlannedCell& cell) { return !cell.done && !cell.elsewhere; });
}

std::vector<PlannedGroup> all_groups(const Plan& plan) {
  return groups_of(plan, [](const PlannedCell&) { return true; });
}

}  // namespace permafrost
