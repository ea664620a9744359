// SPDX-License-Identifier: Apache-2.0
#pragma once

// A probe on an encoder that somebody else runs: a function from pixels to tokens, such as a module
// of PyTorch. Tasks, protocol, training, statistics and record are those of `permafrost probe`.
//
//   const GivenEncoder mine{identity, [](const at::Tensor& pixels) { return tokens_of(pixels); }};
//   const Record record = probe_given(mine, task_of(suite, "motion"), options);
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "bench/records/record.h"
#include "bench/suites/table_spec.h"
#include "common/machine/execution.h"
#include "models/encoders/encoder.h"

namespace permafrost {

struct GivenEncoder {
  EncoderIdentity identity;
  ClipShape shape;  // of the clips that it is shown
  // Samples that are shown together, at most.
  std::int64_t batch = 16;
  // Pixels uint8 [B,T,H,W,3] to features [B,N,D] of any floating-point dtype, or [B,D], one token a
  // clip. Called on the calling thread, batch after batch.
  std::function<at::Tensor(const at::Tensor& pixels)> features;
};

// One of ours in this role: its record is that of `permafrost probe`, bit for bit. `encoder` must
// outlive the result. Throws InputError for an encoder that sees its clips noised.
GivenEncoder given_encoder(const Encoder& encoder);

struct GivenProbeOptions {
  ProtocolChoice protocol;    // of a probe, with one view a clip and without augmentation
  std::string data;           // folder of real data; empty: see data_folder()
  std::filesystem::path out;  // where the record is written; empty: nowhere
  Execution execution;        // threads read the clips; one seed
  // Told as the clips are shown: how many of how many.
  std::function<void(std::int64_t done, std::int64_t all)> progress = {};
  // Called when all clips were shown, before any probe is trained: for law 10.
  std::function<void()> encoded = {};
};

// Throws InputError for a task that is not available or whose tokens are pooled in boxes, for a
// protocol of several views or with augmentation, and for features of another shape; and what
// `features` throws.
Record probe_given(const GivenEncoder& encoder, const TaskSpec& spec,
                   const GivenProbeOptions& options);

}  // namespace permafrost
