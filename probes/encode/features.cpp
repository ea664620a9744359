// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/features.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <iterator>
#include <numeric>

#include "common/error.h"
#include "models/network/tensor_float.h"
#include "models/processes/shared_work.h"
#include "probes/encode/clip_chunk.h"
#include "probes/encode/encoding_batch.h"
#include "probes/heads/box_pooling.h"
#include "probes/heads/head.h"

namespace permafrost {
namespace {

// Some samples of those to encode, and where their failures go.
struct Part {
  std::span<const std::int64_t> samples;
  std::span<std::string> failures;
  int readers = 1;  // threads
};

// What the encoder says [B*clips,N,D] of the clips of one batch, in each view.
std::vector<at::Tensor> encode_clips(const Encoder& encoder, const ClipSource& source,
                                     const EncodeOptions& options, Views views, const Part& part) {
  const int clips = options.clips;
  const ClipShape shape = encoder.spec.clip_shape();
  std::vector<std::uint8_t> pixels;
  {
    const EncodingClock::Batch batch(options.clock, EncodingClock::Phase::reading);
    pixels = read_chunk(source, shape, part.samples, clips, views, part.failures, part.readers);
  }
  const EncodingClock::Batch batch(options.clock, EncodingClock::Phase::encoding);
  const auto count = static_cast<std::int64_t>(part.samples.size());
  const std::int64_t shown = views_of(source, views);
  const at::Tensor all =
      pixel_tensor(pixels.data(), count * shown * clips, shape).unflatten(0, {count, shown, clips});
  const std::string task = noise_task_of(encoder, source);
  const RoundedFactors rounded(options.precision);
  std::vector<at::Tensor> features;
  for (std::int64_t view = 0; view < shown; ++view)
    features.push_back(encode_pixels(encoder, all.select(1, view).flatten(0, 1), task,
                                     origins_of(source, part.samples, clips, views, view)));
  return features;
}

// Standardised tokens [B,clips*N,D] of one batch, in each view.
std::vector<at::Tensor> encode_batch(const Encoder& encoder, const ClipSource& source,
                                     const EncodeOptions& options, Views views, const Part& part) {
  const at::NoGradGuard no_grad;
  const int clips = options.clips;
  const auto count = static_cast<std::int64_t>(part.samples.size());
  const auto boxes = boxes_of(source, part.samples, clips);
  std::vector<at::Tensor> tokens = encode_clips(encoder, source, options, views, part);
  for (auto& x : tokens) {
    if (!boxes.empty()) x = pooled_in_boxes(x, encoder.spec, boxes);
    x = standardised(x).view({count, clips * x.size(1), x.size(2)});
  }
  return tokens;
}

// The least that any rank has room for: whose batch is whose goes by its size.
std::int64_t least_of_ranks(ProcessGroup* group, std::int64_t batch) {
  if (group == nullptr) return batch;
  for (const auto& other : group->gather(std::to_string(batch)))
    batch = std::min<std::int64_t>(batch, std::stoll(other));
  return batch;
}

EncodeOptions with_fitting_batch(EncodeOptions options, const Encoder& encoder) {
  options.batch = fitting_batch(
      encoder, {.samples = options.batch, .clips = options.clips, .at_once = options.threads});
  if (!encoder.weights.patch_embed.weight.is_cpu())
    options.batch = least_of_ranks(options.group, options.batch);
  return options;
}

std::int64_t batches_of(const std::vector<std::int64_t>& samples, std::int64_t batch) {
  return (static_cast<std::int64_t>(samples.size()) + batch - 1) / batch;
}

// Calls store(begin, end, encode(part)) for every batch, side by side. Threads that no batch is
// left for read the samples of the others.
template <typename Encode, typename Store>
void in_batches(const std::vector<std::int64_t>& samples, const EncodeOptions& options,
                std::vector<std::string>& failures, const Encode& encode, const Store& store) {
  const auto n = static_cast<std::int64_t>(samples.size());
  const std::int64_t batch = options.batch, batches = batches_of(samples, batch);
  const auto readers = options.threads / std::max<std::int64_t>(1, batches);
  failures.assign(samples.size(), "");
  for_my_pieces(options.group, batches, options.threads, [&](std::int64_t number) {
    const std::int64_t begin = number * batch, end = std::min(n, begin + batch);
    const auto first = static_cast<std::size_t>(begin),
               count = static_cast<std::size_t>(end - begin);
    store(begin, end,
          encode(Part{std::span(samples).subspan(first, count),
                      std::span(failures).subspan(first, count), static_cast<int>(readers)}));
    if (options.progress != nullptr) options.progress->advance(end - begin);
  });
  share_texts(options.group, failures);
}

// Room for the tokens of so many samples.
at::Tensor empty_tokens(std::size_t samples, const Encoder& encoder, const ClipSource& source,
                        int clips) {
  const int tokens = source.has_boxes() ? encoder.spec.grid_t() : encoder.spec.tokens();
  return at::empty({static_cast<std::int64_t>(samples), clips * tokens, encoder.spec.width},
                   at::kFloat);
}

std::vector<at::Tensor> encode_in(Views views, const Encoder& encoder, const ClipSource& source,
                                  const std::vector<std::int64_t>& samples,
                                  const EncodeOptions& options,
                                  std::vector<std::string>& failures) {
  std::vector<at::Tensor> out;
  for (int view = 0; view < views_of(source, views); ++view)
    out.push_back(empty_tokens(samples.size(), encoder, source, options.clips));
  const EncodeOptions fitting = with_fitting_batch(options, encoder);
  in_batches(
      samples, fitting, failures,
      [&](const Part& part) { return encode_batch(encoder, source, fitting, views, part); },
      [&](std::int64_t begin, std::int64_t end, const std::vector<at::Tensor>& tokens) {
        for (std::size_t v = 0; v < out.size(); ++v) out[v].slice(0, begin, end).copy_(tokens[v]);
      });
  share_rows(options.group, out, fitting.batch);
  return out;
}

}  // namespace

std::int64_t LabelledFeatures::failed() const {
  return std::count_if(failures.begin(), failures.end(),
                       [](const std::string& failure) { return !failure.empty(); });
}

std::string noise_task_of(const Encoder& encoder, const ClipSource& source) {
  return encoder.spec.input_noise > 0 ? source.identity() : "";
}

std::vector<ClipOrigin> origins_of(const ClipSource& source, std::span<const std::int64_t> samples,
                                   int clips, Views views, std::int64_t view) {
  const std::int64_t shown = views == Views::shown ? source.view() : view;
  std::vector<ClipOrigin> origins;
  for (const std::int64_t sample : samples)
    for (int clip = 0; clip < clips; ++clip)
      origins.push_back({.sample = static_cast<std::uint64_t>(sample),
                         .clip = static_cast<std::uint64_t>(shown * clips + clip)});
  return origins;
}

at::Tensor encode_pixels(const Encoder& encoder, const at::Tensor& pixels, const std::string& task,
                         const std::vector<ClipOrigin>& origins) {
  const at::NoGradGuard no_grad;
  const at::Device device = encoder.weights.patch_embed.weight.device();
  const at::Tensor patches = with_input_noise(
      encoder.weights, encoder.spec, patchify(pixels.to(device), encoder.spec), task, origins);
  const at::ScalarType type = encoder.weights.patch_embed.weight.scalar_type();
  return encode(encoder.weights, encoder.spec, patches.to(type)).to(at::kCPU, at::kFloat);
}

at::Tensor encode_pixels(const Encoder& encoder, const at::Tensor& pixels) {
  return encode_pixels(encoder, pixels, "", counted_origins(pixels.size(0)));
}

at::Tensor encode_samples(const Encoder& encoder, const ClipSource& source,
                          const std::vector<std::int64_t>& samples, const EncodeOptions& options,
                          std::vector<std::string>& failures) {
  return encode_in(Views::shown, encoder, source, samples, options, failures)[0];
}

std::vector<at::Tensor> encode_views(const Encoder& encoder, const ClipSource& source,
                                     const std::vector<std::int64_t>& samples,
                                     const EncodeOptions& options,
                                     std::vector<std::string>& failures) {
  return encode_in(Views::all, encoder, source, samples, options, failures);
}

at::Tensor encode_raw(const Encoder& encoder, const ClipSource& source,
                      const std::vector<std::int64_t>& samples, const EncodeOptions& options,
                      std::vector<std::string>& failures) {
  const auto n = static_cast<std::int64_t>(samples.size());
  at::Tensor out = at::empty({n, encoder.spec.tokens(), encoder.spec.width}, at::kFloat);
  EncodeOptions one_clip = options;
  one_clip.clips = 1;
  const EncodeOptions fitting = with_fitting_batch(one_clip, encoder);
  in_batches(
      samples, fitting, failures,
      [&](const Part& part) {
        return encode_clips(encoder, source, fitting, Views::shown, part)[0];
      },
      [&](std::int64_t begin, std::int64_t end, const at::Tensor& features) {
        out.slice(0, begin, end).copy_(features);
      });
  share_rows(options.group, {out}, fitting.batch);
  return out;
}

SourceEncoding::SourceEncoding(const Encoder& encoder, const ClipSource& source,
                               const EncodeOptions& options,
                               const std::vector<std::int64_t>& in_all_views)
    : encoder_(encoder),
      source_(source),
      options_(with_fitting_batch(options, encoder)),
      in_all_(in_all_views) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(source.size()));
  std::iota(all.begin(), all.end(), 0);
  std::set_difference(all.begin(), all.end(), in_all_.begin(), in_all_.end(),
                      std::back_inserter(in_one_));
  for (const auto i : all) features_.targets.push_back(source.target(i));
  features_.failures.resize(all.size());
  features_.tokens = empty_tokens(all.size(), encoder, source, options.clips);
  if (in_all_.empty()) return;
  for (int view = 1; view < source.views(); ++view)
    features_.more_views.push_back(empty_tokens(in_all_.size(), encoder, source, options.clips));
}

