// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a probe is trained and how an encoder is fine-tuned, as data.
#include <cstdint>
#include <string>
#include <vector>

#include "common/json/json_object.h"
#include "datasets/augment/augment_spec.h"
#include "models/network/precision.h"
#include "probes/heads/head.h"
#include "probes/train/mixing.h"

namespace permafrost {

// How the files of a task are shown at test, and in training without augmentation.
struct TestView {
  int views = 1;       // crops along the long side, their probabilities averaged
  int short_side = 0;  // before the crop; 0: as small as the crop allows
};

// AdamW, cosine learning rate to 0, cosine weight decay to 1e-6, gradient clip a candidate. knn
// trains nothing: of the fields here it has neighbours, held_out, clips and label_fraction.
struct ProbeProtocol {
  HeadKind head = HeadKind::attentive;
  int heads = 3;
  int depth = 1;  // attentive: 1 is V-JEPA's head, 4 V-JEPA 2's (three blocks before the query)
  int epochs = 20;
  int batch = 64;
  std::vector<double> learning_rates{1e-3, 3e-3};  // one candidate each, all in one pass
  double weight_decay = 0.01;
  // Several: every learning rate with every one of these, `weight_decay` is not looked at.
  std::vector<double> weight_decays;
  double clip_grad = 1.0;
  double held_out = 0.1;  // share of the training split on which the candidate is chosen
  int clips = 1;          // temporal segments a sample, their tokens attended together
  std::vector<int> neighbours{10, 20, 100, 200};  // knn: one candidate each
  double label_fraction =
      1;  // of the training side, see datasets/tasks/label_subset.h; 1: all of it
  // What training sees: `training_views` augmented views of every clip, encoded once and taken in
  // turn, epoch by epoch ("cached k views"); 0: a new view every epoch, encoded anew ("online").
  AugmentSpec augmentation;
  int training_views = 1;
  // What the encoder computes in; its tokens, and the head, are float32 (of a GPU in tf32 the
  // head's products too). See in_bfloat16() and tensor_float.h.
  Precision precision = Precision::float32;
  TestView test;
};

// What sets one candidate of a protocol apart.
struct ProbeCandidate {
  double learning_rate = 0, weight_decay = 0;
  int neighbours = 0;
};

// In order: the weight decays, within each the learning rates; for knn the neighbours.
std::vector<ProbeCandidate> candidates_of(const ProbeProtocol& protocol);

// Passes over the training split, for progress and estimates: epochs, or 1 for knn.
int passes_of(const ProbeProtocol& protocol);

struct FinetuneProtocol {
  int heads = 3;
  int epochs = 4;
  int batch = 32;
  double learning_rate = 1e-3;
  double layer_decay = 0.75;  // learning rate of block i: decay^(depth-i), of the embedding: last
  double weight_decay = 0.05;
  double warmup_share = 0.1;  // of all steps
  double clip_grad = 1.0;
  int gradient_shards = 4;
  double label_smoothing = 0;  // share of the target that goes to all classes alike
  MixingSpec mixing;
  AugmentSpec augmentation;  // a new view every epoch
  int clips = 1;             // temporal segments at test, their probabilities averaged
  TestView test;
  double drop_path = 0;  // of the last block's branches; grows linearly from 0 at the first
  // What the encoder computes in, in training and at test. Weights that are trained, their
  // gradients, tokens and the head are float32 (of a GPU in tf32 all products are in it).
  Precision precision = Precision::float32;
};

// Throws InputError for unknown keys and values that make no sense.
ProbeProtocol read_probe_protocol(const Json& json, const std::string& where);
FinetuneProtocol read_finetune_protocol(const Json& json, const std::string& where);
// Part of the key of records: what was added to the protocol later appears only where it is used.
Json to_json(const ProbeProtocol& protocol);
Json to_json(const FinetuneProtocol& protocol);

}  // namespace permafrost
