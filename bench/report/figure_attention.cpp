// SPDX-License-Identifier: Apache-2.0
// What the query of the attentive probe looks at, over the frames of a few test samples.
#include <torch/types.h>

#include <algorithm>
#include <map>
#include <set>

#include "bench/markdown.h"
#include "bench/report/base64.h"
#include "bench/report/figures.h"
#include "bench/report/html.h"
#include "bench/report/json_fields.h"
#include "bench/report/tasks_of_suite.h"
#include "bench/report/zoo_files.h"
#include "common/error.h"
#include "common/png.h"
#include "probes/classifier_file.h"
#include "probes/features.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostTasks = 2, kMostEncoders = 3, kSamples = 3;
constexpr int kMostTubelets = 4, kMostPixels = 64, kFrame = 78, kGap = 4;
constexpr double kDarkest = 0.88;

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

// One frame of every tubelet side by side, at most 64 pixels high.
Image strip_of(const Clip& clip, int tubelet, int tubelets) {
  const int step = std::max(1, (clip.shape.height + kMostPixels - 1) / kMostPixels);
  const int height = clip.shape.height / step, width = clip.shape.width / step;
  Image image(width * tubelets, height, 0);
  for (int t = 0; t < tubelets; ++t)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const std::uint8_t* pixel =
            clip.frame(t * tubelet) +
            (static_cast<std::size_t>(y * step) * static_cast<std::size_t>(clip.shape.width) +
             static_cast<std::size_t>(x * step)) *
                3;
        image.fill(t * width + x, y, 1, 1, {pixel[0], pixel[1], pixel[2]});
      }
  return image;
}

std::string rectangle(double x, double y, double w, double h, double opacity) {
  return "<rect x=\"" + fixed(x, 1) + "\" y=\"" + fixed(y, 1) + "\" width=\"" + fixed(w, 1) +
         "\" height=\"" + fixed(h, 1) + "\" opacity=\"" + fixed(opacity, 2) + "\"/>";
}

struct Drawn {
  std::string image_id, image;  // `image` where this panel is the first to show it
};

// Frames under a veil that the most attended token lifts and an unattended one keeps.
std::string svg_of(const std::vector<float>& attention, const EncoderSpec& spec, int tubelets,
                   const Drawn& drawn, const Panel& panel) {
  const float most = *std::max_element(attention.begin(), attention.end());
  const double w = static_cast<double>(kFrame) / spec.grid_w(),
               h = static_cast<double>(kFrame) / spec.grid_h();
  std::string frames, veil;
  for (int t = 0; t < tubelets; ++t) {
    const double left = t * (kFrame + kGap);
    frames += html_element(
        "svg",
        {{"x", fixed(left, 1)},
         {"y", "0"},
         {"width", std::to_string(kFrame)},
         {"height", std::to_string(kFrame)},
         {"overflow", "hidden"}},
        html_element("use", {{"href", "#" + drawn.image_id}, {"x", std::to_string(-t * kFrame)}},
                     ""));
    for (int y = 0; y < spec.grid_h(); ++y)
      for (int x = 0; x < spec.grid_w(); ++x) {
        const auto token = static_cast<std::size_t>((t * spec.grid_h() + y) * spec.grid_w() + x);
        veil += rectangle(left + x * w, y * h, w, h,
                          kDarkest * (1 - static_cast<double>(attention[token] / most)));
      }
  }
  return html_element(
      "svg",
      {{"viewBox", "0 0 " + std::to_string(panel.width) + " " + std::to_string(panel.height)},
       {"width", std::to_string(panel.width)},
       {"height", std::to_string(panel.height)},
       {"role", "img"},
       {"aria-label", panel.alt}},
      html_element("title", html_text(panel.title)) + drawn.image + frames +
          html_element("g", {{"fill", "#000"}, {"shape-rendering", "crispEdges"}}, veil));
}

