// SPDX-License-Identifier: Apache-2.0
#include "probes/train/finetune.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/machine/stopwatch.h"
#include "common/random.h"
#include "datasets/clips/augmented_source.h"
#include "datasets/clips/loader.h"
#include "models/encoders/input_noise.h"
#include "models/network/device_copy.h"
#include "models/network/tensor_float.h"
#include "models/processes/shared_work.h"
#include "models/training/adamw.h"
#include "models/training/gradient_shards.h"
#include "models/training/schedule.h"
#include "probes/encode/clip_chunk.h"
#include "probes/encode/features.h"
#include "probes/heads/box_pooling.h"
#include "probes/train/epoch_batches.h"
#include "probes/train/head_objective.h"
#include "probes/train/view_logits.h"

namespace permafrost {
namespace {

NamedTensors named_tensors(HeadWeights& head) {
  NamedTensors tensors;
  visit(head, HeadKind::attentive,
        [&](const std::string& name, at::Tensor& tensor) { tensors.emplace_back(name, tensor); });
  return tensors;
}

// Which layer a tensor belongs to: 0 the embedding, 1..depth the blocks, depth+1 what follows.
int layer_of(const std::string& name, int depth) {
  if (name.rfind("blocks.", 0) == 0) return 1 + std::stoi(name.substr(7));
  for (const char* start : {"patch_embed.", "cls_token", "register_tokens", "pos_embed"})
    if (name.rfind(start, 0) == 0) return 0;
  return depth + 1;
}

// The optimiser takes tensors layer by layer; gradients must come in the same order.
struct Model {
  VitWeights encoder;
  HeadWeights head;
  Precision products = Precision::float32;  // of the encoder; bfloat16 is in its weights already

  at::Device device() const { return head.linear_weight.device(); }

  // What is trained: all but the space in which an encoder sees its clips noised.
  NamedTensors tensors(int depth) {
    NamedTensors sorted, all = permafrost::named_tensors(encoder);
    for (int layer = 0; layer <= depth + 1; ++layer)
      for (const auto& [name, tensor] : all)
        if (layer_of(name, depth) == layer && !name.starts_with("noise_space."))
          sorted.emplace_back(name, tensor);
    const NamedTensors head_tensors = named_tensors(head);
    sorted.insert(sorted.end(), head_tensors.begin(), head_tensors.end());
    return sorted;
  }

  Model alias() const {
    Model copy{alias_of(encoder, true), head, products};
    visit(copy.head, HeadKind::attentive, [](const std::string&, at::Tensor& tensor) {
      tensor = tensor.detach();
      tensor.set_requires_grad(true);
    });
    return copy;
  }

  // What computes: these weights, or their rounded values, through which gradients pass.
  Model in(Precision precision) const {
    return {precision == Precision::bfloat16 ? in_bfloat16(encoder) : encoder, head, precision};
  }
};

void add_layers(AdamW& optimiser, Model& model, int depth, double decay) {
  const NamedTensors all = model.tensors(depth);
  for (int layer = 0; layer <= depth + 1; ++layer) {
    NamedTensors part;
    for (const auto& [name, tensor] : all)
      if (layer_of(name, depth) == layer) part.emplace_back(name, tensor);
    optimiser.add(part, std::pow(decay, depth + 1 - layer));
  }
}

// Logits [B,C] of patches [B,N,...]; `boxes` where the task has them, `branches` in training.
at::Tensor logits_of(const Model& model, const EncoderSpec& spec, const HeadSpec& head,
                     const at::Tensor& patches, const std::vector<Box>& boxes,
                     const at::Tensor& branches = {}) {
  const at::ScalarType type = model.encoder.patch_embed.weight.scalar_type();
  const RoundedFactors rounded(model.products);
  at::Tensor tokens = encode_with_branches(model.encoder, spec, patches.to(type),
                                           branches.defined() ? branches.to(type) : branches)
                          .to(at::kFloat);
  if (!boxes.empty()) tokens = pooled_in_boxes(tokens, spec, boxes);
  return head_logits(model.head, head, standardised(tokens))[0];
}

// What one training step does to its batch, the same for every shard.
struct Step {
  SharedBatch& batch;
  const ClipSource& source;
  const FinetuneProtocol& protocol;
  const HeadObjective& objective;
  const std::string& noise_task;
  at::Device device;
  std::uint64_t seed = 0;
  std::int64_t number = 0;
  Mix mix;

