// SPDX-License-Identifier: Apache-2.0
#include "models/network/joint_encode.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "common/error.h"
#include "common/machine/parallel.h"
#include "models/network/layers/attention_plans.h"
#include "models/network/layers/rope.h"

namespace permafrost {
namespace {

// Rows that go through the linear layers together, and queries that look at all keys together. A
// fixed number, as results must not depend on the machine.
constexpr std::int64_t kRows = 1024;

template <typename Use>
void in_chunks(std::int64_t rows, int threads, const Use& use) {
  parallel_for((rows + kRows - 1) / kRows, threads, [&](std::int64_t chunk) {
    const at::NoGradGuard no_grad;  // of this thread
    use(chunk * kRows, std::min(rows, (chunk + 1) * kRows));
  });
}

at::Tensor rows_of(const at::Tensor& x, std::int64_t begin, std::int64_t end) {
  return x.slice(1, begin, end);
}

// LibTorch's choice for a CPU may be a kernel that writes all scores down.
at::Tensor looked_up(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (q.is_cpu()) return std::get<0>(at::_scaled_dot_product_flash_attention_for_cpu(q, k, v));
  return mixture_of_values(q, k, v);
}

void scale_by(const at::Tensor& scale, at::Tensor& x) {
  if (scale.defined()) x = x * scale;
}

// One clip on its way through the blocks.
class JointRun {
 public:
  JointRun(const EncoderSpec& spec, at::Tensor x, const JointOptions& options)
      : spec_(spec), x_(std::move(x)), options_(options) {
    if (spec.depth == 0) return;  // pixels without a network
    const std::int64_t heads = spec.heads, n = x_.size(1), size = spec.width / heads;
    for (at::Tensor* part : {&q_, &k_, &v_}) *part = at::empty({1, heads, n, size}, x_.options());
  }

  void block(const BlockWeights& weights) {
    const std::int64_t n = x_.size(1);
    const int threads = options_.threads;
    in_chunks(n, threads,
              [&](std::int64_t begin, std::int64_t end) { project(weights, begin, end); });
    in_chunks(n, threads, [&](std::int64_t begin, std::int64_t end) {
      attend(weights, begin, end);
      feed(weights, begin, end);
      if (options_.done) options_.done(end - begin);
    });
  }

  at::Tensor& x() { return x_; }

 private:
  void project(const BlockWeights& weights, std::int64_t begin, std::int64_t end) {
    const at::Tensor normed = apply_norm(weights.norm1, rows_of(x_, begin, end), spec_.norm_eps);
    const auto parts = apply_linear(weights.qkv, normed)
                           .view({1, end - begin, 3, spec_.heads, spec_.width / spec_.heads})
                           .unbind(2);
    q_.slice(2, begin, end).copy_(turned(parts[0].transpose(1, 2), begin));
    k_.slice(2, begin, end).copy_(turned(parts[1].transpose(1, 2), begin));
    v_.slice(2, begin, end).copy_(parts[2].transpose(1, 2));
  }

  // Positions of patch tokens go on as far as the grid does; class and register tokens have none.
  at::Tensor turned(const at::Tensor& part, std::int64_t begin) const {
    if (spec_.positions != Positions::rope_3d) return part;
    const at::Tensor index =
        at::arange(begin, begin + part.size(2), at::TensorOptions(at::kLong).device(x_.device()))
            .unsqueeze(0);
    return rotated(part, rotation_for(spec_.width / spec_.heads, spec_.grid_t(), spec_.grid_h(),
                                      spec_.grid_w(), index, x_.device()));
  }

  // Queries of the chunk are not needed any more afterwards, rows of x are.
  void attend(const BlockWeights& weights, std::int64_t begin, std::int64_t end) {
    const at::Tensor mixed = looked_up(q_.slice(2, begin, end), k_, v_)
                                 .transpose(1, 2)
                                 .reshape({1, end - begin, spec_.width});
    at::Tensor branch = apply_linear(weights.proj, mixed);
    scale_by(weights.scale1, branch);
    rows_of(x_, begin, end).add_(branch);
  }

