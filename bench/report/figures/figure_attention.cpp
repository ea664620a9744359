// SPDX-License-Identifier: Apache-2.0
// What the query of the attentive probe looks at, over the frames of a few test samples.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <set>

#include "bench/report/figures/attention_panel.h"
#include "bench/report/figures/figures.h"
#include "bench/report/figures/zoo_files.h"
#include "bench/report/results/json_fields.h"
#include "bench/report/results/tasks_of_suite.h"
#include "bench/text/markdown.h"
#include "common/error.h"
#include "common/nearest_name.h"
#include "datasets/lists/class_names.h"
#include "probes/encode/features.h"
#include "probes/heads/classifier_file.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostTasks = 2, kMostEncoders = 3, kSamples = 3;

// A record whose head was kept.
struct KeptHead {
  const TableModel* table = nullptr;
  const Record* record = nullptr;
  const EncoderStyle* style = nullptr;
  fs::path file;
};

bool can_be_drawn(const Record& record) {
  return text_in(record.protocol, "head") == "attentive" &&
         number_in(record.protocol, "clips") == 1.0 && !record.training &&
         !record.predictions.empty();
}

// One a task and encoder, the first seed of the first table; tasks in the tables' order.
std::vector<std::vector<KeptHead>> kept_heads(const ResultsFolder& folder,
                                              const EncoderStyles& styles) {
  std::vector<std::string> tasks;
  std::vector<std::vector<KeptHead>> heads;
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& table : folder.tables)
    for (std::size_t c = 0; c < table.columns.size(); ++c)
      for (std::size_t r = 0; r < table.cells.size(); ++r)
        for (const Record* record : records_of(folder, table.cells[r][c])) {
          const fs::path file = folder.path / "heads" / (record->key + ".safetensors");
          std::error_code ignored;
          if (!can_be_drawn(*record) || styles.of(table, r).floor ||
              !fs::is_regular_file(file, ignored) ||
              !seen.emplace(record->task.name, record->encoder.sha256).second)
            continue;
          auto at = std::find(tasks.begin(), tasks.end(), record->task.name) - tasks.begin();
          if (at == std::ssize(tasks)) {
            tasks.push_back(record->task.name);
            heads.emplace_back();
          }
          heads[static_cast<std::size_t>(at)].push_back(
              {&table, record, &styles.of(table, r), file});
        }
  return heads;
}

// The synthetic task of the record, opened for an encoder's clips.
std::optional<Task> measured_task(const KeptHead& head, const ClipShape& shape) {
  for (const auto& spec : task_specs_named(*head.table, head.record->task.name)) {
    if (spec.kind != TaskKind::synthetic) continue;
    Task task = open_task(spec, shape, "");
    if (task.identity == head.record->task.identity) return task;
  }
  return std::nullopt;
}

std::string class_text(const std::vector<std::string>& names, int label) {
  if (label < 0) return "nothing (not read)";
  return class_name_of(names, label);
}

std::string classes_text(const std::vector<std::string>& names, const Target& target) {
  std::vector<std::string> texts;
  for (const int label : target.labels()) texts.push_back(class_text(names, label));
  return texts.empty() ? "no class" : joined(texts);
}

// Share of the attention that the most attended tenth of the tokens gets.
double top_tenth(std::vector<float> attention) {
  std::sort(attention.rbegin(), attention.rend());
  double sum = 0;
  for (std::size_t k = 0; k < (attention.size() + 9) / 10; ++k) sum += attention[k];
  return 100 * sum;
}

class TaskMaps {
 public:
  TaskMaps(Figure& figure, const std::vector<KeptHead>& heads) : figure_(figure), heads_(heads) {}

  void add() {
    std::size_t drawn = 0;
    for (const auto& head : heads_) {
      if (drawn == kMostEncoders) break;
      try {
        drawn += add_encoder(head) ? 1 : 0;
      } catch (const Error& error) {
        leave_out(head, error.what());
      }
    }
  }

 private:
  void leave_out(const KeptHead& head, const std::string& reason) {
    figure_.notes.push_back(head.style->name + " on " + head.record->task.name +
                            " is not drawn: " + reason + ".");
  }

