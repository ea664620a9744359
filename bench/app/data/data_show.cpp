// SPDX-License-Identifier: Apache-2.0
// permafrost data show: samples of a dataset as a picture, cut as a probe would see them.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/data/data_commands.h"
#include "bench/app/data/data_target.h"
#include "common/error.h"
#include "common/files/file_writer.h"
#include "common/machine/parallel.h"
#include "common/nearest_name.h"
#include "common/random.h"
#include "datasets/clips/list_source.h"
#include "datasets/lists/class_names.h"
#include "datasets/rendered/contact_sheet.h"
#include "datasets/tasks/task_lists.h"

namespace permafrost {
namespace {

struct DataShowCommand {
  DataOptions data;
  std::string out = "contact.png", list;
  int samples = 8, frames = 8, size = 112, frame_step = 0;  // 0: the task's
};

const NamedList& chosen_list(const std::vector<NamedList>& lists, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& list : lists) {
    if (name.empty() || list.name == name) return list;
    names.push_back(list.name);
  }
  throw InputError("--list", "", "one of " + joined(names), quoted(name));
}

// The name of the class or its number; of several parted by ";".
std::string text_of(const Target& target, const Manifest& manifest) {
  std::vector<std::string> texts;
  for (const int label : target.labels())
    texts.push_back(class_name_of(manifest.class_names, label));
  return texts.empty() ? "no label" : joined(texts, "; ");
}

int run(const CommonOptions& common, const DataShowCommand& command) {
  require_writable_file(command.out, "--out");
  DataTarget target = data_target(command.data);
  target.spec.count_missing = true;
  // What data check looks at can be shown: folders with empty classes, and files without a class.
  ResolvedLists resolved = resolve_lists(target.spec, target.data, Completeness::partial);
  if (!resolved.unavailable.empty())
    throw InputError("data show", command.data.target, "data that is there", resolved.unavailable);
  std::error_code ignored;
  for (ResolvedList* list : {&resolved.train, &resolved.test, &resolved.all})
    if (std::filesystem::is_directory(list->path, ignored)) list->options.labels_required = false;
  const std::vector<NamedList> lists = read_lists_apart(resolved);
  const NamedList& list = chosen_list(lists, command.list);
  if (list.manifest.entries.empty())
    throw InputError("data show", list.path.string(), "at least one image or video file", "none");
  const ClipShape shape{command.frames, command.size, command.size};
  const int step = command.frame_step > 0 ? command.frame_step : target.spec.frame_step;
  const auto source = list_source(list.path, list.manifest, {.shape = shape, .frame_step = step});

  auto order =
      RandomStream({.seed = common.seed, .purpose = "data.show"}).permutation(source->size());
  order.resize(std::min(order.size(), static_cast<std::size_t>(command.samples)));
  std::sort(order.begin(), order.end());
  std::vector<Sample> samples(order.size());
  parallel_for(static_cast<std::int64_t>(order.size()), common.thread_count(), [&](std::int64_t k) {
    const auto i = static_cast<std::size_t>(k);
    samples[i] = source->read(order[i], 0, 1);
  });
  std::vector<const Clip*> rows;
  Json report = Json::array();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    rows.push_back(samples[i].failure.empty() ? &samples[i].clip : nullptr);
    const std::string label = text_of(source->target(order[i]), list.manifest);
    Json one = {{"row", i}, {"sample", source->name(order[i])}, {"label", label}};
    if (!samples[i].failure.empty()) one["failure"] = samples[i].failure;
    report.push_back(std::move(one));
  }
  write_png(command.out, contact_sheet(rows, shape));
  if (common.json) {
    std::printf("%s\n", report.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    return 0;
  }
  for (const auto& one : report)
    std::printf("%3d  %-24s %s%s\n", one["row"].get<int>(), one["label"].get<std::string>().c_str(),
                one["sample"].get<std::string>().c_str(),
                one.contains("failure") ? ("  " + one["failure"].get<std::string>()).c_str() : "");
  return 0;
}

}  // namespace

void add_data_show(CLI::App& data, CommandLine& line) {
  const auto command = std::make_shared<DataShowCommand>();
  CLI::App* sub = line.add(data, "show", "a contact sheet: a row a sample, a column a frame",
                           [&line, command] { return run(line.common(), *command); });
  add_data_target(sub, command->data);
  sub->add_option("--out", command->out, "PNG file")->capture_default_str();
  sub->add_option("--list", command->list, "train or test, where there are both");
  sub->add_option("--samples", command->samples, "rows, drawn by --seed")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  sub->add_option("--frames", command->frames, "columns")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  sub->add_option("--size", command->size, "pixels a side")
      ->check(CLI::Range(8, 2048))
      ->capture_default_str();
  sub->add_option("--frame-step", command->frame_step,
                  "one column every N frames of the video; 0: the task's step")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
}

}  // namespace permafrost