std::int64_t SourceEncoding::batches() const {
  return batches_of(in_one_, options_.batch) + batches_of(in_all_, options_.batch);
}

SourceEncoding::Batch SourceEncoding::batch(std::int64_t number) const {
  const std::int64_t in_one = batches_of(in_one_, options_.batch);
  Batch batch{.in_all_views = number >= in_one};
  const auto& samples = batch.in_all_views ? in_all_ : in_one_;
  batch.begin = (batch.in_all_views ? number - in_one : number) * options_.batch;
  batch.end = std::min(static_cast<std::int64_t>(samples.size()), batch.begin + options_.batch);
  return batch;
}

void SourceEncoding::encode(std::int64_t number, int readers) {
  const Batch mine = batch(number);
  const auto samples = std::span(mine.in_all_views ? in_all_ : in_one_)
                           .subspan(static_cast<std::size_t>(mine.begin),
                                    static_cast<std::size_t>(mine.end - mine.begin));
  std::vector<std::string> failures(samples.size());
  store(mine,
        encode_batch(encoder_, source_, options_, mine.in_all_views ? Views::all : Views::shown,
                     {.samples = samples, .failures = failures, .readers = readers}));
  for (std::size_t i = 0; i < samples.size(); ++i)
    features_.failures[static_cast<std::size_t>(samples[i])] = failures[i];
  if (options_.progress != nullptr) options_.progress->advance(mine.end - mine.begin);
}

