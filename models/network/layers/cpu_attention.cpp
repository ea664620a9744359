// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/cpu_attention.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>
#include <vector>

#include "models/kernels/kernels.h"

namespace permafrost {
namespace {

namespace autograd = torch::autograd;

thread_local int without_gradients = 0;  // scopes alive on this thread

// Sizes, and where things lie.
struct Layout {
  std::int64_t batch, tokens, first, heads, size;  // size: values of a head

  Layout(const at::Tensor& qkv, std::int64_t head_count, std::int64_t first_token)
      : batch(qkv.size(0)),
        tokens(qkv.size(1)),
        first(first_token),
        heads(head_count),
        size(qkv.size(2) / (3 * head_count)) {}

  std::int64_t asked() const { return tokens - first; }  // rows of queries
  std::int64_t width() const { return heads * size; }
  std::int64_t row() const { return 3 * width(); }  // of qkv
  // Of a row of weights: with room for whole vectors.
  std::int64_t padded() const { return (tokens + kMostLanes - 1) / kMostLanes * kMostLanes; }
  std::int64_t weights_of_a_head() const { return asked() * padded(); }
  float scale() const { return 1 / std::sqrt(static_cast<float>(size)); }

  // Of clip b and head h: into qkv, the output, and the weights.
  std::int64_t queries(std::int64_t b, std::int64_t h) const {
    return (b * tokens + first) * row() + h * size;
  }
  std::int64_t keys(std::int64_t b, std::int64_t h) const {
    return b * tokens * row() + width() + h * size;
  }
  std::int64_t values(std::int64_t b, std::int64_t h) const { return keys(b, h) + width(); }
  std::int64_t out(std::int64_t b, std::int64_t h) const {
    return b * asked() * width() + h * size;
  }
  std::int64_t weights(std::int64_t b, std::int64_t h) const {
    return (b * heads + h) * weights_of_a_head();
  }
};

// [asked,padded] = the softmax of queries times keys; `turned` has room for [size,padded].
void weigh(const Layout& at, const float* queries, const float* keys, float* turned,
           float* weights) {
  const Kernels& k = kernels();
  k.transpose(keys, at.row(), at.tokens, at.size, turned, at.padded());
  k.scale(at.scale(), at.size * at.padded(), turned);
  k.product({.rows = at.asked(),
             .columns = at.padded(),
             .depth = at.size,
             .a = queries,
             .a_row = at.row(),
             .b = turned,
             .b_row = at.padded(),
             .c = weights,
             .c_row = at.padded()});
  for (std::int64_t row = 0; row < at.asked(); ++row) {
    float largest = -std::numeric_limits<float>::infinity(), sum = 0;
    float* scores = weights + row * at.padded();
    k.softmax_block({.rows = 1,
                     .count = at.tokens,
                     .scores = scores,
                     .scores_row = at.padded(),
                     .largest = &largest,
                     .sum = &sum});
    k.scale(1 / sum, at.tokens, scores);
  }
}

// The output [B,asked,D], and in `kept` [B,heads,asked,padded] the weights where it is defined.
at::Tensor forward_of(const Layout& at, const at::Tensor& qkv, const at::Tensor& kept) {
  at::Tensor out = at::empty({at.batch, at.asked(), at.width()}, qkv.options());
  std::vector<float> turned(static_cast<std::size_t>(at.size * at.padded()));
  std::vector<float> scratch(kept.defined() ? 0 : static_cast<std::size_t>(at.weights_of_a_head()));
  const float* in = qkv.const_data_ptr<float>();
  for (std::int64_t b = 0; b < at.batch; ++b)
    for (std::int64_t h = 0; h < at.heads; ++h) {
      float* weights = kept.defined() ? kept.data_ptr<float>() + at.weights(b, h) : scratch.data();
      weigh(at, in + at.queries(b, h), in + at.keys(b, h), turned.data(), weights);
      kernels().product({.rows = at.asked(),
                         .columns = at.size,
                         .depth = at.tokens,
                         .a = weights,
                         .a_row = at.padded(),
                         .b = in + at.values(b, h),
                         .b_row = at.row(),
                         .c = out.data_ptr<float>() + at.out(b, h),
                         .c_row = at.width()});
    }
  return out;
}

// From the gradient at the weights of a head, [asked,padded], that at its scores before the scale.
void through_softmax(const Layout& at, const float* weights, float* gradient) {
  const Kernels& k = kernels();
  const float scale = at.scale();
  for (std::int64_t row = 0; row < at.asked(); ++row) {
    const float* w = weights + row * at.padded();
    float* g = gradient + row * at.padded();
    const float mean = k.dot(w, g, at.tokens);
    k.softmax_gradient(w, &scale, &mean, g, 1, at.padded(), at.tokens);
  }
}

// One clip and head: gradients of queries, keys and values into `to` (as qkv) from that of the
// output; `turned` [size,padded] and `scores` [asked,padded] are room.
struct HeadGradient {
  const Layout& at;
  const float* qkv;
  const float* kept;
  const float* gradient;
  float* to;
  float* turned;
  float* scores;

