// SPDX-License-Identifier: Apache-2.0
#include "bench/app/inspect/inspect_experts.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "bench/app/device.h"
#include "common/error.h"
#include "datasets/clips/loader.h"
#include "models/encoders/input_noise.h"
#include "probes/encode/features.h"

namespace permafrost {
namespace {

std::string text_of_numbers(const std::vector<int>& numbers) {
  std::string text;
  for (const int number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

// The clips of a batch that could be read, with the samples that they are.
struct ReadClips {
  at::Tensor pixels;
  std::vector<std::int64_t> samples;
  std::vector<int> labels;  // empty where a sample has none, or several
};

ReadClips read_clips(Batch& batch, const ClipShape& shape) {
  const at::Tensor all =
      pixel_tensor(batch.pixels.data(), static_cast<std::int64_t>(batch.indices.size()), shape);
  std::vector<std::int64_t> kept;
  ReadClips read;
  for (std::size_t i = 0; i < batch.indices.size(); ++i) {
    if (!batch.failures[i].empty()) continue;
    kept.push_back(static_cast<std::int64_t>(i));
    read.samples.push_back(batch.indices[i]);
    if (batch.targets[i].label() >= 0) read.labels.push_back(batch.targets[i].label());
  }
  if (read.labels.size() != kept.size()) read.labels.clear();
  read.pixels = all.index_select(0, at::tensor(kept, at::kLong));
  return read;
}

std::vector<double> as_shares(const std::vector<double>& counts) {
  std::vector<double> shares = counts;
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  for (double& share : shares) share /= std::max(1.0, total);
  return shares;
}

Json shares_of_rows(const CountTable& table) {
  Json rows = Json::array();
  for (const auto& row : table) rows.push_back(as_shares(row));
  return rows;
}

}  // namespace

std::string experts_text(const EncoderSpec& spec) {
  if (spec.routing.experts == 0) return "";
  const FeedForwardSpec layer = spec.feed_forward_of(spec.expert_blocks.front());
  return std::to_string(spec.routing.experts) + " of width " +
         std::to_string(layer.hidden(spec.width)) + " in " +
         (spec.expert_blocks.size() == 1 ? "block " : "blocks ") +
         text_of_numbers(spec.expert_blocks) + ", " + std::to_string(spec.routing.chosen) +
         " a token";
}

std::int64_t active_parameters_of(const EncoderSpec& spec, std::int64_t parameters) {
  return parameters - feed_forward_parameters(spec) + active_feed_forward_parameters(spec);
}

ExpertUseOnTask expert_use_on_task(const CommonOptions& common, const HealthOptions& options,
                                   const Encoder& encoder) {
  const EncoderSpec& spec = encoder.spec;
  const Task task = task_of_health(options, spec.clip_shape());
  const auto samples = samples_of_health(task, options);
  ExpertUseOnTask found{.blocks = spec.expert_blocks};
  for (std::size_t i = 0; i < found.blocks.size(); ++i)
    found.use.emplace_back(spec.routing.experts,
                           std::array<int, 3>{spec.grid_t(), spec.grid_h(), spec.grid_w()});
  const at::Device device(chosen_device(common.device));
  const VitWeights weights = to_device(encoder.weights, device);
  const std::string noise = noise_task_of(encoder, *task.source);
  Loader loader(*task.source,
                {.shape = spec.clip_shape(), .batch = 16, .threads = common.thread_count()},
                static_cast<std::int64_t>(samples.size()),
                [&](std::int64_t i) { return samples[static_cast<std::size_t>(i)]; });
  const at::NoGradGuard no_grad;
  for (Batch batch; loader.next(batch);) {
    const ReadClips read = read_clips(batch, spec.clip_shape());
    if (read.samples.empty()) continue;
    const at::Tensor patches =
        with_input_noise(weights, spec, patchify(read.pixels.to(device), spec), noise,
                         origins_of(*task.source, read.samples, 1, Views::shown, 0));
    std::vector<RoutedTokens> routes;
    BlockTrace trace{.routes = &routes};
    encode(weights, spec, patches, {}, Tokens::patch, &trace);
    for (std::size_t i = 0; i < routes.size(); ++i) found.use.at(i).add(routes[i], read.labels);
  }
  return found;
}

Json to_json(const ExpertUseOnTask& found) {
  Json blocks = Json::array();
  for (std::size_t i = 0; i < found.use.size(); ++i) {
    const ExpertUse& use = found.use[i];
    Json block{{"block", found.blocks[i]},
               {"load", use.load()},
               {"largest_load", use.largest_load()},
               {"dead", use.dead()},
               {"entropy", use.entropy()},
               {"entropy_of_mean", use.entropy_of_mean()},
               {"place", use.information_on_place()},
               {"frame", use.information_on_frame()},
               {"first_by_frame", shares_of_rows(use.by_frame())}};
    block["label"] = use.by_label().empty() ? Json() : Json(use.information_on_label());
    blocks.push_back(std::move(block));
  }
  return blocks;
}

std::string text_of(const ExpertUseOnTask& found) {
  std::string text;
  char line[240];
  for (std::size_t i = 0; i < found.use.size(); ++i) {
    const ExpertUse& use = found.use[i];
    std::snprintf(
        line, sizeof line,
        "experts     block %d: largest load %.2f times the mean, %d dead, entropy %.2f of "
        "%.2f bits\n",
        found.blocks[i], use.largest_load(), use.dead(), use.entropy(), use.entropy_of_mean());
    text += line;
    text += "            load in percent";
    for (const double load : use.load()) {
      std::snprintf(line, sizeof line, " %.1f", 100 * load);
      text += line;
    }
    std::snprintf(line, sizeof line,
                  "\n            the first choice tells of place %.3f, frame %.3f",
                  use.information_on_place(), use.information_on_frame());
    text += line;
    if (!use.by_label().empty()) {
      std::snprintf(line, sizeof line, ", label %.3f", use.information_on_label());
      text += line;
    }
    text += " bits\n";
  }
  return text;
}

}  // namespace permafrost
