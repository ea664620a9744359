// SPDX-License-Identifier: Apache-2.0
#pragma once

// Loops over float32 in memory that training of heads spends its time in, compiled for several
// instruction sets, of which one is chosen when the program runs. They use the calling thread
// alone.
//
//   const Kernels& k = kernels();
//   k.product({.rows = 8, .columns = 64, .depth = 144, ...});
//
// Matrices are given by the distance of their rows; the values of a row lie side by side.
#include <cstdint>
#include <string>
#include <vector>

namespace permafrost {

// C [rows,columns] = A B, or C += A B. A may lie in any order: a(i,k) = a[i*a_row + k*a_depth].
struct Product {
  std::int64_t rows = 0, columns = 0, depth = 0;
  const float* a = nullptr;
  std::int64_t a_row = 0, a_depth = 1;
  const float* b = nullptr;  // [depth,columns]
  std::int64_t b_row = 0;
  float* c = nullptr;
  std::int64_t c_row = 0;
  bool add = false;
};

// One block of a softmax over a row that is seen block by block.
struct SoftmaxBlock {
  std::int64_t rows = 0, count = 0;  // `count` scores a row; behind them zeros are written
  float* scores = nullptr;           // become exp(score - largest so far)
  std::int64_t scores_row = 0;       // a multiple of kMostLanes, at least `count`
  // [rows], of the blocks so far, -infinity and 0 before the first: largest score, sum of the
  // exponentials against it.
  float* largest = nullptr;
  float* sum = nullptr;
  // [rows,width], sums weighted by the exponentials so far: scaled where `largest` grows.
  float* weighted = nullptr;
  std::int64_t weighted_row = 0, width = 0;
};

// Rows of a layer norm (eps 1e-5) with weight and bias [width].
struct NormRows {
  std::int64_t rows = 0, width = 0;
  const float* weight = nullptr;
  const float* bias = nullptr;
  float* standardised = nullptr;  // [rows,width]
  float* inverse = nullptr;       // [rows] one over the deviation
};

struct AdamWStep {
  float scale = 1;  // of the gradient
  float rate = 0, decay = 0;
  float bias1 = 1, bias2 = 1;  // 1 - 0.9^t, 1 - 0.999^t
};

struct Kernels {
  const char* name;  // "avx512"
  void (*product)(const Product& product);
  // [rows,columns] to [columns,to_row], the columns behind `rows` zero.
  void (*transpose)(const float* from, std::int64_t from_row, std::int64_t rows,
                    std::int64_t columns, float* to, std::int64_t to_row);
  void (*softmax_block)(const SoftmaxBlock& block);
  // Gradient at the scores: weights[j,n] * scale[j] * (gradient[j,n] - mean[j]), into `gradient`.
  void (*softmax_gradient)(const float* weights, const float* scale, const float* mean,
                           float* gradient, std::int64_t rows, std::int64_t row,
                           std::int64_t count);
  // gelu(x + bias) of every row, and its derivative where one is asked for.
  void (*gelu)(float* x, const float* bias, std::int64_t rows, std::int64_t width,
               float* derivative);
  void (*norm)(const NormRows& norm, const float* x, float* out);
  // Adds to `into` [rows,width] and to those of weight and bias; `gradient` is that of the output.
  void (*norm_gradient)(const NormRows& norm, const float* gradient, float* into,
                        float* weight_gradient, float* bias_gradient);
  void (*fill_rows)(const float* row, std::int64_t rows, std::int64_t width, float* to);
  // sum[i] += over rows of x[.,i].
  void (*add_rows)(const float* x, std::int64_t rows, std::int64_t width, float* sum);
  void (*multiply)(const float* x, std::int64_t count, float* to);  // to *= x
  void (*scale)(float factor, std::int64_t count, float* x);        // x *= factor
  // to += factor x, to += x y.
  void (*add_scaled)(float factor, const float* x, std::int64_t count, float* to);
  void (*add_products)(const float* x, const float* y, std::int64_t count, float* to);
  // to [width] = sum over j of factors[j] * (rows[j] + biases[j]), in order of j; no biases: null.
  void (*weighted_sum)(const float* const* rows, const float* const* biases, const float* factors,
                       std::int64_t count, std::int64_t width, float* to);
  // The dot product of gradient and states; the gradient then becomes gate * derivative times it.
  float (*gated_gradient)(float gate, const float* states, const float* derivative,
                          std::int64_t count, float* gradient);
  float (*dot)(const float* x, const float* y, std::int64_t count);
  void (*adamw)(const AdamWStep& step, std::int64_t count, float* value, const float* gradient,
                float* first, float* second);
};

inline constexpr std::int64_t kMostLanes = 16;

// For the instruction set that LibTorch's own loops take: the processor's best, or less by the
// environment variable ATEN_CPU_CAPABILITY. Records name it.
const Kernels& kernels();
// `capability` as LibTorch says it ("AVX512", "AVX2", "DEFAULT"); never more than the processor
// has.
const Kernels& kernels_for(const std::string& capability);
// All that this processor runs, the plainest first.
std::vector<const Kernels*> runnable_kernels();

}  // namespace permafrost
