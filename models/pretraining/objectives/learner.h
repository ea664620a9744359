// SPDX-License-Identifier: Apache-2.0
#pragma once

// The networks of an objective while they learn. Whoever runs the steps (models/pretraining/
// trainer.h) sees groups of named tensors and a loss, and nothing of what the networks are: shards,
// precision, optimiser and checkpoints work by name alone.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/network/vit.h"
#include "models/training/step_figures.h"

namespace permafrost {

enum class Role {
  trained,  // has gradients, an optimiser's moments and a norm of its own
  follows,  // a copy that Learner::after_step() renews
  // By Learner::measure() and at most note_state(), never by an optimiser; float32 in any
  // precision.
  measured
};

// One network. A tensor is called "GROUP.NAME" in checkpoints ("encoder.norm.weight"); the
// gradients of a trained group are clipped together and logged as "gradient_norm_GROUP".
struct WeightGroup {
  std::string name;
  Role role = Role::trained;
  // Every tensor that a checkpoint must hold, by its name in the group. The visitor may put another
  // tensor in its place.
  std::function<void(const TensorVisitor&)> visit;
  // What is computed and in no checkpoint, yet moves to the device and takes the precision: tables
  // of positions.
  std::function<void(const TensorVisitor&)> visit_tables;
  double learning_rate_scale = 1;  // of a trained group, times the run's learning rate
};

// Of weights that have visit(weights, visitor) and, where they hold tables, visit_tables().
template <typename Weights>
WeightGroup group_of(const std::string& name, Weights& weights, Role role = Role::trained) {
  return {.name = name,
          .role = role,
          .visit = [&weights](const TensorVisitor& visitor) { visit(weights, visitor); },
          .visit_tables =
              [&weights](const TensorVisitor& visitor) {
                if constexpr (requires { visit_tables(weights, visitor); })
                  visit_tables(weights, visitor);
              }};
}

// A part of a step's batch, on the device that computes.
struct Shard {
  std::int64_t step = 1;          // counted from 1
  int number = 0;                 // of the shard, from 0
  at::Tensor patches;             // float32 [b,N,values], as patchify() gives them
  at::Tensor seen;                // the same in what the networks compute in
  std::vector<at::Tensor> drawn;  // this part's rows [b,...] of what Objective::draw() gave
  bool changing_shapes = true;    // whether what sees masks opens a scope of ChangingShapes
};

// What a run leaves as encoder.safetensors.
struct ExportedEncoder {
  std::string name;  // of its group, for the file's provenance
  EncoderSpec spec;
  VitWeights weights;
};

// Another file that a run leaves beside it.
struct ExportedFile {
  std::string name;  // "denoiser.safetensors"
  NamedTensors tensors;
  std::map<std::string, std::string> metadata;  // "provenance" is added
};

class Learner {
 public:
  virtual ~Learner() = default;
  // Another learner with the same tensors (not copies of their values), whose groups may be given
  // others: in bfloat16, or leaves of autograd. `return std::make_unique<Mine>(*this);`
  virtual std::unique_ptr<Learner> copy() const = 0;
  // Always the same, in the order of a checkpoint. They refer to this learner.
  virtual std::vector<WeightGroup> groups() = 0;
  // Puts what the run's first clips say into tensors of its groups, in place: before the first
  // step, where Objective::clips_to_measure() asks for it. Patches float32 [n,N,values] on the CPU.
  virtual void measure(const at::Tensor& /*patches*/) {}
  // Loss of a shard, a float32 scalar: a mean over its samples. Called from several threads at
  // once. `figures` is null but at steps that are logged; what needs one shard only (and reading it
  // waits for the device) is added for shard number 0.
  virtual at::Tensor loss(const Shard& shard, StepFigures* figures) const = 0;
  // After the optimiser has changed the trained weights, float32; updates are counted from 0.
  virtual void after_step(std::int64_t /*update*/) {}
  // At steps that are logged, after after_step(), by the thread that runs the steps: what the
  // networks say of themselves, which may wait for the device. May put something else into tensors
  // of measured groups, in place.
  virtual void note_state(StepFigures& /*figures*/) {}
  virtual ExportedEncoder exported() const = 0;
  virtual std::vector<ExportedFile> files() const { return {}; }

 protected:
  Learner() = default;
  Learner(const Learner&) = default;
  Learner& operator=(const Learner&) = default;
};

// The loss with what the blocks of a network want added to it; their statistics, and these losses
// by name, become figures where these are wanted. A trace that nothing was told leaves the loss as
// it is.
at::Tensor with_extras(const at::Tensor& loss, const BlockTrace& trace, StepFigures* figures);

// "GROUP.NAME" and tensor: of a group, of all groups.
NamedTensors tensors_of(const WeightGroup& group);
NamedTensors tensors_of(Learner& learner);
// The computed tables of all groups, named alike.
NamedTensors tables_of(Learner& learner);
// Groups that are trained, in order.
std::vector<WeightGroup> trained_groups(Learner& learner);

// Puts weights and tables on `device`, in place.
void move_to(Learner& learner, const at::Device& device);
// The same networks in bfloat16: tables with their values, weights still empty. What was measured
// is shared, in float32.
std::unique_ptr<Learner> half_of(const Learner& learner);
// Copies the weights' values, whatever their precision.
void copy_values(Learner& to, Learner& from);
// The same storage behind fresh autograd leaves: one learner for each thread that computes
// gradients. `leaves` is given the trained tensors, group after group.
std::unique_ptr<Learner> with_leaves(const Learner& learner, std::vector<at::Tensor>& leaves);

}  // namespace permafrost