  void operator()(std::int64_t b, std::int64_t h) const {
    const Kernels& k = kernels();
    const float* weights = kept + at.weights(b, h);
    const float* out = gradient + at.out(b, h);
    k.transpose(qkv + at.values(b, h), at.row(), at.tokens, at.size, turned, at.padded());
    k.product({.rows = at.asked(),
               .columns = at.padded(),
               .depth = at.size,
               .a = out,
               .a_row = at.width(),
               .b = turned,
               .b_row = at.padded(),
               .c = scores,
               .c_row = at.padded()});
    through_softmax(at, weights, scores);
    k.product(over_queries(weights, out, at.width(), to + at.values(b, h)));
    k.product(over_queries(scores, qkv + at.queries(b, h), at.row(), to + at.keys(b, h)));
    k.product({.rows = at.asked(),
               .columns = at.size,
               .depth = at.tokens,
               .a = scores,
               .a_row = at.padded(),
               .b = qkv + at.keys(b, h),
               .b_row = at.row(),
               .c = to + at.queries(b, h),
               .c_row = at.row()});
  }

 private:
  // The transpose of [asked,tokens] times rows [asked,size].
  Product over_queries(const float* by, const float* rows, std::int64_t row, float* into) const {
    return {.rows = at.tokens,
            .columns = at.size,
            .depth = at.asked(),
            .a = by,
            .a_row = 1,
            .a_depth = at.padded(),
            .b = rows,
            .b_row = row,
            .c = into,
            .c_row = at.row()};
  }
};

at::Tensor gradient_of(const Layout& at, const at::Tensor& qkv, const at::Tensor& kept,
                       const at::Tensor& gradient) {
  // Tokens before the first have no queries.
  at::Tensor to = at.first > 0 ? at::zeros_like(qkv) : at::empty_like(qkv);
  std::vector<float> turned(static_cast<std::size_t>(at.size * at.padded()));
  std::vector<float> scores(static_cast<std::size_t>(at.weights_of_a_head()));
  const HeadGradient of_head{at,
                             qkv.const_data_ptr<float>(),
                             kept.const_data_ptr<float>(),
                             gradient.const_data_ptr<float>(),
                             to.data_ptr<float>(),
                             turned.data(),
                             scores.data()};
  for (std::int64_t b = 0; b < at.batch; ++b)
    for (std::int64_t h = 0; h < at.heads; ++h) of_head(b, h);
  return to;
}

struct CpuAttention : autograd::Function<CpuAttention> {
  static at::Tensor forward(autograd::AutogradContext* context, const at::Tensor& qkv,
                            std::int64_t heads, std::int64_t first) {
    const Layout layout(qkv, heads, first);
    const at::Tensor kept =
        at::empty({layout.batch, heads, layout.asked(), layout.padded()}, qkv.options());
    context->save_for_backward({qkv, kept});
    context->saved_data["heads"] = heads;
    context->saved_data["first"] = first;
    return forward_of(layout, qkv, kept);
  }

  static autograd::variable_list backward(autograd::AutogradContext* context,
                                          const autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Layout layout(saved[0], context->saved_data["heads"].toInt(),
                        context->saved_data["first"].toInt());
    return {gradient_of(layout, saved[0], saved[1], gradients[0].contiguous()), at::Tensor(),
            at::Tensor()};
  }
};

bool is_trained(const at::Tensor& qkv) { return at::GradMode::is_enabled() && qkv.requires_grad(); }

}  // namespace

AttentionWithoutGradients::AttentionWithoutGradients() { ++without_gradients; }
AttentionWithoutGradients::~AttentionWithoutGradients() { --without_gradients; }

bool has_cpu_attention(const at::Tensor& qkv) {
  return qkv.is_cpu() && qkv.scalar_type() == at::kFloat && qkv.layout() == at::kStrided &&
         qkv.numel() > 0 && qkv.size(1) <= kMostAttended &&
         (is_trained(qkv) || without_gradients > 0);
}

at::Tensor cpu_attention(const at::Tensor& qkv, std::int64_t heads, std::int64_t first) {
  const at::Tensor whole = qkv.contiguous();
  if (is_trained(whole)) return CpuAttention::apply(whole, heads, first);
  return forward_of(Layout(whole, heads, first), whole, {});
}

}  // namespace permafrost
