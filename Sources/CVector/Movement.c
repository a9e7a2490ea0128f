#include "CVector.h"
#include <stddef.h>
#include <string.h>

// A strided block into a row-major one. The innermost axis is a row: contiguous on both sides it is one memcpy; where
// another axis is contiguous in the strided block, the two are walked in small squares that stay in cache.

typedef struct {
  const char *strided;
  char *packed;
  int size;
} sides;

#define ROWS(type)                                                                                       \
  static void rows_##type(sides s, int64_t count, int64_t stride) {                                      \
    type *restrict packed = (type *)s.packed;                                                            \
    const type *restrict strided = (const type *)s.strided;                                              \
    for (int64_t i = 0; i < count; i++) packed[i] = strided[i * stride];                                 \
  }                                                                                                      \
  static void squares_##type(                                                                            \
    sides s, int64_t rows, int64_t columns, int64_t packed_row, int64_t row_stride, int64_t column_stride) {\
    type *restrict packed = (type *)s.packed;                                                            \
    const type *restrict strided = (const type *)s.strided;                                              \
    for (int64_t c = 0; c < columns; c += 16)                                                            \
      for (int64_t r = 0; r < rows; r += 16) {                                                           \
        int64_t last_row = r + 16 < rows ? r + 16 : rows, last = c + 16 < columns ? c + 16 : columns;    \
        for (int64_t i = r; i < last_row; i++)                                                           \
          for (int64_t j = c; j < last; j++)                                                             \
            packed[i * packed_row + j] = strided[i * row_stride + j * column_stride];                    \
      }                                                                                                  \
  }
ROWS(uint8_t)
ROWS(uint16_t)
ROWS(uint32_t)
ROWS(uint64_t)

static void row(sides s, int64_t count, int64_t stride) {
  if (stride == 1) {
    memcpy(s.packed, s.strided, (size_t)(count * s.size));
    return;
  }
  switch (s.size) {
    case 1: return rows_uint8_t(s, count, stride);
    case 2: return rows_uint16_t(s, count, stride);
    case 4: return rows_uint32_t(s, count, stride);
    default: return rows_uint64_t(s, count, stride);
  }
}

static void squares(sides s, int64_t rows, int64_t columns, int64_t packed_row, int64_t row_stride, int64_t stride) {
  switch (s.size) {
    case 1: return squares_uint8_t(s, rows, columns, packed_row, row_stride, stride);
    case 2: return squares_uint16_t(s, rows, columns, packed_row, row_stride, stride);
    case 4: return squares_uint32_t(s, rows, columns, packed_row, row_stride, stride);
    default: return squares_uint64_t(s, rows, columns, packed_row, row_stride, stride);
  }
}

/// Walks the axes from `axis` on; `turned` is the axis, outside the last, whose steps in the strided block are
/// smallest, or -1.
static void walk(
  sides s, int axis, int rank, const int64_t *shape, const int64_t *strides, const int64_t *packed, int turned
) {
  if (axis == rank - 1) return row(s, shape[axis], strides[axis]);
  if (axis == turned && axis == rank - 2)
    return squares(s, shape[axis], shape[rank - 1], packed[axis], strides[axis], strides[rank - 1]);
  if (axis == turned) {
    // The turned axis is taken along to the innermost level.
    int64_t inner_shape[cv_max_rank], inner_strides[cv_max_rank], inner_packed[cv_max_rank];
    int count = 0;
    for (int other = axis + 1; other < rank - 1; other++, count++) {
      inner_shape[count] = shape[other];
      inner_strides[count] = strides[other];
      inner_packed[count] = packed[other];
    }
    int64_t position[cv_max_rank] = {0};
    for (;;) {
      sides here = s;
      for (int k = 0; k < count; k++) {
        here.strided += position[k] * inner_strides[k] * s.size;
        here.packed += position[k] * inner_packed[k] * s.size;
      }
      squares(here, shape[axis], shape[rank - 1], packed[axis], strides[axis], strides[rank - 1]);
      int k = count - 1;
      while (k >= 0 && ++position[k] == inner_shape[k]) position[k--] = 0;
      if (k < 0) return;
    }
  }
  for (int64_t i = 0; i < shape[axis]; i++) {
    sides here = s;
    here.strided += i * strides[axis] * s.size;
    here.packed += i * packed[axis] * s.size;
    walk(here, axis + 1, rank, shape, strides, packed, turned);
  }
}

void cv_gather(
  const void *source, void *target, int rank, const int64_t *given, const int64_t *given_strides, int size,
  int64_t from, int64_t to
) {
  sides s = {source, target, size};
  int64_t shape[cv_max_rank], strides[cv_max_rank], packed[cv_max_rank];
  if (rank == 0) return row(s, 1, 1);
  int64_t row_count = 1;
  for (int axis = 1; axis < rank; axis++) row_count *= given[axis];
  s.strided += from * given_strides[0] * s.size;
  s.packed += from * row_count * s.size;
  // Axes that follow each other without a gap are one; those of extent 1 are none.
  int count = 0;
  for (int axis = 0; axis < rank; axis++) {
    int64_t extent = axis == 0 ? to - from : given[axis];
    if (extent == 0) return;
    if (extent == 1) continue;
    if (count > 0 && strides[count - 1] == given_strides[axis] * extent) {
      shape[count - 1] *= extent;
      strides[count - 1] = given_strides[axis];
    } else {
      shape[count] = extent;
      strides[count++] = given_strides[axis];
    }
  }
  if (count == 0) return row(s, 1, 1);
  packed[count - 1] = 1;
  for (int axis = count - 2; axis >= 0; axis--) packed[axis] = packed[axis + 1] * shape[axis + 1];
  int turned = -1;
  if (strides[count - 1] != 1 && strides[count - 1] != 0)
    for (int axis = 0; axis < count - 1; axis++) if (strides[axis] == 1) turned = axis;
  walk(s, 0, count, shape, strides, packed, turned);
}