  std::int64_t size() const { return batch.size; }
  // Where sample i of the whole batch is in what was read.
  std::size_t at(std::int64_t i) const { return static_cast<std::size_t>(i - batch.first); }
  bool failed(std::int64_t i) const { return !batch.read.failures[at(i)].empty(); }
  std::int64_t partner(std::int64_t i) const { return size() - 1 - i; }
  // Share of its own label; a clip that could not be read is nobody's partner.
  double own(std::int64_t i) const {
    if (!(mix.own < 1)) return 1;
    return failed(i) || failed(partner(i)) ? 1 : mix.own;
  }
};

// Patches of samples begin .. end-1, mixed with their partners.
at::Tensor mixed_patches(const Step& step, const EncoderSpec& spec, std::int64_t begin,
                         std::int64_t end) {
  const ClipShape shape = spec.clip_shape();
  const auto clip = [&](std::int64_t i) {
    return step.batch.read.pixels.data() + step.at(i) * shape.bytes();
  };
  const auto patches = [&](std::uint8_t* pixels) {
    return patchify(queued_copy(pixel_tensor(pixels, end - begin, shape), step.device), spec);
  };
  if (!(step.mix.own < 1)) return patches(clip(begin));
  std::vector<std::uint8_t> own(clip(begin), clip(end)), other;
  at::Tensor weights = at::ones({end - begin, 1, 1});
  for (std::int64_t i = begin; i < end; ++i) {
    const std::uint8_t* partner = clip(step.partner(i));
    other.insert(other.end(), partner, partner + shape.bytes());
    weights[i - begin] = step.own(i);
    if (step.mix.cuts() && step.own(i) < 1)
      paste(step.mix, shape, partner,
            own.data() + static_cast<std::size_t>(i - begin) * shape.bytes());
  }
  if (step.mix.cuts()) return patches(own.data());
  weights = queued_copy(weights, step.device);
  return patches(own.data()) * weights + patches(other.data()) * (1 - weights);
}

// Multipliers [depth,2,n] of the residual branches: 0 with a rate that grows with the block, else
// such that the expectation stays 1 (Huang et al. 2016).
at::Tensor drawn_branches(const Step& step, int depth, std::int64_t begin, std::int64_t end) {
  if (!(step.protocol.drop_path > 0)) return {};
  at::Tensor scales = at::empty({depth, 2, end - begin});
  for (std::int64_t i = begin; i < end; ++i) {
    RandomStream stream({.seed = step.seed,
                         .purpose = "finetune.drop_path",
                         .epoch = static_cast<std::uint64_t>(step.number),
                         .sample = static_cast<std::uint64_t>(i)});
    for (int block = 0; block < depth; ++block)
      for (int branch = 0; branch < 2; ++branch) {
        const double rate = depth > 1 ? step.protocol.drop_path * block / (depth - 1) : 0;
        scales[block][branch][i - begin] = stream.uniform() < rate ? 0 : 1 / (1 - rate);
      }
  }
  return queued_copy(scales, step.device);
}

// Rows [n,C] of what samples begin .. end-1 are mixed of.
at::Tensor soft_truth(const Step& step, int classes, std::int64_t begin, std::int64_t end) {
  std::vector<at::Tensor> rows;
  for (std::int64_t i = begin; i < end; ++i) {
    const auto part = [&](std::int64_t sample, double share) {
      return MixedTarget{&step.batch.read.targets[step.at(sample)], share};
    };
    std::vector<MixedTarget> parts;
    if (!step.failed(i)) {
      parts.push_back(part(i, step.own(i)));
      if (step.own(i) < 1) parts.push_back(part(step.partner(i), 1 - step.own(i)));
    }
    rows.push_back(step.objective.shares(parts, classes, step.protocol.label_smoothing));
  }
  return queued_copy(at::stack(rows), step.device);
}

// Sum over samples begin .. end-1.
at::Tensor summed_loss(const at::Tensor& logits, const Step& step, std::int64_t begin,
                       std::int64_t end) {
  const auto classes = static_cast<int>(logits.size(1));
  if (step.mix.own < 1 || step.protocol.label_smoothing > 0)
    return step.objective.summed_soft(logits, soft_truth(step, classes, begin, end));
  TargetPointers targets;
  for (std::int64_t i = begin; i < end; ++i)
    targets.push_back(step.failed(i) ? nullptr : &step.batch.read.targets[step.at(i)]);
  return step.objective.summed(logits,
                               queued_copy(step.objective.truth(targets, classes), step.device));
}

// Loss of one shard of a batch; samples that could not be read carry no weight.
ShardResult shard_loss(const Model& model, const EncoderSpec& spec, const HeadSpec& head,
                       const Step& step, int shard) {
  const std::int64_t n = step.size(), shards = step.protocol.gradient_shards;
  const std::int64_t begin = n * shard / shards, end = n * (shard + 1) / shards;
  Model mine = model.alias();
  ShardResult result;
  for (const auto& [name, tensor] : mine.tensors(spec.depth)) result.leaves.push_back(tensor);
  if (begin == end) {
    result.loss = result.leaves[0].sum() * 0;
    return result;
  }
  const auto part = std::span(step.batch.read.indices)
                        .subspan(step.at(begin), static_cast<std::size_t>(end - begin));
  const at::Tensor patches =
      with_input_noise(model.encoder, spec, mixed_patches(step, spec, begin, end), step.noise_task,
                       origins_of(step.source, part, 1, Views::shown, 0));
  const at::Tensor logits =
      logits_of(mine.in(step.protocol.precision), spec, head, patches, boxes_of(step.source, part),
                drawn_branches(step, spec.depth, begin, end));
  result.loss = summed_loss(logits, step, begin, end) / static_cast<double>(n);
  return result;
}

// Every rank knows what each could not read.
void share_failures(ProcessGroup* group, const Samples& train,
                    std::map<std::int64_t, std::string>& failures) {
  if (group == nullptr) return;
  std::vector<std::string> reasons;
  for (const auto sample : train) {
    const auto it = failures.find(sample);
    reasons.push_back(it == failures.end() ? "" : it->second);
  }
  share_texts(group, reasons);
  for (std::size_t i = 0; i < train.size(); ++i)
    if (!reasons[i].empty()) failures.try_emplace(train[i], reasons[i]);
}

// A run between two steps.
struct Tuning {
  const Encoder& encoder;
  const FinetuneData& data;
  const FinetuneProtocol& protocol;
  const TrainingRun& run;
  const HeadObjective& objective;
  std::string noise_task;  // see with_input_noise()
  Model model;
  AdamW optimiser;
  LearningRate rate;
};

Tuning start_tuning(const Encoder& encoder, const FinetuneData& data,
                    const FinetuneProtocol& protocol, const TrainingRun& run,
                    const HeadSpec& head) {
  Tuning tuning{
      .encoder = encoder,
      .data = data,
      .protocol = protocol,
      .run = run,
      .objective = objective_of(data.loss),
      .noise_task = noise_task_of(encoder, data.source),
      .model = {to_device(clone_of(encoder.weights), run.device),
                to_device(make_head(head, 1, run.seed), HeadKind::attentive, run.device)}};
  add_layers(tuning.optimiser, tuning.model, encoder.spec.depth, protocol.layer_decay);
  const auto n = static_cast<std::int64_t>(data.fold.train.size());
  const std::int64_t total = (n + protocol.batch - 1) / protocol.batch * protocol.epochs;
  tuning.rate = {
      .start = 0,
      .peak = protocol.learning_rate,
      .final = 0,
      .warmup = static_cast<std::int64_t>(protocol.warmup_share * static_cast<double>(total)),
      .length = total};
  return tuning;
}

// Fills predictions and scores of the test side, from the protocol's clips in every view. `model`
// is the tuned one in what it computes in.
void predict_all(FinetuneOutcome& outcome, const Tuning& tuning, const Model& model) {
  const EncoderSpec& spec = tuning.encoder.spec;
  const ClipSource& source = tuning.data.source;
  const Samples& samples = tuning.data.fold.test;
  const TrainingRun& run = tuning.run;
  const int clips = tuning.protocol.clips;
  constexpr std::int64_t kClipsAtOnce = 16;
  const auto n = static_cast<std::int64_t>(samples.size());
  outcome.predictions.assign(samples.size(), -1);
  outcome.scores.resize(samples.size());
  outcome.failures.resize(samples.size());
  const at::Tensor rows = at::zeros({n, outcome.spec.classes});
  for_my_pieces(
      run.group, (n + kClipsAtOnce - 1) / kClipsAtOnce, run.threads, [&](std::int64_t chunk) {
        const at::NoGradGuard no_grad;
        const std::int64_t begin = chunk * kClipsAtOnce, end = std::min(n, begin + kClipsAtOnce);
        const auto count = static_cast<std::size_t>(end - begin);
        const auto failures =
            std::span(outcome.failures).subspan(static_cast<std::size_t>(begin), count);
        const auto part = std::span(samples).subspan(static_cast<std::size_t>(begin), count);
        const std::int64_t views = source.views();
        auto pixels = read_chunk(source, spec.clip_shape(), part, clips, Views::all, failures);
        const at::Tensor all =
            pixel_tensor(pixels.data(), (end - begin) * views * clips, spec.clip_shape())
                .unflatten(0, {end - begin, views, clips});
        const auto boxes = boxes_of(source, part, clips);
        at::Tensor sum = at::zeros({end - begin, outcome.spec.classes});
        for (std::int64_t view = 0; view < views; ++view) {
          const at::Tensor shown = all.select(1, view).flatten(0, 1).to(model.device());
          const at::Tensor patches =
              with_input_noise(model.encoder, spec, patchify(shown, spec), tuning.noise_task,
                               origins_of(source, part, clips, Views::all, view));
          const at::Tensor logits =
              logits_of(model, spec, outcome.spec, patches, boxes).to(at::kCPU);
          sum += tuning.objective.probabilities(logits).view({end - begin, clips, -1}).mean(1);
        }
        sum /= static_cast<double>(views);
        rows.slice(0, begin, end).copy_(sum);
      });
  share_rows(run.group, {rows}, kClipsAtOnce);
  share_texts(run.group, outcome.failures);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto k = static_cast<std::size_t>(i);
    if (!outcome.failures[k].empty()) continue;
    outcome.predictions[k] = rows[i].argmax().item<int>();
    outcome.scores[k] = values_of(rows[i]);
  }
}

// The mean loss of the batch.
double tune_on(Tuning& tuning, SharedBatch& batch, const HeadSpec& head) {
  const FinetuneProtocol& protocol = tuning.protocol;
  const TrainingRun& run = tuning.run;
  const EncoderSpec& spec = tuning.encoder.spec;
  const std::int64_t number = tuning.optimiser.steps() + 1;
  const Step step{.batch = batch,
                  .source = tuning.data.source,
                  .protocol = protocol,
                  .objective = tuning.objective,
                  .noise_task = tuning.noise_task,
                  .device = run.device,
                  .seed = run.seed,
                  .number = number,
                  .mix = draw_mix(protocol.mixing, spec.clip_shape(), run.seed, number)};
  const auto gradients = sharded_gradients(
      {.shards = protocol.gradient_shards,
       .threads = run.device.is_cpu() ? run.threads : 1,
       .group = run.group,
       .addition = Addition::in_order},  // as evaluation version 3 does
      [&](int shard) { return shard_loss(tuning.model, spec, head, step, shard); });
  clip_gradients(gradients.gradients, protocol.clip_grad);
  tuning.optimiser.step(gradients.gradients, tuning.rate.at(number), protocol.weight_decay);
  return gradients.loss.item<double>();
}

// Returns the mean loss; notes the samples that could not be read.
double tune_for_an_epoch(Tuning& tuning, int epoch, FinetuneOutcome& outcome) {
  const Samples& train = tuning.data.fold.train;
  const TrainingRun& run = tuning.run;
  const auto n = static_cast<std::int64_t>(train.size());
  const AugmentedSource shown(tuning.data.source, {tuning.protocol.augmentation, run.seed,
                                                   static_cast<std::uint64_t>(epoch)});
  std::vector<std::int64_t> samples;
  for (const auto place : epoch_order("finetune.order", n, run.seed, epoch))
    samples.push_back(train[static_cast<std::size_t>(place)]);
  EpochBatches batches(shown, tuning.encoder.spec.clip_shape(), tuning.protocol, run,
                       std::move(samples));
  double sum = 0;
  for (SharedBatch batch; batches.next(batch);) {
    sum += tune_on(tuning, batch, outcome.spec) * static_cast<double>(batch.size);
    const Batch& read = batch.read;
    for (std::size_t i = 0; i < read.indices.size(); ++i)
      if (!read.failures[i].empty())
        outcome.training_failures.try_emplace(read.indices[i], read.failures[i]);
    if (run.tick) run.tick(batch.size);
  }
  return sum / static_cast<double>(n);
}

}  // namespace

