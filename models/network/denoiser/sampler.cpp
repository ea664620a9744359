// SPDX-License-Identifier: Apache-2.0
#include "models/network/denoiser/sampler.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "common/error.h"
#include "common/machine/parallel.h"
#include "models/network/layers/linear.h"
#include "models/network/position.h"
#include "models/network/vit.h"

namespace permafrost {
namespace {

void require_divisible(int whole, int part, const std::string& where, const char* field,
                       const char* what) {
  if (whole < part || whole % part != 0)
    throw InputError(where, field,
                     "a multiple of " + std::to_string(part) + ", " + what + " of this denoiser",
                     std::to_string(whole));
}

// Clips that are computed together. Rounding inside a product may depend on how many rows it has,
// so a group is always whole, even where fewer clips are wanted, and its size depends on the shape
// of the clip alone.
std::int64_t group_size(const EncoderSpec& network) {
  constexpr std::int64_t kTokensTogether = 1152;  // 8 clips of the suite pico
  return std::clamp<std::int64_t>(kTokensTogether / network.tokens(), 1, 8);
}

// Pixels uint8 [B,T,H,W,3] of the clips of group `number`; undefined where it was told to stop.
at::Tensor sampled_group(const Denoiser& denoiser, const Sampling& sampling, std::int64_t number) {
  const DenoiserSpec& spec = denoiser.spec;
  const std::int64_t size = group_size(spec.network);
  const at::Device device = denoiser.weights.final.weight.device();
  std::vector<at::Tensor> rows;
  for (std::int64_t i = 0; i < size; ++i)
    rows.push_back(noise_of_clip(spec, sampling.seed, number * size + i));
  const Field field = [&](const at::Tensor& x, double time) {
    const at::Tensor times = at::full({size}, time, x.options().dtype(at::kFloat));
    return denoise(denoiser.weights, spec, denoiser.space, x, times);
  };
  const at::Tensor x = solved(field, spec, at::cat(rows).to(device), sampling.solver);
  if (!x.defined()) return {};
  return pixels_of(to_patches(denoiser.space, x).to(at::kCPU), spec.network);
}

Clip clip_of(const at::Tensor& pixels, const ClipShape& shape) {
  Clip clip(shape);
  std::copy_n(pixels.data_ptr<std::uint8_t>(), shape.bytes(), clip.pixels.begin());
  return clip;
}

}  // namespace

Denoiser at_size(const Denoiser& denoiser, const ClipShape& shape, const std::string& where) {
  Denoiser out = denoiser;
  EncoderSpec& network = out.spec.network;
  require_divisible(shape.frames, network.tubelet, where, "frames", "the frames of a token");
  require_divisible(shape.height, network.patch, where, "height", "the patches");
  require_divisible(shape.width, network.patch, where, "width", "the patches");
  if (network.clip_shape() == shape) return out;
  network.frames = shape.frames;
  network.height = shape.height;
  network.image_width = shape.width;
  network = read_encoder_spec(to_json(network), where);
  out.weights.pos_embed = make_positions(network);
  if (out.weights.pos_embed.defined())
    out.weights.pos_embed = out.weights.pos_embed.to(denoiser.weights.pos_embed.options());
  return out;
}

Denoiser to_device(const Denoiser& denoiser, const at::Device& device) {
  Denoiser out = denoiser;
  const TensorVisitor move = [&](const std::string&, at::Tensor& t) { t = t.to(device); };
  visit(out.weights, move);
  visit_tables(out.weights, move);
  visit(out.space, move);
  return out;
}

at::Tensor noise_of_clip(const DenoiserSpec& spec, std::uint64_t seed, std::int64_t index) {
  RandomStream stream(
      {.seed = seed, .purpose = "sample", .sample = static_cast<std::uint64_t>(index)});
  return normal_tensor({1, spec.network.tokens(), spec.outputs}, 1, stream);
}

at::Tensor through_space(const Denoiser& denoiser, const at::Tensor& pixels) {
  constexpr std::int64_t kClipsTogether = 16;
  const at::NoGradGuard no_grad;
  at::Tensor kept = at::empty_like(pixels);
  for (std::int64_t begin = 0; begin < pixels.size(0); begin += kClipsTogether) {
    const auto part = [&](const at::Tensor& clips) {
      return clips.slice(0, begin, std::min(clips.size(0), begin + kClipsTogether));
    };
    const at::Tensor x =
        to_coordinates(denoiser.space, patchify(part(pixels), denoiser.spec.network));
    part(kept).copy_(pixels_of(to_patches(denoiser.space, x), denoiser.spec.network));
  }
  return kept;
}

std::vector<Clip> sampled_clips(const Denoiser& denoiser, const Sampling& sampling,
                                std::int64_t count) {
  const ClipShape shape = denoiser.spec.network.clip_shape();
  const std::int64_t size = group_size(denoiser.spec.network), groups = (count + size - 1) / size;
  std::vector<Clip> clips(static_cast<std::size_t>(count));
  parallel_for(groups, sampling.threads, [&](std::int64_t number) {
    const at::Tensor pixels = sampled_group(denoiser, sampling, number);
    if (!pixels.defined()) return;
    const std::int64_t first = number * size, wanted = std::min(size, count - first);
    for (std::int64_t i = 0; i < wanted; ++i)
      clips[static_cast<std::size_t>(first + i)] = clip_of(pixels[i], shape);
    if (sampling.done) sampling.done(wanted);
  });
  std::erase_if(clips, [](const Clip& clip) { return clip.pixels.empty(); });
  return clips;
}

}  // namespace permafrost