  void feed(const BlockWeights& weights, std::int64_t begin, std::int64_t end) {
    at::Tensor rows = rows_of(x_, begin, end);
    at::Tensor branch = apply_feed_forward(weights.mlp, spec_.feed_forward,
                                           apply_norm(weights.norm2, rows, spec_.norm_eps));
    scale_by(weights.scale2, branch);
    rows.add_(branch);
  }

  const EncoderSpec& spec_;
  at::Tensor x_;          // [1,N,D]
  at::Tensor q_, k_, v_;  // [1,heads,N,D/heads]
  const JointOptions& options_;
};

// Class and register tokens, [1,E,D], as encode() puts them in front.
std::vector<at::Tensor> extra_tokens(const VitWeights& weights, const EncoderSpec& spec) {
  std::vector<at::Tensor> extra;
  if (spec.class_token)
    extra.push_back(weights.pos_is_weight ? weights.cls_token + weights.pos_embed.slice(1, 0, 1)
                                          : weights.cls_token);
  if (spec.registers > 0) extra.push_back(weights.register_tokens);
  return extra;
}

}  // namespace

void JointEncoding::add(const at::Tensor& patches) {
  const at::NoGradGuard no_grad;
  // Chunks of frames may be of any number of tokens; those of one size round alike.
  in_chunks(patches.size(1), 1, [&](std::int64_t begin, std::int64_t end) {
    parts_.push_back(apply_linear(weights_.patch_embed, rows_of(patches, begin, end)));
  });
  tokens_ += patches.size(1);
}

at::Tensor JointEncoding::finish(const VitWeights& weights, const EncoderSpec& spec,
                                 const JointOptions& options) {
  const at::NoGradGuard no_grad;
  if (spec.per_frame)
    throw InputError("encoder", "window", "a number of frames: an encoder of images",
                     "all frames at once", "it sees every frame by itself");
  if (tokens_ != spec.tokens())
    throw Error("joint encoding: " + std::to_string(tokens_) + " tokens for a grid of " +
                std::to_string(spec.tokens()));
  const std::int64_t extra = spec.extra_tokens();
  std::vector<at::Tensor> all = extra_tokens(weights, spec);
  all.insert(all.end(), parts_.begin(), parts_.end());
  parts_.clear();
  at::Tensor x = at::cat(all, 1);
  all.clear();
  if (weights.pos_embed.defined()) {
    const std::int64_t rows = weights.pos_embed.size(1);
    x.slice(1, extra).add_(weights.pos_embed.slice(1, rows - tokens_, rows));
  }
  JointRun run(spec, std::move(x), options);
  for (const auto& block : weights.blocks) run.block(block);
  if (weights.norm.weight.defined())
    in_chunks(run.x().size(1), options.threads, [&](std::int64_t begin, std::int64_t end) {
      at::Tensor rows = rows_of(run.x(), begin, end);
      rows.copy_(apply_norm(weights.norm, rows, spec.norm_eps));
    });
  return options.tokens == Tokens::all ? run.x() : run.x().slice(1, extra);
}

double joint_bytes(const EncoderSpec& spec, double tokens, int threads) {
  // Float32 a token: the row itself, query, key, value, the row of the position table, and what was
  // needed to make rows and table and is not given back: measured at 100,080 tokens, it is less
  // than two rows.
  const double rows = 6.0 + (spec.positions == Positions::rope_3d ? 0.0 : 1.0);
  // Of a chunk: what the widest layer makes, several times over, and patches.
  const double chunk = std::max(1, threads) * static_cast<double>(kRows) *
                       (8.0 * spec.width + 4.0 * spec.hidden() + 2.0 * spec.patch_values());
  return 4.0 * (rows * tokens * spec.width + chunk);
}

}  // namespace permafrost
