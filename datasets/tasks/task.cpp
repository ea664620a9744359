// SPDX-License-Identifier: Apache-2.0
#include "datasets/tasks/task.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "common/error.h"
#include "common/files/hash.h"
#include "common/random.h"
#include "datasets/clips/kept_source.h"
#include "datasets/clips/list_source.h"
#include "datasets/clips/source.h"
#include "datasets/lists/text_line.h"
#include "datasets/pack/pack.h"
#include "datasets/synthetic/source.h"
#include "datasets/tasks/task_lists.h"
#include "datasets/tasks/task_warnings.h"
#include "datasets/video/decoder.h"
#include "datasets/video/frame_folder.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

// One source after the other, with as many views.
class ConcatenatedSource : public ClipSource {
 public:
  ConcatenatedSource(std::unique_ptr<ClipSource> first, std::unique_ptr<ClipSource> second,
                     bool directional)
      : first_(std::move(first)),
        second_(std::move(second)),
        cut_(first_->size()),
        directional_(directional || first_->directional() || second_->directional()) {}
  std::int64_t size() const override { return cut_ + second_->size(); }
  Target target(std::int64_t i) const override {
    return i < cut_ ? first_->target(i) : second_->target(i - cut_);
  }
  std::int64_t group(std::int64_t i) const override {
    return i < cut_ ? first_->group(i) : cut_ + second_->group(i - cut_);
  }
  std::string name(std::int64_t i) const override {
    return i < cut_ ? first_->name(i) : second_->name(i - cut_);
  }
  Sample read(std::int64_t i, int place, int places) const override {
    return i < cut_ ? first_->read(i, place, places) : second_->read(i - cut_, place, places);
  }
  Sample read_view(std::int64_t i, int place, int places,
                   const Augmentation& augmentation) const override {
    return i < cut_ ? first_->read_view(i, place, places, augmentation)
                    : second_->read_view(i - cut_, place, places, augmentation);
  }
  ClipSet read_all(std::int64_t i, int places) const override {
    return i < cut_ ? first_->read_all(i, places) : second_->read_all(i - cut_, places);
  }
  ClipSet read_views(std::int64_t i, int places, const Augmentation& augmentation) const override {
    return i < cut_ ? first_->read_views(i, places, augmentation)
                    : second_->read_views(i - cut_, places, augmentation);
  }
  int views() const override { return first_->views(); }
  int view() const override { return first_->view(); }
  std::string identity() const override {
    return sha256_of(first_->identity() + "\n" + second_->identity() + "\n");
  }
  bool directional() const override { return directional_; }

 private:
  std::unique_ptr<ClipSource> first_, second_;
  std::int64_t cut_;
  bool directional_;
};

std::vector<std::int64_t> range(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(end - begin));
  std::iota(values.begin(), values.end(), begin);
  return values;
}

std::string folds_text(const std::vector<Fold>& folds) {
  std::string text;
  for (const auto& fold : folds) {
    for (const auto* side : {&fold.train, &fold.test}) {
      for (const auto i : *side) text += std::to_string(i) + ' ';
      text += '\n';
    }
  }
  return text;
}

void open_synthetic(const TaskSpec& spec, const ClipShape& shape, Task& task) {
  using synthetic::TaskSource;
  const auto world = synthetic::task_named(spec.world, "world");
  task.class_names = synthetic::class_names(world);
  task.classes = static_cast<int>(task.class_names.size());
  task.source = std::make_unique<ConcatenatedSource>(
      std::make_unique<TaskSource>(world, synthetic::Split::train, spec.train, shape, spec.first,
                                   spec.world_version),
      std::make_unique<TaskSource>(world, synthetic::Split::test, spec.test, shape, spec.first,
                                   spec.world_version),
      spec.directional.value_or(false));
  task.groups = range(0, spec.train + spec.test);
  task.folds = {{range(0, spec.train), range(spec.train, spec.train + spec.test)}};
  task.manifest_sha256 =
      sha256_of("synthetic world " + std::to_string(spec.world_version) + " " + spec.world +
                " train " + std::to_string(spec.train) + " test " + std::to_string(spec.test) +
                (spec.first == 0 ? "" : " first " + std::to_string(spec.first)));
}

// Why this program cannot read a list; empty where it can.
std::string unreadable(const NamedList& list) {
#ifdef PERMAFROST_FFMPEG
  (void)list;
  return "";
#else
  if (is_pack(list.path) && read_pack_info(list.path).spec.coding == PackCoding::raw) return "";
  return "this program was built without FFmpeg, and " + list.path.string() +
         " is no pack of raw frames";
#endif
}