  bool add_encoder(const KeptHead& head) {
    const Record& record = *head.record;
    std::string why_not;
    const auto encoder = zoo_encoder(record, why_not);
    if (!encoder) return leave_out(head, why_not), false;
    const auto task = measured_task(head, encoder->spec.clip_shape());
    if (!task) return leave_out(head, "no suite has the synthetic task that was measured"), false;
    if (task->source->has_boxes())
      return leave_out(head, "its tokens are pooled in boxes before they are attended"), false;
    const Classifier classifier =
        load_classifier(head.file.string(), {.encoder_heads = encoder->spec.heads}, "report");
    if (classifier.spec.kind != HeadKind::attentive || classifier.spec.width != encoder->spec.width)
      return leave_out(head, "its head does not fit the encoder"), false;
    const std::size_t samples = std::min(kSamples, task->folds.at(0).test.size());
    for (std::size_t k = 0; frames_.size() < samples; ++k) add_frames(encoder->spec, *task, k);
    for (std::size_t k = 0; k < samples; ++k) add_sample(head, *encoder, classifier, *task, k);
    return true;
  }

  Sample read(const Task& task, std::size_t k) const {
    Sample sample = task.source->read(task.folds[0].test[k], 0, 1);
    if (!sample.failure.empty()) throw Error(sample.failure);
    return sample;
  }

  // The sample as it is, before the encoders' views of it.
  void add_frames(const EncoderSpec& spec, const Task& task, std::size_t k) {
    const Sample sample = read(task, k);
    const std::string name = task.source->name(task.folds[0].test[k]);
    frames_.push_back({"frames-" + std::to_string(figure_.panels.size()), spec.clip_shape()});
    figure_.panels.push_back(frames_panel(sample.clip, spec, frames_[k].id, name));
  }

  void add_sample(const KeptHead& head, const Encoder& encoder, const Classifier& classifier,
                  const Task& task, std::size_t k) {
    const at::NoGradGuard no_grad;
    const Prediction& said = head.record->predictions.at(k);
    if (said.sample != task.source->name(task.folds[0].test[k]))
      throw Error("its predictions are of other samples");
    // Encoders with clips of another shape see other frames.
    if (!(frames_[k].shape == encoder.spec.clip_shape()))
      throw Error("its clips have another shape than those of the encoder before");
    Sample sample = read(task, k);
    const at::Tensor tokens = encode_pixels(
        encoder, pixel_tensor(sample.clip.pixels.data(), 1, encoder.spec.clip_shape()),
        noise_task_of(encoder, *task.source),
        {{.sample = static_cast<std::uint64_t>(task.folds[0].test[k])}});
    const at::Tensor mean =
        query_attention(classifier.weights, classifier.spec, tokens).mean(1)[0].contiguous();
    const std::vector<float> attention(mean.data_ptr<float>(),
                                       mean.data_ptr<float>() + mean.numel());
    std::string title = head.style->name + ": " + classes_text(task.class_names, said.target);
    if (!said.target.has(said.predicted))
      title += ", taken for " + class_text(task.class_names, said.predicted);
    const std::string alt = title + "; sample " + said.sample +
                            "; the most attended tenth of the " + std::to_string(attention.size()) +
                            " tokens gets " + fixed(top_tenth(attention), 0) +
                            " % of the attention";
    figure_.panels.push_back(attention_panel(attention, encoder.spec, frames_[k].id, title, alt));
  }

  Figure& figure_;
  const std::vector<KeptHead>& heads_;
  struct Frames {
    std::string id;
    ClipShape shape;
  };
  std::vector<Frames> frames_;  // of the samples, once they are in the figure
};

}  // namespace

Figure attention_figure(const ResultsFolder& folder, const EncoderStyles& styles) {
  Figure figure{.id = "attention", .title = "Attention of the probe over frames"};
  figure.caption =
      "Where the query of the attentive probe looks. First the frames as they are, the first of "
      "each "
      "tubelet, then an encoder a row under a veil: the clip's most attended token is clear, the "
      "darkness of the others goes with the square root of their share of it. Mean over the heads "
      "of "
      "the attention. The first test samples of a task, not chosen ones.";
  const auto tasks = kept_heads(folder, styles);
  for (std::size_t t = 0; t < std::min(kMostTasks, tasks.size()); ++t)
    TaskMaps(figure, tasks[t]).add();
  if (figure.panels.empty())
    figure.notes.emplace_back(
        "Not drawn: of no frozen attentive probe with one clip are a head (in heads/; permafrost "
        "tables --keep-heads, permafrost probe) and its encoder there.");
  return figure;
}

}  // namespace permafrost
