// SPDX-License-Identifier: Apache-2.0
#include "bench/run/plan.h"

#include <algorithm>
#include <set>

#include "common/error.h"

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

// Records say where a cell stands; the lowest table comes first, whatever was asked for first.
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

class Planner {
 public:
  Planner(const Suite& suite, const SeedRange& seeds, const fs::path& data)
      : suite_(suite), seeds_(seeds), data_(data) {}

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
  PlannedPlace place(const TableSpec& table, const RowSpec& row, const ColumnSpec& column) {
    const TaskSpec& spec = task_of(suite_, column.task);
    const ProtocolChoice& protocol = protocol_of(suite_, column.protocol);
    CellUse use{.table = table.number, .row = row.name, .column = column.name};
    if (const auto it = row.paper.find(column.name); it != row.paper.end()) use.paper = it->second;

    PlannedPlace place;
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
      cell.record.encoder = encoder.identity;
      cell.record.task = {.name = task.name,
                          .manifest_sha256 = task.manifest_sha256,
                          .identity = task.identity,
                          .version = task.version,
                          .classes = task.classes,
                          .listed = task.listed};
      cell.record.metric = task.metric;
      cell.record.protocol = to_json(protocol, spec);
      cell.record.seed = seed;
      cell.record.key = key_of(cell.record);
      const auto [it, added] = by_key_.try_emplace(cell.record.key, plan_.cells.size());
      if (added) plan_.cells.push_back(std::move(cell));
      add_use(plan_.cells[it->second].record.used_by, use);
      place.cells.push_back(it->second);
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
    const std::string name = spec.name + " " + shape_text(shape) + " " +
                             std::to_string(test.short_side) + " " + std::to_string(test.views);
    if (const auto it = plan_.tasks.find(name); it != plan_.tasks.end()) return it->second;
    Task task = open_task(spec, shape, data_, {.short_side = test.short_side, .views = test.views});
    return plan_.tasks.emplace(name, std::move(task)).first->second;
  }

  const Suite& suite_;
  SeedRange seeds_;
  fs::path data_;
  Plan plan_;
  std::map<std::string, std::size_t> by_key_;
};

}  // namespace

Plan make_plan(const Suite& suite, const std::vector<TableSpec>& tables, const SeedRange& seeds,
               const fs::path& data) {
  return Planner(suite, seeds, data).plan(tables);
}

namespace {

Encoder made_encoder(const EncoderChoice& choice, const EncoderSpec& spec) {
  return choice.pixels ? pixel_encoder(spec, choice.one_frame) : random_encoder(spec, choice.seed);
}

}  // namespace

Encoder open_encoder(const Suite& suite, const EncoderChoice& choice, std::string& unavailable) {
  const std::string where = "suite " + suite.name + ": encoder " + permafrost::quoted(choice.name);
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

// Whether a use is a place in one of `tables`. Table 0 is what `permafrost probe` fills, run by
// run.
auto in_these(const std::vector<TableSpec>& tables) {
  return [&tables](const CellUse& use) {
    return use.table > 0 && std::any_of(tables.begin(), tables.end(), [&](const TableSpec& table) {
             return table.number == use.table;
           });
  };
}

// Of the places in `tables` those that are `planned`, others as before; where that leaves none, by
// itself, as the records of `permafrost probe` do.
void set_places(Record& record, const std::vector<TableSpec>& tables,
                const std::vector<CellUse>& planned) {
  const CellUse by_itself{0, record.encoder.name, record.task.name, std::nullopt};
  std::erase(record.used_by, by_itself);
  std::erase_if(record.used_by, in_these(tables));
  for (const auto& use : planned) add_use(record.used_by, use);
  if (record.used_by.empty()) record.used_by = {by_itself};
}

}  // namespace