// Two numbers behind a path are read as the number of frames and the label. Where that is true of
// none of the first videos, they were two labels. A few frames more or less are another way of
// counting.
void refuse_wrong_frame_counts(const NamedList& list) {
#ifdef PERMAFROST_FFMPEG
  constexpr int kLookedAt = 3;
  const ManifestEntry* wrong = nullptr;
  int looked_at = 0;
  for (const auto& entry : list.manifest.entries) {
    if (entry.frames_told == 0 || entry.bytes <= 0 || !is_video_path(entry.path)) continue;
    std::int64_t frames = 0;
    try {
      frames = probe_video(entry.path.string()).frames;
    } catch (const InputError&) {
      continue;  // is told when it is decoded
    }
    const std::int64_t off = std::abs(frames - entry.frames_told);
    if (off <= std::max<std::int64_t>(2, frames / 20)) return;
    if (wrong == nullptr) wrong = &entry;
    if (++looked_at == kLookedAt) break;
  }
  if (wrong != nullptr)
    refuse_several_labels(list.path.string() + ":" + std::to_string(wrong->line),
                          wrong->name + " " + std::to_string(wrong->frames_told) + " " +
                              std::to_string(wrong->label));
#else
  (void)list;
#endif
}

// Null where no list is a pack: the lists are then one.
std::unique_ptr<ClipSource> packed_source(const std::vector<NamedList>& lists,
                                          const VideoOptions& options) {
  if (std::none_of(lists.begin(), lists.end(),
                   [](const NamedList& list) { return is_pack(list.path); }))
    return nullptr;
  const auto source = [&](const NamedList& list) {
    return list_source(list.path, list.manifest, options);
  };
  if (lists.size() == 1) return source(lists[0]);
  return std::make_unique<ConcatenatedSource>(source(lists[0]), source(lists[1]),
                                              options.directional);
}

void open_manifest(const TaskSpec& spec, const ClipShape& shape, const fs::path& data,
                   const TaskView& view, Task& task) {
  const ResolvedLists lists = resolve_lists(spec, data);
  task.unavailable = lists.unavailable;
  if (!task.available()) return;
  // A file that is not there is a mistake in the manifest and stops the run, unless the task says
  // that it counts; one that is there and cannot be decoded is a sample, counted as wrong.
  std::vector<NamedList> apart = read_lists_apart(lists);
  for (const auto& list : apart)
    if (task.available()) task.unavailable = unreadable(list);
  if (!task.available()) return;
  for (const auto& list : apart) refuse_wrong_frame_counts(list);
  const VideoOptions options{.shape = shape,
                             .frame_step = spec.frame_step,
                             .short_side = view.short_side,
                             .antialias = view.antialias,
                             .view = (view.views - 1) / 2,
                             .views = view.views,
                             .directional = lists.directional};
  task.source = packed_source(apart, options);
  TaskSamples samples = joined(std::move(apart));
  Manifest& manifest = samples.manifest;
  task.classes = manifest.classes;
  task.class_names = manifest.class_names;
  task.manifest_sha256 = manifest.identity;
  std::vector<Target> targets;
  for (const auto& entry : manifest.entries) {
    targets.push_back(target_of(entry));
    task.groups.push_back(entry.group);
  }
  const auto count = static_cast<std::int64_t>(targets.size());
  if (lists.has_folds()) {
    task.folds = grouped_folds(targets, task.groups, spec.folds, lists.all.path.string());
  } else {
    task.folds = {{range(0, samples.train), range(samples.train, count)}};
    if (lists.train.samples > 0 && lists.test.samples > 0)
      task.listed = {samples.train, count - samples.train, lists.train.samples, lists.test.samples};
  }
  if (!task.source) task.source = std::make_unique<ManifestSource>(std::move(manifest), options);
}

// Drawing or decoding takes as long as encoding at small sizes, and every encoder looks at the same
// clips. A source of several views is not kept.
void keep_clips(const TaskSpec& spec, const ClipShape& shape, const TaskView& view, Task& task) {
  const double bytes =
      static_cast<double>(task.source->size()) * spec.clips * static_cast<double>(shape.bytes());
  if (bytes > view.keep_bytes || task.source->views() > 1) return;
  task.kept_bytes = bytes;
  task.source = std::make_unique<KeptSource>(std::move(task.source), spec.clips);
}

}  // namespace

