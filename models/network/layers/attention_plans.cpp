// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/attention_plans.h"

#include <ATen/ATen.h>
#include <ATen/SDPBackend.h>

namespace permafrost {
namespace {

// 0.13 s for two plans over a fifth that they save, of FlashAttention's forward and backward pass
// (three forward ones) at 116 TFLOP/s: measured on an H200 (docs/pretraining.md).
constexpr double kOperationsOfAPlan = 0.13 / 0.2 * 116e12 / 3;

double operations_of(const AttentionShape& shape) {
  const auto [samples, heads, queries, keys, values] = shape;
  // Scores and their mixture, two operations a multiplication with its addition.
  return 4.0 * static_cast<double>(samples * heads) * static_cast<double>(queries * keys) *
         static_cast<double>(values);
}

// cuDNN's plans are a thread's own in LibTorch.
struct ThisThread {
  int scopes = 0;
  AttentionPlans plans;
};

thread_local ThisThread this_thread;

bool is_planned_by_default(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return q.is_cuda() && at::_fused_sdp_choice(q, k, v) ==
                            static_cast<std::int64_t>(at::SDPBackend::cudnn_attention);
}

}  // namespace

bool AttentionPlans::pays(const AttentionShape& shape) {
  double& operations = operations_[shape];
  if (operations >= kOperationsOfAPlan) return true;
  operations += operations_of(shape);
  return false;
}

ChangingShapes::ChangingShapes() { ++this_thread.scopes; }
ChangingShapes::~ChangingShapes() { --this_thread.scopes; }

at::Tensor mixture_of_values(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (this_thread.scopes > 0 && is_planned_by_default(q, k, v) &&
      !this_thread.plans.pays({q.size(0), q.size(1), q.size(2), k.size(2), q.size(3)}))
    return std::get<0>(at::_scaled_dot_product_flash_attention(q, k, v));
  return at::scaled_dot_product_attention(q, k, v);
}

}  // namespace permafrost
