// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an encoder is pretrained with, as a configuration chooses it by name ("vjepa", "pixel_mae").
// An objective is one file beside this one and a line in objective.cpp; docs/adding-an-objective.md
// shows how to write one.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/json/json_object.h"
#include "models/pretraining/objectives/learner.h"

namespace permafrost {

// What a run is, whatever its objective.
struct RunSetting {
  std::string where;  // file of the configuration, for messages
  EncoderSpec encoder;
  Init init = Init::xavier;
  std::uint64_t seed = 1;
  int batch = 64;
  std::int64_t schedule_length = 1;  // steps
  RouterLosses router = {};          // "moe", of an encoder with experts
};

// Floating-point operations of a step, forward and backward, by part. Only matrix products and
// attention count, a product of [m,k] and [k,n] as 2mkn; norms, activations, losses and the
// optimiser do not, nor does what an implementation computes a second time. The backward pass of a
// product is two products of the same size, that of the patch embedding one, since nobody asks for
// the gradient of pixels.
using StepFlops = NamedNumbers;

// Of one configuration; never changes. It must outlive the learners that it starts.
class Objective {
 public:
  virtual ~Objective() = default;
  virtual std::string name() const = 0;
  // Networks with fresh weights, float32, on the CPU: a pure function of the configuration.
  virtual std::unique_ptr<Learner> start() const = 0;
  // All that is random in step `step`, counted from 1, for the whole batch: tensors [batch,...] on
  // the CPU, which are cut into shards and copied to the device. A pure function of (seed, step).
  virtual std::vector<at::Tensor> draw(std::int64_t step) const = 0;
  // How many of the run's first clips Learner::measure() is to see; fewer where the run is shorter.
  virtual std::int64_t clips_to_measure() const { return 0; }
  // Of a step with what was drawn for it.
  virtual StepFlops flops(const std::vector<at::Tensor>& drawn) const = 0;
  // Width of the network that computes a part of flops(); 0: that of the encoder. For estimates, as
  // narrow networks compute fewer operations a second.
  virtual int width_of(const std::string& /*part*/) const { return 0; }

 protected:
  Objective() = default;
  Objective(const Objective&) = default;
  Objective& operator=(const Objective&) = default;
};

struct ObjectiveKind {
  std::string name;
  std::vector<std::string> keys;  // of the configuration, that are this objective's own
  // Whether the encoder may have blocks of experts: the objective adds the losses of their routers.
  bool experts = false;
  // Reads these keys; throws InputError naming file and key.
  std::shared_ptr<const Objective> (*read)(JsonObject& keys, const RunSetting& run) = nullptr;
};

// In the order in which messages name them.
const std::vector<ObjectiveKind>& objective_kinds();
// One more, for programs that bring their own; before any configuration is read. Throws Error where
// the name is taken.
void register_objective(const ObjectiveKind& kind);

// The name under "objective"; throws InputError for one that nobody has.
std::string read_objective_name(JsonObject& object);
// That objective with its own keys. Throws InputError for a key that is only another objective's.
std::shared_ptr<const Objective> read_objective(const std::string& name, JsonObject& object,
                                                const RunSetting& run);

}  // namespace permafrost
