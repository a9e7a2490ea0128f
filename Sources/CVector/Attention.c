#include "CVector.h"
#include "Softmax.h"

#pragma clang fp contract(fast)

enum { lanes = float_lanes, tile = 6, block = 8 * tile };

static int64_t padded(int64_t count) { return (count + lanes - 1) / lanes * lanes; }

int64_t cv_attention_scratch(int64_t keys, int64_t size, int64_t width) {
  return padded(keys) * (size + block) + keys * padded(width) + block * size;
}

/// `rows × lanes` sums of products of rows of `a` with a panel of `depth × lanes`; the first `columns` are kept.
INLINE void sums(
  const float *a, int64_t a_stride, const float *panel, int64_t depth, float *y, int64_t y_stride, int64_t columns,
  int rows
) {
  floats sum[tile];
  for (int row = 0; row < rows; row++) sum[row] = (floats){0};
  for (int64_t k = 0; k < depth; k++) {
    const floats right = load(panel + k * lanes);
    for (int row = 0; row < rows; row++) sum[row] += a[row * a_stride + k] * right;
  }
  for (int row = 0; row < rows; row++) {
    if (columns >= lanes) store(y + row * y_stride, sum[row]);
    else memcpy(y + row * y_stride, &sum[row], 4 * (size_t)columns);
  }
}

/// Products of up to `block` rows with all panels, panel by panel, so that each stays in the nearest cache.
INLINE void product(
  const float *a, int64_t a_stride, const float *panels, int64_t depth, float *y, int64_t y_stride, int64_t rows,
  int64_t columns
) {
  for (int64_t column = 0; column < columns; column += lanes) {
    const float *panel = panels + column * depth;
    int64_t row = 0;
    for (; row + tile <= rows; row += tile)
      sums(a + row * a_stride, a_stride, panel, depth, y + row * y_stride + column, y_stride, columns - column, tile);
    for (; row < rows; row++)
      sums(a + row * a_stride, a_stride, panel, depth, y + row * y_stride + column, y_stride, columns - column, 1);
  }
}

/// Panels of `lanes` columns, zeros beyond the last, of a matrix of `depth` rows.
INLINE void pack(cv_matrix m, int64_t depth, int64_t columns, float *panels) {
  for (int64_t column = 0; column < columns; column += lanes) {
    const int64_t width = columns - column < lanes ? columns - column : lanes;
    const float *source = m.base + column * m.column;
    float *panel = panels + column * depth;
    if (width == lanes && m.column == 1) {
      for (int64_t k = 0; k < depth; k++) store(panel + k * lanes, load(source + k * m.row));
      continue;
    }
    for (int64_t k = 0; k < depth; k++)
      for (int64_t i = 0; i < lanes; i++) panel[k * lanes + i] = i < width ? source[k * m.row + i * m.column] : 0;
  }
}

FOR_EACH_MACHINE
void cv_attention(
  cv_matrix q, cv_matrix k, cv_matrix v, const cv_matrix *bias, float *y, int64_t y_row, int64_t queries,
  int64_t keys, int64_t size, int64_t width, float scale, float *scratch
) {
  float *key_panels = scratch, *value_panels = key_panels + padded(keys) * size;
  float *scores = value_panels + keys * padded(width), *rows = scores + block * padded(keys);
  pack((cv_matrix){k.base, k.column, k.row}, size, keys, key_panels);
  pack(v, keys, width, value_panels);
  const int64_t stride = padded(keys);
  for (int64_t first = 0; first < queries; first += block) {
    const int64_t count = queries - first < block ? queries - first : block;
    for (int64_t row = 0; row < count; row++)
      for (int64_t i = 0; i < size; i++) rows[row * size + i] = q.base[(first + row) * q.row + i * q.column];
    product(rows, size, key_panels, size, scores, stride, count, keys);
    float factors[block];
    for (int64_t row = 0; row < count; row++) {
      float *values = scores + row * stride;
      const float *added = bias ? bias->base + (first + row) * bias->row : NULL;
      const float top = scaled_scores(values, values, keys, scale, added, bias ? bias->column : 0);
      factors[row] = (float)(1 / exponentials(values, keys, top));
    }
    // The weights are divided by their sum where they are fewest: in the result.
    float *result = y + first * y_row;
    product(scores, stride, value_panels, keys, result, y_row, count, width);
    for (int64_t row = 0; row < count; row++)
      for (int64_t i = 0; i < width; i++) result[row * y_row + i] *= factors[row];
  }
}
