// Loops over float32 memory that the compiler turns into vector code for the machine at hand: element-wise
// programs, normalisations, softmax, sums and strided copies. No loop starts threads; callers split the work.
#pragma once
#include <stdint.h>

// MARK: Element-wise programs

/// One instruction; `a` to `e` are the parameters of the functions that have some.
typedef struct {
  int32_t code;
  /// Registers: the program's sources first, then what earlier instructions left.
  int32_t left, right, third, result;
  float a, b, c, d, e;
} cv_instruction;

enum {
  // Of two registers.
  cv_add = 0, cv_sub, cv_mul, cv_div, cv_min, cv_max, cv_pow,
  // left · factor, chosen by where right lies: below a: c, above b: e, inside: d.
  cv_gate,
  // Of two registers: 1 where it holds, 0 elsewhere.
  cv_equal, cv_greater, cv_greater_or_equal, cv_less, cv_less_or_equal, cv_and, cv_or, cv_xor,
  // Of three registers: right where left is not 0, third elsewhere.
  cv_select,
  // Of one register.
  cv_relu, cv_leaky_relu /* slope a */, cv_clip /* to a…b */, cv_elu /* a */, cv_sigmoid, cv_tanh, cv_exp, cv_log,
  cv_sqrt, cv_abs, cv_negative, cv_reciprocal, cv_erf, cv_softplus, cv_floor, cv_ceil, cv_round, cv_sign, cv_not,
  cv_sin, cv_cos, cv_gelu, cv_gelu_slope, cv_tanh_gelu, cv_tanh_gelu_slope, cv_swish /* a */, cv_swish_slope /* a */,
  cv_hard_sigmoid /* a x + b */, cv_hard_swish, cv_hard_swish_slope, cv_stabilized /* by a */,
};

/// How a source is read: element i of the program is `base[i / inner % extent]`, or `base[i]` where extent is 0.
/// A source of `bytes` holds one byte an element and has extent 0.
typedef struct {
  const void *base;
  int64_t extent, inner;
  int32_t bytes;
} cv_source;

enum { cv_max_registers = 24 };

/// Runs a program for the elements `from..<to`; the last instruction's result goes to `y`, which may be the memory
/// of a source of extent 0, as floats or, with `bytes`, as a byte an element.
void cv_run(const cv_source *sources, int source_count, const cv_instruction *program, int count, void *y, int bytes,
            int64_t from, int64_t to);

/// Where each element lies: 0 for `x ≤ lower`, 2 for `x ≥ upper`, 1 in between.
void cv_regions(const float *x, uint8_t *y, float lower, float upper, int64_t from, int64_t to);

// MARK: Rows

/// `y = (x − mean) / √(variance + ε) · scale + bias` for rows of `width`; `scale` and `bias` may be NULL. Without
/// `centres` the mean counts as 0.
void cv_normalize(const float *x, const float *scale, const float *bias, float *y, int64_t rows, int64_t width,
                  double epsilon, int centres);
/// The gradient of `cv_normalize` with respect to `x`.
void cv_normalize_gradient(const float *g, const float *x, const float *scale, float *y, int64_t rows, int64_t width,
                           double epsilon, int centres);
/// Softmax, or its logarithm, over the middle axis of `outer × n × inner`, after a multiplication by `scale`.
void cv_softmax(const float *x, float *y, int64_t outer, int64_t n, int64_t inner, float scale, int logarithmic);
/// `y · (g − Σ g·y)` over rows of `n`.
void cv_softmax_gradient(const float *g, const float *y, float *x, int64_t rows, int64_t n);

enum { cv_reduce_sum = 0, cv_reduce_max, cv_reduce_min };
/// Reduces the middle axis of `outer × n × inner`, and multiplies by `factor`; the extremum of NaN is NaN.
void cv_reduce(const float *x, float *y, int64_t outer, int64_t n, int64_t inner, int operation, float factor);

// MARK: Attention

/// A matrix whose element (i, j) lies at `base[i · row + j · column]`.
typedef struct {
  const float *base;
  int64_t row, column;
} cv_matrix;

/// `softmax(scale · q kᵀ + bias) v` of one head: q `queries × size`, k `keys × size`, v `keys × width`, the bias, which
/// may be NULL, `queries × keys`. The rows of the result lie `y_row` apart.
void cv_attention(cv_matrix q, cv_matrix k, cv_matrix v, const cv_matrix *bias, float *y, int64_t y_row,
                  int64_t queries, int64_t keys, int64_t size, int64_t width, float scale, float *scratch);
/// The floats of scratch memory that `cv_attention` needs.
int64_t cv_attention_scratch(int64_t keys, int64_t size, int64_t width);

// MARK: Movement

enum { cv_max_rank = 16 };
/// Copies elements of `size` 1, 2, 4 or 8 bytes into a row-major block: the axes' extents and the source's strides,
/// in elements, `cv_max_rank` axes at most. `from..<to` are positions of the first axis.
void cv_gather(const void *source, void *target, int rank, const int64_t *shape, const int64_t *strides, int size,
               int64_t from, int64_t to);
