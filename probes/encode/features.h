// SPDX-License-Identifier: Apache-2.0
#pragma once

// Features of a task under a frozen encoder: computed once, kept for every head, seed and table.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/machine/progress.h"
#include "datasets/clips/clip_source.h"
#include "models/encoders/encoder.h"
#include "models/encoders/input_noise.h"
#include "models/network/precision.h"
#include "models/processes/process_group.h"
#include "probes/encode/clip_chunk.h"
#include "probes/encode/encoding_clock.h"

namespace permafrost {

struct LabelledFeatures {
  // float32 [n, clips*N, D], standardised (see head.h); N is grid_t where the source has boxes,
  // whose tokens are pooled (see box_pooling.h).
  at::Tensor tokens;
  std::vector<Target> targets;        // [n]
  std::vector<std::string> failures;  // [n], the reason where a sample could not be read
  // The other views of the samples that were asked for in all of them: [m, clips*N, D] each.
  std::vector<at::Tensor> more_views;
  std::int64_t failed() const;
};

struct EncodeOptions {
  int clips = 1;    // temporal segments a sample
  int threads = 1;  // that encode a batch each; changes no bit on a CPU
  // Samples encoded together, at most; 0: as fitting_batch() says. Changes rounding alone.
  std::int64_t batch = 0;
  // tf32: see tensor_float.h. An encoder in bfloat16 is so by its weights, whatever this says.
  Precision precision = Precision::float32;
  Progress* progress = nullptr;
  EncodingClock* clock = nullptr;  // is told of every batch
  // Ranks that encode together and all get all tokens; null: this process alone. They must ask for
  // the same samples in the same order, one call at a time.
  ProcessGroup* group = nullptr;
};

// Reads and encodes every sample of the source, tokens of its segments one after the other: those
// of `in_all_views` (ascending) in every view that the source has, the rest in the one that it
// shows. Work is cut into batches, whatever `threads`. Throws Error when the encoder's weights
// changed meanwhile (law 10).
LabelledFeatures encode_source(const Encoder& encoder, const ClipSource& source,
                               const EncodeOptions& options,
                               const std::vector<std::int64_t>& in_all_views = {});

// encode_source() batch by batch, for a queue of jobs. Encoder and source must outlive it.
class SourceEncoding {
 public:
  // `options.threads` are those that will call encode() at a time.
  SourceEncoding(const Encoder& encoder, const ClipSource& source, const EncodeOptions& options,
                 const std::vector<std::int64_t>& in_all_views = {});

  std::int64_t batches() const;
  // Batch `number`, once each, in any order, from several threads at a time; `readers` threads read
  // its samples. Of several ranks each encodes those that is_mine() says.
  void encode(std::int64_t number, int readers = 1);
  // When all batches are encoded; ranks exchange them here. Throws Error when the encoder's weights
  // changed meanwhile.
  LabelledFeatures finish();

 private:
  struct Batch {
    bool in_all_views = false;
    std::int64_t begin = 0, end = 0;  // among the samples of its kind
  };
  Batch batch(std::int64_t number) const;
  void store(const Batch& batch, const std::vector<at::Tensor>& tokens);
  at::Tensor rows_of(const Batch& batch) const;              // among all samples, int64
  std::vector<at::Tensor> stored(const Batch& batch) const;  // in each view
  void exchange();

  const Encoder& encoder_;
  const ClipSource& source_;
  EncodeOptions options_;
  std::vector<std::int64_t> in_one_, in_all_;  // samples by the views that they are encoded in
  LabelledFeatures features_;
};

// Standardised tokens [B,clips*N,D] of some samples, in their order, in the view that the source
// shows; the reasons of those that could not be read, whose tokens say nothing, go to
// `failures` [B].
at::Tensor encode_samples(const Encoder& encoder, const ClipSource& source,
                          const std::vector<std::int64_t>& samples, const EncodeOptions& options,
                          std::vector<std::string>& failures);
// The same in every view of the source, from one reading of each sample.
std::vector<at::Tensor> encode_views(const Encoder& encoder, const ClipSource& source,
                                     const std::vector<std::int64_t>& samples,
                                     const EncodeOptions& options,
                                     std::vector<std::string>& failures);

// The same of one clip a sample, as the encoder says it: raw final-norm features [B,N,D], neither
// standardised nor pooled in boxes.
at::Tensor encode_raw(const Encoder& encoder, const ClipSource& source,
                      const std::vector<std::int64_t>& samples, const EncodeOptions& options,
                      std::vector<std::string>& failures);

// What decides the noise of a source's clips; nothing where the encoder sees them as they are.
std::string noise_task_of(const Encoder& encoder, const ClipSource& source);
// Which clips of a source are these, for an encoder that sees its clips noised: of every sample
// `clips` clips of view `view`, or of the one that the source shows.
std::vector<ClipOrigin> origins_of(const ClipSource& source, std::span<const std::int64_t> samples,
                                   int clips, Views views, std::int64_t view);

// Raw final-norm features float32 [B,N,D] of clips, in inference mode. `origins` are those of
// `task`, whose noise an encoder may want.
at::Tensor encode_pixels(const Encoder& encoder, const at::Tensor& pixels, const std::string& task,
                         const std::vector<ClipOrigin>& origins);
at::Tensor encode_pixels(const Encoder& encoder, const at::Tensor& pixels);  // of no task: counted

}  // namespace permafrost
