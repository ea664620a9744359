// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/expert_watch.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "common/error.h"
#include "models/network/expert_use.h"

namespace permafrost {

void visit(WatchedClips& watched, const TensorVisitor& visitor) {
  if (!watched.patches.defined()) return;
  visitor("patches", watched.patches);
  visitor("choices", watched.choices);
}

std::int64_t clips_to_watch(const EncoderSpec& spec) {
  constexpr std::int64_t kClips = 8;
  return spec.routing.experts > 0 ? kClips : 0;
}

WatchedClips unwatched_clips(const EncoderSpec& spec) {
  const std::int64_t clips = clips_to_watch(spec);
  if (clips == 0) return {};
  const auto blocks = static_cast<std::int64_t>(spec.expert_blocks.size());
  return {.patches = at::zeros({clips, spec.tokens(), spec.patch_values()}),
          .choices = at::full({blocks, clips * spec.tokens(), spec.routing.chosen}, -1.0,
                              at::TensorOptions(at::kFloat))};
}

void watch_clips(WatchedClips& watched, const at::Tensor& patches) {
  if (!watched.patches.defined()) return;
  const at::NoGradGuard no_grad;
  for (std::int64_t i = 0; i < watched.patches.size(0); ++i)
    watched.patches[i].copy_(patches[i % patches.size(0)]);
}

namespace {

// Share of `now` [T,k] that is not among a token's choices `before` [T,k].
double share_of_new(const at::Tensor& now, const at::Tensor& before) {
  const at::Tensor there = now.unsqueeze(2).eq(before.unsqueeze(1)).any(2);
  return 1 - there.to(at::kDouble).mean().item<double>();
}

}  // namespace

void note_experts(WatchedClips& watched, const EncoderSpec& spec, StepFigures& figures,
                  const std::function<void(const at::Tensor& patches, BlockTrace& trace)>& encode) {
  const at::NoGradGuard no_grad;
  std::vector<RoutedTokens> routes;
  BlockTrace trace{.routes = &routes};
  encode(watched.patches, trace);
  if (routes.size() != spec.expert_blocks.size())
    throw Error("a network has told of other blocks than those with experts");
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const std::string name = "block_" + std::to_string(spec.expert_blocks[i]) + "_";
    ExpertUse use(spec.routing.experts, {spec.grid_t(), spec.grid_h(), spec.grid_w()});
    use.add(routes[i]);
    const at::Tensor before = watched.choices[static_cast<std::int64_t>(i)];
    const at::Tensor now = routes[i].chosen.flatten(0, 1).to(at::kFloat);
    const bool first = before.min().item<float>() < 0;
    figures.add(name + "load", use.largest_load());
    figures.add(name + "dead", use.dead());
    figures.add(name + "entropy", use.entropy());
    figures.add(name + "entropy_of_mean", use.entropy_of_mean());
    figures.add(name + "changed", first ? 0 : share_of_new(now, before), first ? 0 : 1);
    figures.add(name + "place", use.information_on_place());
    figures.add(name + "frame", use.information_on_frame());
    before.copy_(now);
  }
}

}  // namespace permafrost