void take_records(Plan& plan, const std::vector<TableSpec>& tables, const fs::path& out,
                  bool with_heads, const std::function<void(const std::string&)>& notice,
                  bool look_only) {
  const auto heads_are_there = [&](const PlannedCell& cell) {
    std::error_code ignored;
    for (std::size_t fold = 0; fold < cell.task->folds.size(); ++fold)
      if (!fs::exists(head_path(out, cell, fold), ignored)) return false;
    return true;
  };
  for (auto& cell : plan.cells) {
    std::error_code ignored;
    if (!fs::exists(record_path(out, cell.record.key), ignored)) continue;
    if (with_heads && writes_heads(cell.protocol) && !heads_are_there(cell)) continue;
    Record found;
    try {
      found = read_record(out, cell.record.key);
    } catch (const InputError& error) {
      if (notice) notice(std::string(error.what()) + "; the cell is computed again");
      continue;
    }
    const auto before = found.used_by;
    set_places(found, tables, cell.record.used_by);
    if (found.used_by != before && !look_only) write_record(out, found);
    cell.record = std::move(found);
    cell.done = cell.reused = true;
  }
}

void release_records(const Plan& plan, const std::vector<TableSpec>& tables, const fs::path& out) {
  std::set<std::string> planned;
  for (const auto& cell : plan.cells) planned.insert(cell.record.key);
  std::error_code ignored;
  if (!fs::is_directory(out / "records", ignored)) return;  // no cell could be computed
  for (const auto& key : record_keys(out)) {
    if (planned.count(key) > 0) continue;
    try {
      const auto uses = read_uses(out, key);
      if (std::none_of(uses.begin(), uses.end(), in_these(tables))) continue;
      Record record = read_record(out, key);
      set_places(record, tables, {});
      write_record(out, record);
    } catch (const InputError&) {
      // Damaged or without predictions, and not asked for: whoever asks will hear of it.
    }
  }
}

std::vector<PlannedGroup> groups_to_compute(const Plan& plan) {
  std::vector<PlannedGroup> groups;
  for (std::size_t i = 0; i < plan.cells.size(); ++i) {
    const PlannedCell& cell = plan.cells[i];
    if (cell.done) continue;
    const bool is_finetune = cell.protocol.is_finetune;
    auto it = std::find_if(groups.begin(), groups.end(), [&](const PlannedGroup& group) {
      return group.encoder == cell.encoder && group.task == cell.task &&
             group.clips == cell.clips && group.is_finetune == is_finetune;
    });
    if (it == groups.end())
      it = groups.insert(groups.end(), {cell.encoder, cell.task, cell.clips, is_finetune, {}});
    it->cells.push_back(i);
  }
  std::vector<std::string> order;
  for (const auto& group : groups)
    if (std::find(order.begin(), order.end(), group.encoder) == order.end())
      order.push_back(group.encoder);
  const auto rank = [&](const PlannedGroup& group) {
    return std::find(order.begin(), order.end(), group.encoder) - order.begin();
  };
  std::stable_sort(groups.begin(), groups.end(),
                   [&](const PlannedGroup& a, const PlannedGroup& b) { return rank(a) < rank(b); });
  return groups;
}

// Measured on one core of the development machine: about 40 Gflop/s in matrix products, 25 ns to
// render a pixel, 20 ms to decode a clip of a short video.
double encode_work(const EncoderSpec& spec, TaskKind kind, std::int64_t clips) {
  const double tokens = spec.tokens(), width = spec.width;
  const double flops = tokens * spec.depth * (24 * width * width + 4 * tokens * width);
  const double pixels = static_cast<double>(spec.clip_shape().bytes()) / 3;
  return static_cast<double>(clips) *
         (flops / 4e7 + (kind == TaskKind::manifest ? 20 : pixels * 2.5e-5));
}

double probe_work(const EncoderSpec& spec, const ProbeProtocol& protocol, int clips,
                  std::int64_t samples) {
  const double width = spec.width, tokens = static_cast<double>(spec.tokens()) * clips;
  const auto candidates = static_cast<double>(candidates_of(protocol).size());
  if (sees_the_mean_alone(protocol.head))
    return static_cast<double>(samples) * (candidates * width * 60 / 2e7 + 1e-3);
  const double attention = tokens * width * candidates * protocol.heads * 12;
  const double rest = candidates * width * width * 60;
  return static_cast<double>(samples) * ((attention + rest) / 2e7 + tokens * width * 5e-7);
}

double finetune_work(const EncoderSpec& spec, TaskKind kind, std::int64_t samples) {
  return 4 * encode_work(spec, kind, samples);
}

}  // namespace permafrost
