// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a pretraining's log says of experts: where the tokens of a few clips go, always the same
// clips, the run's first. What they chose at the last logged step is part of the run's state, so
// that a run in parts logs what a run in one logs.
#include <functional>

#include "models/network/encoder_spec.h"
#include "models/network/layers/block_trace.h"
#include "models/training/step_figures.h"

namespace permafrost {

struct WatchedClips {
  at::Tensor patches;  // float32 [clips,N,values]
  at::Tensor choices;  // float32 [blocks,clips*N,k], the experts of the last log; below 0: none yet
};

void visit(WatchedClips& watched, const TensorVisitor& visitor);

// How many clips are watched of an encoder: 0 where it has no experts.
std::int64_t clips_to_watch(const EncoderSpec& spec);
// With room for them; undefined tensors where there are none.
WatchedClips unwatched_clips(const EncoderSpec& spec);
// Takes the first of these patches [n,N,values]; where they are fewer, some of them again.
void watch_clips(WatchedClips& watched, const at::Tensor& patches);

// `encode` runs patches through the network and gives the trace to its blocks. Adds, for every
// block b of experts: "block_B_load" (the largest load over the mean), "block_B_dead" (experts
// below a tenth of the mean load), "block_B_entropy" (of a token's probabilities, bits),
// "block_B_entropy_of_mean", "block_B_changed" (share of choices that the token did not have at the
// last log; NaN at the first), "block_B_place" and "block_B_frame" (mutual information of the first
// choice with them, bits). The choices become those of the last log.
void note_experts(WatchedClips& watched, const EncoderSpec& spec, StepFigures& figures,
                  const std::function<void(const at::Tensor& patches, BlockTrace& trace)>& encode);

}  // namespace permafrost