Task open_task(const TaskSpec& spec, const ClipShape& shape, const fs::path& data,
               const TaskView& view) {
  Task task;
  task.name = spec.name;
  task.kind = spec.kind;
  task.version = spec.version;
  task.clips = spec.clips;
  if (spec.kind == TaskKind::synthetic)
    open_synthetic(spec, shape, task);
  else
    open_manifest(spec, shape, data, view, task);
  if (!task.available()) return task;
  task.directional = task.source->directional();
  task.target = task.source->target(0).kind();
  task.measure = &default_measure(task.target);
  // In the identity only where the task asks for another: identities are older than measures.
  std::string asked;
  if (!spec.measure.empty() && spec.measure != task.measure->name()) {
    task.measure = &measure_named(spec.measure, spec.name, "measure");
    asked = "measure " + spec.measure + "\n";
  }
  task.identity = sha256_of("task version " + std::to_string(spec.version) + "\n" +
                            task.source->identity() + "\n" + folds_text(task.folds) + asked);
  task.warnings = warnings_of(task);
  keep_clips(spec, shape, view, task);
  return task;
}

std::vector<std::int64_t> tested_samples(const Task& task) {
  std::set<std::int64_t> samples;
  for (const auto& fold : task.folds) samples.insert(fold.test.begin(), fold.test.end());
  return {samples.begin(), samples.end()};
}

fs::path data_folder(const std::string& given) {
  if (!given.empty()) return given;
  if (const char* set = std::getenv("PERMAFROST_DATA")) return set;
  const fs::path beside = fs::path(PERMAFROST_SOURCE_DIR).parent_path() / "shared/data";
  std::error_code ignored;
  return fs::is_directory(beside, ignored) ? beside : fs::path();
}

std::vector<Fold> grouped_folds(const std::vector<Target>& targets,
                                const std::vector<std::int64_t>& groups, int count,
                                const std::string& where) {
  struct Members {
    std::vector<std::int64_t> samples;
    std::map<int, double> classes;
  };
  std::map<std::int64_t, Members> by_group;
  std::map<int, double> totals;  // of each class
  for (std::size_t i = 0; i < targets.size(); ++i) {
    auto& members = by_group[groups[i]];
    members.samples.push_back(static_cast<std::int64_t>(i));
    for (const int label : shares_of(targets[i])) {
      members.classes[label] += 1;
      totals[label] += 1;
    }
  }
  if (by_group.size() < static_cast<std::size_t>(count))
    throw InputError(where, "groups",
                     "at least one for each of " + std::to_string(count) + " folds",
                     std::to_string(by_group.size()));
  std::vector<const Members*> order;
  {
    std::vector<const Members*> all;
    for (const auto& [group, members] : by_group) all.push_back(&members);
    for (const auto k : RandomStream({.seed = 0, .purpose = "task.folds"})
                            .permutation(static_cast<std::int64_t>(all.size())))
      order.push_back(all[static_cast<std::size_t>(k)]);
  }
  std::stable_sort(order.begin(), order.end(), [](const Members* a, const Members* b) {
    return a->samples.size() > b->samples.size();
  });

  std::vector<std::map<int, double>> held(static_cast<std::size_t>(count));
  std::vector<Fold> folds(static_cast<std::size_t>(count));
  const auto n = static_cast<double>(targets.size());
  for (const Members* members : order) {
    // What adding the group costs a fold: growth of the squared shares, overall and of each class.
    std::size_t best = 0;
    double least = 0;
    for (std::size_t f = 0; f < folds.size(); ++f) {
      const auto square = [](double value) { return value * value; };
      const auto before = static_cast<double>(folds[f].test.size());
      double cost =
          square((before + static_cast<double>(members->samples.size())) / n) - square(before / n);
      for (const auto& [label, samples] : members->classes)
        cost += square((held[f][label] + samples) / totals[label]) -
                square(held[f][label] / totals[label]);
      if (f == 0 || cost < least) {
        least = cost;
        best = f;
      }
    }
    for (const auto& [label, samples] : members->classes) held[best][label] += samples;
    folds[best].test.insert(folds[best].test.end(), members->samples.begin(),
                            members->samples.end());
  }
  for (auto& fold : folds) {
    std::sort(fold.test.begin(), fold.test.end());
    const auto all = range(0, static_cast<std::int64_t>(targets.size()));
    std::set_difference(all.begin(), all.end(), fold.test.begin(), fold.test.end(),
                        std::back_inserter(fold.train));
  }
  return folds;
}

}  // namespace permafrost
