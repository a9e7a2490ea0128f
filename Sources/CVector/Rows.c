#include "CVector.h"
#include "Math.h"
#include "Softmax.h"

#pragma clang fp contract(fast)

enum { lanes = 16 };

// Sums run in lanes that are added up in double precision at the end of each stretch, so that long rows lose nothing.
#define SUM(result, count, expression)                                      \
  double result = 0;                                                        \
  for (int64_t start = 0; start < (count); start += 4096) {                 \
    int64_t end = start + 4096 < (count) ? start + 4096 : (count), i = start; \
    float partial[lanes] = {0};                                             \
    for (; i + lanes <= end; i += lanes)                                    \
      for (int lane = 0; lane < lanes; lane++) {                            \
        int64_t k = i + lane;                                               \
        partial[lane] += (expression);                                      \
      }                                                                     \
    double sum = 0;                                                         \
    for (int lane = 0; lane < lanes; lane++) sum += partial[lane];          \
    for (int64_t k = i; k < end; k++) sum += (expression);                  \
    result += sum;                                                          \
  }

// `mean`, 0 without centring, and `inverse`, one over the deviation, of the row at `x`.
#define STATISTICS                                                            \
  float mean = 0;                                                             \
  if (centres) {                                                              \
    SUM(total, width, x[k])                                                   \
    mean = (float)(total / (double)width);                                    \
  }                                                                           \
  SUM(squares, width, (x[k] - mean) * (x[k] - mean))                          \
  const float inverse = (float)(1 / sqrt(squares / (double)width + epsilon));

FOR_EACH_MACHINE
void cv_normalize(
  const float *x, const float *scale, const float *bias, float *y, int64_t rows, int64_t width, double epsilon,
  int centres
) {
  for (int64_t row = 0; row < rows; row++, x += width, y += width) {
    STATISTICS
    if (scale && bias) for (int64_t i = 0; i < width; i++) y[i] = (x[i] - mean) * inverse * scale[i] + bias[i];
    else if (scale) for (int64_t i = 0; i < width; i++) y[i] = (x[i] - mean) * inverse * scale[i];
    else if (bias) for (int64_t i = 0; i < width; i++) y[i] = (x[i] - mean) * inverse + bias[i];
    else for (int64_t i = 0; i < width; i++) y[i] = (x[i] - mean) * inverse;
  }
}

FOR_EACH_MACHINE
void cv_normalize_gradient(
  const float *g, const float *x, const float *scale, float *y, int64_t rows, int64_t width, double epsilon,
  int centres
) {
  for (int64_t row = 0; row < rows; row++, g += width, x += width, y += width) {
    STATISTICS
    SUM(first, width, g[k] * (scale ? scale[k] : 1))
    SUM(second, width, g[k] * (scale ? scale[k] : 1) * (x[k] - mean))
    const float level = centres ? (float)(first / (double)width) : 0;
    const float slope = (float)(second * inverse * inverse / (double)width);
    for (int64_t i = 0; i < width; i++)
      y[i] = inverse * (g[i] * (scale ? scale[i] : 1) - level - (x[i] - mean) * slope);
  }
}

INLINE void softmax_row(const float *x, float *y, int64_t n, float scale, int logarithmic) {
  const float top = scaled_scores(x, y, n, scale, NULL, 0);
  if (logarithmic) {
    SUM(total, n, v_exp(y[k] - top))
    const float shift = (float)log(total);
    for (int64_t k = 0; k < n; k++) y[k] = y[k] - top - shift;
    return;
  }
  const float factor = (float)(1 / exponentials(y, n, top));
  for (int64_t k = 0; k < n; k++) y[k] *= factor;
}

FOR_EACH_MACHINE
static void softmax_rows(const float *x, float *y, int64_t rows, int64_t n, float scale, int logarithmic) {
  for (int64_t row = 0; row < rows; row++) softmax_row(x + row * n, y + row * n, n, scale, logarithmic);
}

enum { strip = 256 };