at::Tensor SourceEncoding::rows_of(const Batch& batch) const {
  const auto& samples = batch.in_all_views ? in_all_ : in_one_;
  return at::tensor(at::ArrayRef(samples).slice(static_cast<std::size_t>(batch.begin),
                                                static_cast<std::size_t>(batch.end - batch.begin)),
                    at::kLong);
}

// Tokens go where their samples are among all of them.
void SourceEncoding::store(const Batch& batch, const std::vector<at::Tensor>& tokens) {
  const at::NoGradGuard no_grad;
  const auto shown = batch.in_all_views ? static_cast<std::size_t>(source_.view()) : 0;
  features_.tokens.index_copy_(0, rows_of(batch), tokens[shown]);
  for (std::size_t v = 0, next = 0; v < tokens.size(); ++v)
    if (v != shown) features_.more_views[next++].slice(0, batch.begin, batch.end).copy_(tokens[v]);
}

std::vector<at::Tensor> SourceEncoding::stored(const Batch& batch) const {
  std::vector<at::Tensor> tokens;
  if (batch.in_all_views)
    for (const auto& view : features_.more_views)
      tokens.push_back(view.slice(0, batch.begin, batch.end).clone());
  tokens.insert(tokens.begin() + (batch.in_all_views ? source_.view() : 0),
                features_.tokens.index_select(0, rows_of(batch)));
  return tokens;
}

void SourceEncoding::exchange() {
  if (options_.group == nullptr) return;
  const at::NoGradGuard no_grad;
  for (std::int64_t number = 0; number < batches(); ++number) {
    const auto from = static_cast<int>(number % options_.group->ranks());
    const Batch shared = batch(number);
    const std::vector<at::Tensor> tokens = stored(shared);
    for (const auto& view : tokens) options_.group->broadcast(view, from);
    if (from != options_.group->rank()) store(shared, tokens);
  }
  share_texts(options_.group, features_.failures);
}

LabelledFeatures SourceEncoding::finish() {
  exchange();
  require_frozen(encoder_);
  return std::move(features_);
}

LabelledFeatures encode_source(const Encoder& encoder, const ClipSource& source,
                               const EncodeOptions& options,
                               const std::vector<std::int64_t>& in_all_views) {
  SourceEncoding encoding(encoder, source, options, in_all_views);
  const std::int64_t batches = encoding.batches();
  const auto readers = static_cast<int>(options.threads / std::max<std::int64_t>(1, batches));
  for_my_pieces(options.group, batches, options.threads,
                [&](std::int64_t number) { encoding.encode(number, readers); });
  return encoding.finish();
}

}  // namespace permafrost
