// Softmax of one row, in vectors of 16 floats that the compiler cuts to the size of the machine's.
#pragma once
#include "Math.h"

// Every function here becomes part of its caller, so how vectors are passed does not matter.
#pragma clang diagnostic ignored "-Wpsabi"
#pragma clang fp contract(fast)

typedef float floats __attribute__((vector_size(64), aligned(4)));
typedef int32_t ints __attribute__((vector_size(64), aligned(4)));
enum { float_lanes = 16 };

INLINE floats load(const float *x) { return *(const floats *)x; }
INLINE void store(float *y, floats x) { *(floats *)y = x; }
INLINE floats pick(ints mask, floats yes, floats no) { return (floats)((mask & (ints)yes) | (~mask & (ints)no)); }
INLINE floats repeated(float x) { return x - (floats){0}; }

/// `eˣ` for `x ≤ 0`; 0 where it would be subnormal.
INLINE floats exp_nonpositive(floats x) {
  const ints small = x < -87.33f;
  const floats bounded = pick(small, repeated(-87.33f), x);
  // As in `v_exp`; the rounded number's last bits are the integer.
  const floats sum = bounded * 1.4426950408889634f + 12582912.0f, n = sum - 12582912.0f;
  const floats r = bounded - n * 0.693145751953125f - n * 1.42860682e-6f;
  floats p = 1.98412698e-4f * r + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  p = p * r * r + r + 1;
  const floats y = p * (floats)(((ints)sum << 23) + (127 << 23));
  return (floats)(~small & (ints)y);
}

INLINE float largest_of(floats v) {
  float x[float_lanes];
  memcpy(x, &v, sizeof x);
  for (int width = float_lanes / 2; width; width /= 2)
    for (int i = 0; i < width; i++) x[i] = x[i] > x[i + width] ? x[i] : x[i + width];
  return x[0];
}

INLINE double total_of(floats v) {
  float x[float_lanes];
  memcpy(x, &v, sizeof x);
  double sums[float_lanes / 2];
  for (int i = 0; i < float_lanes / 2; i++) sums[i] = (double)x[i] + x[i + float_lanes / 2];
  for (int width = float_lanes / 4; width; width /= 2)
    for (int i = 0; i < width; i++) sums[i] += sums[i + width];
  return sums[0];
}

/// `y = scale · x + bias`, which may be NULL; returns the largest.
INLINE float scaled_scores(const float *x, float *y, int64_t n, float scale, const float *bias, int64_t stride) {
  if (bias && stride != 1) {
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * scale + bias[i * stride];
    x = y, scale = 1, bias = NULL;
  }
  const int64_t whole = n / float_lanes * float_lanes;
  floats largest = repeated(-INFINITY);
  for (int64_t i = 0; i < whole; i += float_lanes) {
    const floats score = bias ? load(x + i) * scale + load(bias + i) : load(x + i) * scale;
    store(y + i, score);
    largest = pick(score > largest, score, largest);
  }
  float top = whole ? largest_of(largest) : -INFINITY;
  for (int64_t i = whole; i < n; i++) {
    y[i] = bias ? x[i] * scale + bias[i] : x[i] * scale;
    top = y[i] > top ? y[i] : top;
  }
  return top;
}

/// `y = exp(y − top)`; returns the sum, added up in double precision every so often.
INLINE double exponentials(float *y, int64_t n, float top) {
  double total = 0;
  int64_t i = 0;
  while (i + float_lanes <= n) {
    floats sum = {0};
    const int64_t end = i + 4096 < n ? i + 4096 : n;
    for (; i + float_lanes <= end; i += float_lanes) {
      const floats value = exp_nonpositive(load(y + i) - top);
      store(y + i, value);
      sum += value;
    }
    total += total_of(sum);
  }
  if (i < n) {
    floats rest = repeated(-INFINITY);
    memcpy(&rest, y + i, 4 * (size_t)(n - i));
    rest = exp_nonpositive(rest - top);
    memcpy(y + i, &rest, 4 * (size_t)(n - i));
    // Lanes beyond the row are NaN where the top is −∞, and 0 elsewhere.
    for (int lane = 0; lane < n - i; lane++) total += y[i + lane];
  }
  return total;
}