FOR_EACH_MACHINE
static void softmax_strip(
  const float *x, float *y, int64_t n, int64_t inner, int64_t width, float scale, int logarithmic
) {
  float top[strip], total[strip];
  for (int64_t i = 0; i < width; i++) {
    top[i] = -INFINITY;
    total[i] = 0;
  }
  for (int64_t k = 0; k < n; k++)
    for (int64_t i = 0; i < width; i++) {
      float value = x[k * inner + i] * scale;
      y[k * inner + i] = value;
      top[i] = value > top[i] ? value : top[i];
    }
  for (int64_t k = 0; k < n; k++)
    for (int64_t i = 0; i < width; i++) {
      float value = v_exp(y[k * inner + i] - top[i]);
      total[i] += value;
      if (!logarithmic) y[k * inner + i] = value;
    }
  if (logarithmic) {
    for (int64_t i = 0; i < width; i++) total[i] = v_log(total[i]);
    for (int64_t k = 0; k < n; k++)
      for (int64_t i = 0; i < width; i++) y[k * inner + i] = y[k * inner + i] - top[i] - total[i];
  } else {
    for (int64_t i = 0; i < width; i++) total[i] = 1 / total[i];
    for (int64_t k = 0; k < n; k++)
      for (int64_t i = 0; i < width; i++) y[k * inner + i] *= total[i];
  }
}

void cv_softmax(const float *x, float *y, int64_t outer, int64_t n, int64_t inner, float scale, int logarithmic) {
  if (inner == 1) return softmax_rows(x, y, outer, n, scale, logarithmic);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i += strip)
      softmax_strip(
        x + o * n * inner + i, y + o * n * inner + i, n, inner, inner - i < strip ? inner - i : strip, scale,
        logarithmic);
}

FOR_EACH_MACHINE
void cv_softmax_gradient(const float *g, const float *y, float *x, int64_t rows, int64_t n) {
  for (int64_t row = 0; row < rows; row++, g += n, y += n, x += n) {
    SUM(total, n, g[k] * y[k])
    const float mean = (float)total;
    int arrives = mean == mean;
    for (int64_t i = 0; i < n && !arrives; i++) arrives = g[i] != 0;
    for (int64_t i = 0; i < n; i++) x[i] = arrives ? y[i] * (g[i] - mean) : 0;
  }
}

FOR_EACH_MACHINE
static float reduce_row(const float *x, int64_t n, int operation, float factor) {
  if (operation == cv_reduce_sum) {
    SUM(total, n, x[k])
    return (float)(total * factor);
  }
  const float sign = operation == cv_reduce_max ? 1 : -1;
  float top = -INFINITY, spoiled = 0;
  for (int64_t i = 0; i < n; i++) {
    float value = sign * x[i];
    top = value > top ? value : top;
    spoiled = value == value ? spoiled : value;
  }
  return spoiled == spoiled ? sign * top * factor : spoiled;
}

FOR_EACH_MACHINE
static void reduce_strip(
  const float *x, float *y, int64_t n, int64_t inner, int64_t width, int operation, float factor
) {
  if (operation == cv_reduce_sum) {
    double total[strip] = {0};
    for (int64_t k = 0; k < n; k++)
      for (int64_t i = 0; i < width; i++) total[i] += x[k * inner + i];
    for (int64_t i = 0; i < width; i++) y[i] = (float)(total[i] * factor);
    return;
  }
  const float sign = operation == cv_reduce_max ? 1 : -1;
  float top[strip];
  for (int64_t i = 0; i < width; i++) top[i] = -INFINITY;
  for (int64_t k = 0; k < n; k++)
    for (int64_t i = 0; i < width; i++) {
      float value = sign * x[k * inner + i];
      top[i] = value != value || value > top[i] ? value : top[i];
    }
  for (int64_t i = 0; i < width; i++) y[i] = sign * top[i] * factor;
}

void cv_reduce(const float *x, float *y, int64_t outer, int64_t n, int64_t inner, int operation, float factor) {
  for (int64_t o = 0; o < outer; o++) {
    if (inner == 1) {
      y[o] = reduce_row(x + o * n, n, operation, factor);
      continue;
    }
    for (int64_t i = 0; i < inner; i += strip)
      reduce_strip(
        x + o * n * inner + i, y + o * inner + i, n, inner, inner - i < strip ? inner - i : strip, operation, factor);
  }
}
