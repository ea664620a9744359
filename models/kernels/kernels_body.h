// SPDX-License-Identifier: Apache-2.0

// The code of kernels.h, included by one file for each instruction set, which defines
//   PERMAFROST_LANES   values in a vector register: 4, 8 or 16
//   PERMAFROST_PANEL   registers of a row that a block of a product computes at once
//   PERMAFROST_KERNELS the name of the table of functions, PERMAFROST_NAME as text
// Nothing here may be an inline function that another file has too: the linker would keep one of
// them, perhaps that for a processor which is not there. So nothing of the standard library is
// called.
#include <cstdint>

#include "models/kernels/kernels.h"

namespace permafrost {
namespace {

using Index = std::int64_t;
constexpr Index kLanes = PERMAFROST_LANES;

typedef float Vector __attribute__((vector_size(4 * PERMAFROST_LANES)));
typedef std::uint32_t Whole __attribute__((vector_size(4 * PERMAFROST_LANES)));
typedef Vector Loose __attribute__((aligned(4), may_alias));

[[gnu::always_inline]] inline Vector load(const float* p) {
  return *reinterpret_cast<const Loose*>(p);
}
[[gnu::always_inline]] inline void store(float* p, Vector v) { *reinterpret_cast<Loose*>(p) = v; }
[[gnu::always_inline]] inline Vector all(float value) { return value - Vector{}; }

// The first `count` of a vector; the others zero.
[[gnu::always_inline]] inline Vector load_some(const float* p, Index count) {
  Vector v{};
  for (Index i = 0; i < count; ++i) v[i] = p[i];
  return v;
}
[[gnu::always_inline]] inline void store_some(float* p, Vector v, Index count) {
  for (Index i = 0; i < count; ++i) p[i] = v[i];
}

[[gnu::always_inline]] inline Vector larger(Vector a, Vector b) { return a > b ? a : b; }

[[gnu::always_inline]] inline float sum_of(Vector v) {
  float parts[kLanes];
  store(parts, v);
  for (Index step = kLanes / 2; step > 0; step /= 2)
    for (Index i = 0; i < step; ++i) parts[i] += parts[i + step];
  return parts[0];
}

// Does `work(i, n)` for the vectors that cover `count` values: n is kLanes, in the last perhaps
// fewer.
template <typename Work>
[[gnu::always_inline]] inline void over(Index count, const Work& work) {
  Index i = 0;
  for (; i + kLanes <= count; i += kLanes) work(i, kLanes);
  if (i < count) work(i, count - i);
}
[[gnu::always_inline]] inline Vector load_n(const float* p, Index n) {
  return n == kLanes ? load(p) : load_some(p, n);
}
[[gnu::always_inline]] inline void store_n(float* p, Vector v, Index n) {
  if (n == kLanes)
    store(p, v);
  else
    store_some(p, v, n);
}

// --- products ------------------------------------------------------------------------------------

template <int R, int P>
void block(const Product& p, Index row, Index column) {
  Vector sums[R][P];
  float* c = p.c + row * p.c_row + column;
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < P; ++v) sums[r][v] = p.add ? load(c + r * p.c_row + v * kLanes) : Vector{};
  const float* a = p.a + row * p.a_row;
  const float* b = p.b + column;
  const Index a_row = p.a_row;
  for (Index k = 0; k < p.depth; ++k, a += p.a_depth, b += p.b_row) {
    Vector right[P];
#pragma GCC unroll 8
    for (int v = 0; v < P; ++v) right[v] = load(b + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Vector left = all(a[r * a_row]);
#pragma GCC unroll 8
      for (int v = 0; v < P; ++v) sums[r][v] += left * right[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < P; ++v) store(c + r * p.c_row + v * kLanes, sums[r][v]);
}

// Rows in blocks of at most six, as equal as can be.
template <int P>
void panel(const Product& p, Index column) {
  for (Index row = 0; row < p.rows;) {
    const Index left = p.rows - row, blocks = (left + 5) / 6, size = (left + blocks - 1) / blocks;
    switch (size) {
      case 1:
        block<1, P>(p, row, column);
        break;
      case 2:
        block<2, P>(p, row, column);
        break;
      case 3:
        block<3, P>(p, row, column);
        break;
      case 4:
        block<4, P>(p, row, column);
        break;
      case 5:
        block<5, P>(p, row, column);
        break;
      default:
        block<6, P>(p, row, column);
    }
    row += size;
  }
}

// Fewer columns than a vector has: copied to where there is room for a whole one.
void narrow_panel(const Product& p, Index column) {
  constexpr Index kDepth = 128, kRows = 6;
  const Index count = p.columns - column;
  float right[kDepth * kLanes], out[kRows * kLanes];
  for (Index begin = 0; begin == 0 || begin < p.depth; begin += kDepth) {
    const Index depth = p.depth - begin < kDepth ? p.depth - begin : kDepth;
    for (Index k = 0; k < depth; ++k)
      store(right + k * kLanes, load_some(p.b + (begin + k) * p.b_row + column, count));
    for (Index row = 0; row < p.rows; row += kRows) {
      const Index rows = p.rows - row < kRows ? p.rows - row : kRows;
      float* c = p.c + row * p.c_row + column;
      for (Index r = 0; r < rows; ++r) store(out + r * kLanes, load_some(c + r * p.c_row, count));
      panel<1>({.rows = rows,
                .columns = kLanes,
                .depth = depth,
                .a = p.a + row * p.a_row + begin * p.a_depth,
                .a_row = p.a_row,
                .a_depth = p.a_depth,
                .b = right,
                .b_row = kLanes,
                .c = out,
                .c_row = kLanes,
                .add = p.add || begin > 0},
               0);
      for (Index r = 0; r < rows; ++r) store_some(c + r * p.c_row, load(out + r * kLanes), count);
    }
  }
}

void product(const Product& p) {
  Index column = 0;
  for (; column + PERMAFROST_PANEL * kLanes <= p.columns; column += PERMAFROST_PANEL * kLanes)
    panel<PERMAFROST_PANEL>(p, column);
#if PERMAFROST_PANEL > 2
  for (; column + 2 * kLanes <= p.columns; column += 2 * kLanes) panel<2>(p, column);
#endif
  for (; column + kLanes <= p.columns; column += kLanes) panel<1>(p, column);
  if (column < p.columns) narrow_panel(p, column);
}

// --- transposition -------------------------------------------------------------------------------

#if PERMAFROST_LANES == 16
#define PERMAFROST_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define PERMAFROST_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif PERMAFROST_LANES == 8
#define PERMAFROST_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define PERMAFROST_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define PERMAFROST_LOW 0, 4, 1, 5
#define PERMAFROST_HIGH 2, 6, 3, 7
#endif

// A square of kLanes rows: row i and row i + kLanes/2 are shuffled into each other like two halves
// of a deck of cards, log2(kLanes) times.
void transpose_square(const float* from, Index from_row, float* to, Index to_row) {
  Vector rows[kLanes], mixed[kLanes];
#pragma GCC unroll 16
  for (Index i = 0; i < kLanes; ++i) rows[i] = load(from + i * from_row);
#pragma GCC unroll 4
  for (Index step = 1; step < kLanes; step *= 2) {
#pragma GCC unroll 8
    for (Index i = 0; i < kLanes / 2; ++i) {
      mixed[2 * i] = __builtin_shufflevector(rows[i], rows[i + kLanes / 2], PERMAFROST_LOW);
      mixed[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + kLanes / 2], PERMAFROST_HIGH);
    }
#pragma GCC unroll 16
    for (Index i = 0; i < kLanes; ++i) rows[i] = mixed[i];
  }
#pragma GCC unroll 16
  for (Index i = 0; i < kLanes; ++i) store(to + i * to_row, rows[i]);
}

void transpose(const float* from, Index from_row, Index rows, Index columns, float* to,
               Index to_row) {
  const Index whole_rows = rows / kLanes * kLanes, whole_columns = columns / kLanes * kLanes;
  for (Index i = 0; i < whole_rows; i += kLanes)
    for (Index j = 0; j < whole_columns; j += kLanes)
      transpose_square(from + i * from_row + j, from_row, to + j * to_row + i, to_row);
  for (Index j = 0; j < columns; ++j) {
    for (Index i = j < whole_columns ? whole_rows : 0; i < rows; ++i)
      to[j * to_row + i] = from[i * from_row + j];
    for (Index i = rows; i < to_row; ++i) to[j * to_row + i] = 0;
  }
}

// --- exponentials --------------------------------------------------------------------------------

// exp of x <= 0 to 1e-7 of it: 2^n e^r with |r| <= ln(2)/2 and Taylor's polynomial of degree 7.
// Below -87 it is exp(-87), about the smallest normal number. NaN stays NaN.
[[gnu::always_inline]] inline Vector exponential(Vector x) {
  x = x < all(-87.0F) ? all(-87.0F) : x;
  const Vector magic = all(12582912.0F);  // 1.5 * 2^23: what is added to it is rounded
  const Vector shifted = x * 1.44269504F + magic;
  const Vector n = shifted - magic;
  const Vector r = (x - n * 0.693359375F) - n * -2.12194440e-4F;  // ln(2) in two parts
  Vector y = all(1.0F / 5040);
  y = y * r + 1.0F / 720;
  y = y * r + 1.0F / 120;
  y = y * r + 1.0F / 24;
  y = y * r + 1.0F / 6;
  y = y * r + 0.5F;
  y = y * r + 1.0F;
  y = y * r + 1.0F;
  // The lowest bits of `shifted` are n: moved into the exponent of y. Of what is no number, and of
  // lanes that nobody looks at, they wrap around.
  const Whole bits = reinterpret_cast<Whole>(y) + (reinterpret_cast<Whole>(shifted) << 23);
  return x == x ? reinterpret_cast<Vector>(bits) : x;
}

float largest_of(const float* x, Index count) {
  Vector most = all(-__builtin_inff());
  over(count, [&](Index i, Index n) {
    if (n == kLanes) {
      most = larger(load(x + i), most);
    } else {
      for (Index k = 0; k < n; ++k) most[k] = x[i + k] > most[k] ? x[i + k] : most[k];
    }
  });
  float value = most[0];
  for (Index k = 1; k < kLanes; ++k) value = most[k] > value ? most[k] : value;
  return value;
}

void multiply_by(float factor, Index count, float* x) {
  over(count, [&](Index i, Index n) { store_n(x + i, load_n(x + i, n) * factor, n); });
}

void softmax_block(const SoftmaxBlock& s) {
  for (Index j = 0; j < s.rows; ++j) {
    float* x = s.scores + j * s.scores_row;
    const float here = largest_of(x, s.count), before = s.largest[j];
    const float most = here > before ? here : before;
    if (most > before && s.sum[j] > 0) {
      const float factor = exponential(all(before - most))[0];
      s.sum[j] *= factor;
      multiply_by(factor, s.width, s.weighted + j * s.weighted_row);
    }
    Vector sum{};
    const Vector shift = all(most);
    over(s.count, [&](Index i, Index n) {
      Vector e = exponential(load(x + i) - shift);
      for (Index k = n; k < kLanes; ++k) e[k] = 0;
      store(x + i, e);
      sum += e;
    });
    for (Index i = (s.count + kLanes - 1) / kLanes * kLanes; i < s.scores_row; ++i) x[i] = 0;
    s.largest[j] = most;
    s.sum[j] += sum_of(sum);
  }
}

void softmax_gradient(const float* weights, const float* scale, const float* mean, float* gradient,
                      Index rows, Index row, Index count) {
  for (Index j = 0; j < rows; ++j) {
    const float* w = weights + j * row;
    float* g = gradient + j * row;
    over(count, [&](Index i, Index n) {
      store_n(g + i, load_n(w + i, n) * scale[j] * (load_n(g + i, n) - mean[j]), n);
    });
  }
}

// The normal distribution by formula 7.1.26 of Abramowitz and Stegun's Handbook (1964), to 1e-7.
void gelu(float* x, const float* bias, Index rows, Index width, float* derivative) {
  for (Index row = 0; row < rows; ++row, x += width) {
    over(width, [&](Index i, Index n) {
      const Vector h = load_n(x + i, n) + load_n(bias + i, n);
      const Vector size = h < Vector{} ? -h : h;
      const Vector bell = exponential(-0.5F * h * h);
      const Vector t = 1.0F / (1.0F + 0.3275911F * 0.70710678F * size);
      Vector tail = all(1.061405429F);
      tail = tail * t - 1.453152027F;
      tail = tail * t + 1.421413741F;
      tail = tail * t - 0.284496736F;
      tail = tail * t + 0.254829592F;
      tail = 0.5F * tail * t * bell;
      const Vector below = h < Vector{} ? tail : 1.0F - tail;
      store_n(x + i, h * below, n);
      if (derivative) store_n(derivative + i, below + h * bell * 0.39894228F, n);
    });
    if (derivative) derivative += width;
  }
}

// --- rows ----------------------------------------------------------------------------------------

float dot(const float* x, const float* y, Index count) {
  Vector sums[4] = {};
  Index i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes)
#pragma GCC unroll 4
    for (Index k = 0; k < 4; ++k) sums[k] += load(x + i + k * kLanes) * load(y + i + k * kLanes);
  over(count - i,
       [&](Index j, Index n) { sums[0] += load_n(x + i + j, n) * load_n(y + i + j, n); });
  return sum_of((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

void norm(const NormRows& m, const float* x, float* out) {
  const float share = 1.0F / static_cast<float>(m.width);
  for (Index row = 0; row < m.rows; ++row, x += m.width, out += m.width) {
    float* z = m.standardised + row * m.width;
    Vector sum{};
    over(m.width, [&](Index i, Index n) { sum += load_n(x + i, n); });
    const float mean = sum_of(sum) * share;
    Vector squares{};
    over(m.width, [&](Index i, Index n) {
      Vector d = load_n(x + i, n) - mean;
      for (Index k = n; k < kLanes; ++k) d[k] = 0;
      store_n(z + i, d, n);
      squares += d * d;
    });
    const float inverse = 1.0F / __builtin_sqrtf(sum_of(squares) * share + 1e-5F);
    m.inverse[row] = inverse;
    over(m.width, [&](Index i, Index n) {
      const Vector d = load_n(z + i, n) * inverse;
      store_n(z + i, d, n);
      store_n(out + i, d * load_n(m.weight + i, n) + load_n(m.bias + i, n), n);
    });
  }
}

void norm_gradient(const NormRows& m, const float* gradient, float* into, float* weight_gradient,
                   float* bias_gradient) {
  const float share = 1.0F / static_cast<float>(m.width);
  for (Index row = 0; row < m.rows; ++row, gradient += m.width, into += m.width) {
    const float* z = m.standardised + row * m.width;
    Vector sum{}, along{};
    over(m.width, [&](Index i, Index n) {
      const Vector g = load_n(gradient + i, n), s = load_n(z + i, n);
      store_n(bias_gradient + i, load_n(bias_gradient + i, n) + g, n);
      store_n(weight_gradient + i, load_n(weight_gradient + i, n) + g * s, n);
      const Vector d = g * load_n(m.weight + i, n);
      sum += d;
      along += d * s;
    });
    const float mean = sum_of(sum) * share, slope = sum_of(along) * share, inverse = m.inverse[row];
    over(m.width, [&](Index i, Index n) {
      const Vector d = load_n(gradient + i, n) * load_n(m.weight + i, n);
      store_n(into + i, load_n(into + i, n) + inverse * (d - mean - slope * load_n(z + i, n)), n);
    });
  }
}

void fill_rows(const float* row, Index rows, Index width, float* to) {
  for (Index r = 0; r < rows; ++r, to += width)
    over(width, [&](Index i, Index n) { store_n(to + i, load_n(row + i, n), n); });
}

void add_scaled(float factor, const float* x, Index count, float* to) {
  over(count, [&](Index i, Index n) {
    store_n(to + i, load_n(to + i, n) + factor * load_n(x + i, n), n);
  });
}

void add_products(const float* x, const float* y, Index count, float* to) {
  over(count, [&](Index i, Index n) {
    store_n(to + i, load_n(to + i, n) + load_n(x + i, n) * load_n(y + i, n), n);
  });
}

void add_rows(const float* x, Index rows, Index width, float* sum) {
  over(width, [&](Index i, Index n) {
    Vector total = load_n(sum + i, n);
    for (Index r = 0; r < rows; ++r) total += load_n(x + r * width + i, n);
    store_n(sum + i, total, n);
  });
}

void weighted_sum(const float* const* rows, const float* const* biases, const float* factors,
                  Index count, Index width, float* to) {
  over(width, [&](Index i, Index n) {
    Vector total{};
    for (Index j = 0; j < count; ++j) {
      Vector row = load_n(rows[j] + i, n);
      if (biases) row += load_n(biases[j] + i, n);
      total += factors[j] * row;
    }
    store_n(to + i, total, n);
  });
}

float gated_gradient(float gate, const float* states, const float* derivative, Index count,
                     float* gradient) {
  Vector sums{};
  over(count, [&](Index i, Index n) {
    const Vector g = load_n(gradient + i, n);
    sums += g * load_n(states + i, n);
    store_n(gradient + i, gate * g * load_n(derivative + i, n), n);
  });
  return sum_of(sums);
}

void multiply(const float* x, Index count, float* to) {
  over(count, [&](Index i, Index n) { store_n(to + i, load_n(to + i, n) * load_n(x + i, n), n); });
}

// --- the optimiser -------------------------------------------------------------------------------

// A plain loop: compilers turn the square root into one of vectors.
void adamw(const AdamWStep& step, Index count, float* __restrict value,
           const float* __restrict gradient, float* __restrict first, float* __restrict second) {
  const float keep = 1 - step.rate * step.decay, scale = step.scale, rate = step.rate;
  const float bias1 = step.bias1, bias2 = step.bias2;
  for (Index i = 0; i < count; ++i) {
    const float g = gradient[i] * scale;
    const float m = first[i] * 0.9F + g * 0.1F, v = second[i] * 0.999F + g * g * 0.001F;
    first[i] = m;
    second[i] = v;
    value[i] = value[i] * keep - rate * (m / bias1) / (__builtin_sqrtf(v / bias2) + 1e-8F);
  }
}

}  // namespace

extern const Kernels PERMAFROST_KERNELS;
const Kernels PERMAFROST_KERNELS = {
    .name = PERMAFROST_NAME,
    .product = product,
    .transpose = transpose,
    .softmax_block = softmax_block,
    .softmax_gradient = softmax_gradient,
    .gelu = gelu,
    .norm = norm,
    .norm_gradient = norm_gradient,
    .fill_rows = fill_rows,
    .add_rows = add_rows,
    .multiply = multiply,
    .scale = multiply_by,
    .add_scaled = add_scaled,
    .add_products = add_products,
    .weighted_sum = weighted_sum,
    .gated_gradient = gated_gradient,
    .dot = dot,
    .adamw = adamw,
};

}  // namespace permafrost
