// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/trainer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>

#include "common/files/hash.h"
#include "models/network/device_copy.h"
#include "models/network/layers/cpu_attention.h"

namespace permafrost {
namespace {

TrainerState fresh_state(const PretrainConfig& config, const at::Device& device) {
  TrainerState state;
  state.learner = config.objective->start();
  move_to(*state.learner, device);
  for (const auto& group : trained_groups(*state.learner))
    state.optimiser.add(tensors_of(group), group.learning_rate_scale);
  return state;
}

}  // namespace

Trainer::Trainer(const PretrainConfig& config, const TrainerOptions& options)
    : config_(config),
      options_(options),
      shards_(own_shards(static_cast<int>(config.gradient_shards), options.group)),
      state_(fresh_state(config, options.device)) {
  if (!options_.device.is_cpu()) options_.threads = 1;
  working_ = is_mixed() ? half_of(*state_.learner) : state_.learner->copy();
  if (!is_mixed()) return;
  for (const auto& group : trained_groups(*state_.learner))
    for (const auto& [name, tensor] : tensors_of(group))
      gradients_.push_back(at::empty_like(tensor));
}

void Trainer::measure(const at::Tensor& pixels) {
  state_.learner->measure(patchify(pixels.to(at::kCPU), config_.encoder));
}

ShardRange Trainer::clips() const {
  const int size = static_cast<int>(config_.batch / config_.gradient_shards);
  return {.first = shards_.first * size, .count = shards_.count * size};
}

void Trainer::share_state() {
  if (options_.group == nullptr) return;
  const at::NoGradGuard no_grad;
  options_.group->exchange_device(options_.device);
  state_.step = std::stoll(options_.group->from_first(std::to_string(state_.step)));
  NamedTensors all = tensors_of(*state_.learner);
  for (auto& named : state_.optimiser.state()) all.push_back(std::move(named));
  for (auto& [name, tensor] : all) {
    const at::Tensor values = tensor.to(at::kCPU).contiguous().clone();
    options_.group->broadcast(values);
    tensor.copy_(values);
  }
  state_.optimiser.set_steps(state_.step);
}

void Trainer::require_same_weights() {
  if (options_.group == nullptr) return;
  Sha256 hash;
  for (const auto& group : trained_groups(*state_.learner))
    for (const auto& [name, tensor] : tensors_of(group)) {
      const at::Tensor values = tensor.to(at::kCPU).contiguous();
      hash.add(values.data_ptr(), values.nbytes());
    }
  options_.group->require_same(
      "weights after step " + std::to_string(state_.step), hash.hex(),
      "machines with other processors round differently: see docs/scaling.md");
}

// At every step and not after it: a checkpoint may have been read in between.
void Trainer::renew_working_weights() {
  if (!is_mixed()) return;
  RECORD_USER_SCOPE("weights in half");
  copy_values(*working_, *state_.learner);
}

std::vector<at::Tensor> Trainer::full_precision(const std::vector<at::Tensor>& gradients) {
  if (!is_mixed()) return gradients;
  const at::NoGradGuard no_grad;
  at::_foreach_copy_(gradients_, gradients);
  return gradients_;
}

std::optional<StepReport> Trainer::step(const at::Tensor& pixels) {
  const std::int64_t number = state_.step + 1;
  const auto drawn = config_.objective->draw(number);
  std::optional<StepReport> report;
  if (is_logged(config_, number) || is_kept(config_, number)) report.emplace();
  renew_working_weights();
  std::vector<StepFigures> of_shards(static_cast<std::size_t>(shards_.count));
  const StepShards work{.shards = static_cast<int>(config_.gradient_shards),
                        .threads = options_.threads,
                        .group = options_.group,
                        .reduce = options_.reduce,
                        .wants_loss = report.has_value()};
  const auto result = sharded_gradients(work, [&](int shard) {
    const auto i = static_cast<std::size_t>(shard - shards_.first);
    return forward(pixels, drawn, shard, report ? &of_shards[i] : nullptr);
  });
  StepFigures figures;
  if (report) {
    report->loss = result.loss.item<double>();
    figures = added(of_shards);
  }
  apply(full_precision(result.gradients), number, report ? &*report : nullptr);
  state_.learner->after_step(state_.step);
  if (report && is_logged(config_, number)) state_.learner->note_state(figures);
  if (report) report->figures = figures.means();
  state_.step = number;
  return report;
}

StepFigures Trainer::added(const std::vector<StepFigures>& of_shards) const {
  StepFigures sum;
  if (options_.group == nullptr) {
    for (const auto& figures : of_shards) sum.add(figures);
    return sum;
  }
  std::vector<std::vector<std::string>> of_ranks;  // [shards of a rank][ranks]
  for (const auto& figures : of_shards)
    of_ranks.push_back(options_.group->gather(figures.to_bytes()));
  for (std::size_t rank = 0; rank < of_ranks[0].size(); ++rank)
    for (const auto& shard : of_ranks) sum.add(StepFigures::of_bytes(shard[rank]));
  return sum;
}

ShardResult Trainer::forward(const at::Tensor& pixels, const std::vector<at::Tensor>& drawn,
                             int shard, StepFigures* figures) const {
  const AttentionWithoutGradients of_teachers;
  const std::int64_t size = config_.batch / config_.gradient_shards, first = shard * size;
  const auto mine_of = [&](const at::Tensor& rows, std::int64_t from) {
    return queued_copy(rows.slice(0, from, from + size), options_.device);
  };
  Shard mine{.step = state_.step + 1,
             .number = shard,
             .patches = patchify(mine_of(pixels, first - clips().first), config_.encoder),
             .changing_shapes = options_.changing_shapes};
  mine.seen = is_mixed() ? mine.patches.to(at::kBFloat16) : mine.patches;
  for (const auto& tensor : drawn) mine.drawn.push_back(mine_of(tensor, first));
  ShardResult result;
  const auto learner = with_leaves(*working_, result.leaves);
  result.loss = learner->loss(mine, figures) / static_cast<double>(config_.gradient_shards);
  return result;
}

void Trainer::apply(const std::vector<at::Tensor>& gradients, std::int64_t number,
                    StepReport* report) {
  RECORD_USER_SCOPE("optimiser");
  const double limit = number > config_.learning_rate.warmup ? config_.clip_grad : 0.0;
  if (limit > 0 || report != nullptr) {
    auto first = gradients.begin();
    for (const auto& group : trained_groups(*state_.learner)) {
      const auto end = first + static_cast<std::ptrdiff_t>(tensors_of(group).size());
      const at::Tensor norm = clip_gradients({first, end}, limit);
      if (report != nullptr) report->gradient_norms.emplace_back(group.name, norm.item<double>());
      first = end;
    }
  }
  state_.optimiser.step(gradients, config_.learning_rate.at(number),
                        config_.weight_decay.at(number));
}

}  // namespace permafrost