std::string image_definition(const std::string& id, const Image& strip, int tubelets) {
  return html_element("defs",
                      html_element("image",
                                   {{"id", id},
                                    {"width", std::to_string(kFrame * tubelets)},
                                    {"height", std::to_string(kFrame)},
                                    {"preserveAspectRatio", "none"},
                                    {"class", "pixels"},
                                    {"href", "data:image/png;base64," + base64(png_bytes(strip))}},
                                   ""));
}

std::string class_text(const std::vector<std::string>& names, int label) {
  if (label < 0) return "nothing (not read)";
  return static_cast<std::size_t>(label) < names.size() ? names[static_cast<std::size_t>(label)]
                                                        : std::to_string(label);
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
    if (task->source->box(task->folds.at(0).test.at(0)))
      return leave_out(head, "its tokens are pooled in boxes before they are attended"), false;
    const Classifier classifier =
        load_classifier(head.file.string(), {.encoder_heads = encoder->spec.heads}, "report");
    if (classifier.spec.kind != HeadKind::attentive || classifier.spec.width != encoder->spec.width)
      return leave_out(head, "its head does not fit the encoder"), false;
    const auto& test = task->folds.at(0).test;
    for (std::size_t k = 0; k < std::min(kSamples, test.size()); ++k)
      add_sample(head, *encoder, classifier, *task, k);
    return true;
  }

  void add_sample(const KeptHead& head, const Encoder& encoder, const Classifier& classifier,
                  const Task& task, std::size_t k) {
    const at::NoGradGuard no_grad;
    const Sample sample = task.source->read(task.folds[0].test[k], 0, 1);
    if (!sample.failure.empty()) throw Error(sample.failure);
    const ClipShape shape = encoder.spec.clip_shape();
    const at::Tensor tokens =
        encode_pixels(encoder, pixel_tensor(sample.clip.pixels.data(), 1, shape));
    const at::Tensor mean =
        query_attention(classifier.weights, classifier.spec, tokens).mean(1)[0].contiguous();
    const std::vector<float> attention(mean.data_ptr<float>(),
                                       mean.data_ptr<float>() + mean.numel());
    const int tubelets = std::min(kMostTubelets, encoder.spec.grid_t());
    const Prediction& said = head.record->predictions.at(k);
    if (said.sample != task.source->name(task.folds[0].test[k]))
      throw Error("its predictions are of other samples");
    Panel panel{.title = head.style->name + ", " + head.record->task.name + ": " +
                         class_text(task.class_names, said.label),
                .width = tubelets * (kFrame + kGap) - kGap,
                .height = kFrame};
    if (said.predicted != said.label)
      panel.title += ", taken for " + class_text(task.class_names, said.predicted);
    panel.alt = panel.title + "; sample " + said.sample + "; the most attended tenth of the " +
                std::to_string(attention.size()) + " tokens gets " +
                fixed(top_tenth(attention), 0) + " % of the attention";
    Drawn drawn{.image_id = "frames-" + std::to_string(figure_.panels.size())};
    const auto shown = images_.find(k);
    if (shown == images_.end())
      drawn.image = image_definition(
          drawn.image_id, strip_of(sample.clip, encoder.spec.tubelet, tubelets), tubelets);
    // Encoders with clips of another shape would show other frames.
    else if (shown->second.second == shape)
      drawn.image_id = shown->second.first;
    else
      throw Error("its clips have another shape than those of the encoder before");
    images_.try_emplace(k, drawn.image_id, shape);
    panel.svg = svg_of(attention, encoder.spec, tubelets, drawn, panel);
    figure_.panels.push_back(std::move(panel));
  }

  Figure& figure_;
  const std::vector<KeptHead>& heads_;
  std::map<std::size_t, std::pair<std::string, ClipShape>> images_;  // by sample
};

}  // namespace

Figure attention_figure(const ResultsFolder& folder, const EncoderStyles& styles) {
  Figure figure{.id = "attention", .title = "Attention of the probe over frames"};
  figure.caption =
      "Where the query of the attentive probe looks: the first frame of each tubelet, veiled but "
      "for what is attended; the clip's most attended token is clear. Mean over the heads of the "
      "attention. The first test samples of a task, not chosen ones.";
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
