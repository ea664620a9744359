// SPDX-License-Identifier: Apache-2.0
#include "probes/finetune.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/parallel.h"
#include "common/random.h"
#include "common/stopwatch.h"
#include "datasets/loader.h"
#include "models/adamw.h"
#include "models/gradient_shards.h"
#include "models/schedule.h"
#include "probes/clip_chunk.h"

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

  NamedTensors tensors(int depth) {
    NamedTensors sorted, all = permafrost::named_tensors(encoder);
    for (int layer = 0; layer <= depth + 1; ++layer)
      for (const auto& [name, tensor] : all)
        if (layer_of(name, depth) == layer) sorted.emplace_back(name, tensor);
    const NamedTensors head_tensors = named_tensors(head);
    sorted.insert(sorted.end(), head_tensors.begin(), head_tensors.end());
    return sorted;
  }

  Model alias() const {
    Model copy{alias_of(encoder, true), head};
    visit(copy.head, HeadKind::attentive, [](const std::string&, at::Tensor& tensor) {
      tensor = tensor.detach();
      tensor.set_requires_grad(true);
    });
    return copy;
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

at::Tensor logits_of(const Model& model, const EncoderSpec& spec, const HeadSpec& head,
                     const at::Tensor& pixels) {
  const at::Tensor tokens = encode(model.encoder, spec, patchify(pixels, spec));
  return head_logits(model.head, head, standardised(tokens))[0];
}

// Loss of one shard of a batch; samples that could not be read carry no weight.
ShardResult shard_loss(const Model& model, const EncoderSpec& spec, const HeadSpec& head,
                       const Batch& batch, int shard, int shards) {
  const auto n = static_cast<std::int64_t>(batch.indices.size());
  const std::int64_t begin = n * shard / shards, end = n * (shard + 1) / shards;
  Model mine = model.alias();
  ShardResult result;
  for (const auto& [name, tensor] : mine.tensors(spec.depth)) result.leaves.push_back(tensor);
  if (begin == end) {
    result.loss = result.leaves[0].sum() * 0;
    return result;
  }
  const at::Tensor pixels = pixel_tensor(
      batch.pixels.data() + static_cast<std::size_t>(begin) * spec.clip_shape().bytes(),
      end - begin, spec.clip_shape());
  at::Tensor labels = at::empty({end - begin}, at::kLong);
  for (std::int64_t i = begin; i < end; ++i) {
    const auto k = static_cast<std::size_t>(i);
    labels[i - begin] = batch.failures[k].empty() ? batch.labels[k] : -100;
  }
  result.loss = at::cross_entropy_loss(logits_of(mine, spec, head, pixels), labels, {},
                                       at::Reduction::Sum, -100) /
                static_cast<double>(n);
  return result;
}

std::vector<int> predict_all(const Model& model, const EncoderSpec& spec, const HeadSpec& head,
                             const ClipSource& source, const std::vector<std::int64_t>& samples,
                             int threads) {
  constexpr std::int64_t kChunk = 16;
  const auto n = static_cast<std::int64_t>(samples.size());
  std::vector<int> predictions(samples.size(), -1);
  parallel_for((n + kChunk - 1) / kChunk, threads, [&](std::int64_t chunk) {
    const at::NoGradGuard no_grad;
    const std::int64_t begin = chunk * kChunk, end = std::min(n, begin + kChunk);
    const auto count = static_cast<std::size_t>(end - begin);
    std::vector<std::string> failures(count);
    const auto pixels =
        read_chunk(source, spec.clip_shape(),
                   std::span(samples).subspan(static_cast<std::size_t>(begin), count), 1, failures);
    const at::Tensor best =
        logits_of(model, spec, head, pixel_tensor(pixels.data(), end - begin, spec.clip_shape()))
            .argmax(1);
    for (std::int64_t i = begin; i < end; ++i)
      if (failures[static_cast<std::size_t>(i - begin)].empty())
        predictions[static_cast<std::size_t>(i)] = best[i - begin].item<int>();
  });
  return predictions;
}

}  // namespace

FinetuneOutcome finetune(const Encoder& encoder, const ClipSource& source, const Fold& fold,
                         int classes, const FinetuneProtocol& protocol, std::uint64_t seed,
                         int threads, Progress* progress) {
  const Stopwatch watch;
  FinetuneOutcome outcome;
  outcome.spec = {.kind = HeadKind::attentive,
                  .width = encoder.spec.width,
                  .heads = protocol.heads,
                  .classes = classes};
  Model model{clone_of(encoder.weights), make_head(outcome.spec, 1, seed)};
  AdamW optimiser;
  add_layers(optimiser, model, encoder.spec.depth, protocol.layer_decay);
  const auto n = static_cast<std::int64_t>(fold.train.size());
  const std::int64_t total = (n + protocol.batch - 1) / protocol.batch * protocol.epochs;
  const LearningRate rate{
      .start = 0,
      .peak = protocol.learning_rate,
      .final = 0,
      .warmup = static_cast<std::int64_t>(protocol.warmup_share * static_cast<double>(total)),
      .length = total};
  for (int epoch = 0; epoch < protocol.epochs; ++epoch) {
    const auto order =
        RandomStream(
            {.seed = seed, .purpose = "finetune.order", .epoch = static_cast<std::uint64_t>(epoch)})
            .permutation(n);
    Loader loader(source,
                  {.shape = encoder.spec.clip_shape(),
                   .batch = protocol.batch,
                   .threads = std::max(1, threads / 2)},
                  n, [&](std::int64_t i) {
                    return fold.train[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
                  });
    double sum = 0;
    for (Batch batch; loader.next(batch);) {
      const auto gradients = sharded_gradients(protocol.gradient_shards, threads, [&](int shard) {
        return shard_loss(model, encoder.spec, outcome.spec, batch, shard,
                          protocol.gradient_shards);
      });
      clip_gradients(gradients.gradients, protocol.clip_grad);
      optimiser.step(gradients.gradients, rate.at(optimiser.steps() + 1), protocol.weight_decay);
      sum += gradients.loss * static_cast<double>(batch.indices.size());
      if (progress != nullptr) progress->advance(static_cast<std::int64_t>(batch.indices.size()));
    }
    outcome.epoch_losses.push_back(sum / static_cast<double>(n));
  }
  outcome.train_seconds = watch.seconds();
  const Stopwatch test_watch;
  outcome.predictions = predict_all(model, encoder.spec, outcome.spec, source, fold.test, threads);
  outcome.evaluate_seconds = test_watch.seconds();
  outcome.encoder = model.encoder;
  outcome.head = model.head;
  return outcome;
}

}  // namespace permafrost