FinetuneOutcome finetune(const Encoder& encoder, const FinetuneData& data,
                         const FinetuneProtocol& protocol, const TrainingRun& run) {
  const Stopwatch watch;
  FinetuneOutcome outcome;
  outcome.spec = {.kind = HeadKind::attentive,
                  .width = encoder.spec.width,
                  .heads = protocol.heads,
                  .classes = data.classes};
  Tuning tuning = start_tuning(encoder, data, protocol, run, outcome.spec);
  for (int epoch = 0; epoch < protocol.epochs; ++epoch) {
    const double loss = tune_for_an_epoch(tuning, epoch, outcome);
    outcome.epoch_losses.push_back(loss);
    if (!std::isfinite(loss))
      throw TrainingDiverged("fine-tuning diverged: the mean loss of epoch " +
                             std::to_string(epoch + 1) + " of " + std::to_string(protocol.epochs) +
                             " is not finite");
  }
  share_failures(run.group, data.fold.train, outcome.training_failures);
  for (const auto& [name, tensor] : tuning.model.tensors(encoder.spec.depth))
    if (const std::string wrong = not_finite_text(tensor); !wrong.empty())
      throw TrainingDiverged("fine-tuning diverged: " + name + ": " + wrong);
  outcome.train_seconds = watch.seconds();
  const Stopwatch test_watch;
  predict_all(outcome, tuning, tuning.model.in(protocol.precision));
  outcome.evaluate_seconds = test_watch.seconds();
  outcome.encoder = to_device(tuning.model.encoder, at::kCPU);
  outcome.head = to_device(tuning.model.head, HeadKind::attentive, at::kCPU);
  return outcome;
}

}  // namespace permafrost
