// The one door to oneDNN: layouts and primitives as opaque handles, so that no caller depends on the
// version's way to make descriptors. Written for oneDNN 2.6 and later 2.x (what Debian 12 carries).
#pragma once
#include <stddef.h>
#include <stdint.h>

const char *ndnnl_version(void);

/// Runs `body(context, part)` for `0..<parts` on the threads that oneDNN's primitives run on, and waits for all.
/// Threads of another kind would compete with these, which stay awake for a while after each primitive.
void ndnnl_parallel(long parts, void (*body)(void *context, long part), void *context);
/// How many threads that are: OMP_NUM_THREADS, or one for each processor.
int ndnnl_thread_count(void);

/// How a float32 tensor lies in memory: dims plus a row-major, strided or blocked arrangement.
typedef struct ndnnl_layout ndnnl_layout;

ndnnl_layout *ndnnl_layout_plain(int rank, const int64_t *dims);
ndnnl_layout *ndnnl_layout_any(int rank, const int64_t *dims);
ndnnl_layout *ndnnl_layout_strided(int rank, const int64_t *dims, const int64_t *strides);
/// The same memory under other dims, or NULL when the arrangement does not allow it.
ndnnl_layout *ndnnl_layout_reshaped(const ndnnl_layout *layout, int rank, const int64_t *dims);
/// The same memory with its dims in another order: dim `i` becomes dim `order[i]`.
ndnnl_layout *ndnnl_layout_permuted(const ndnnl_layout *layout, const int *order);
/// Row-major over the dims of another layout.
ndnnl_layout *ndnnl_layout_plain_like(const ndnnl_layout *layout);
void ndnnl_layout_free(ndnnl_layout *layout);
int ndnnl_layout_equal(const ndnnl_layout *a, const ndnnl_layout *b);
/// Bytes including any padding of blocked axes.
size_t ndnnl_layout_size(const ndnnl_layout *layout);

/// One operation applied to a result before it is stored.
typedef struct {
  int kind;  // ndnnl_post_sum, or an element-wise algorithm
  float alpha, beta;
} ndnnl_post_operation;

enum { ndnnl_post_sum = 0 };
enum {
  ndnnl_eltwise_relu = 1,    // alpha: slope below 0
  ndnnl_eltwise_clip,        // alpha, beta: bounds
  ndnnl_eltwise_tanh,
  ndnnl_eltwise_logistic,
  ndnnl_eltwise_elu,         // alpha
  ndnnl_eltwise_swish,       // x sigmoid(alpha x)
  ndnnl_eltwise_gelu_erf,
  ndnnl_eltwise_gelu_tanh,
  ndnnl_eltwise_hardswish,
};
enum { ndnnl_pool_max = 0, ndnnl_pool_average_with_padding, ndnnl_pool_average_without_padding };

/// Arguments of a primitive, for `ndnnl_primitive_layout` and `ndnnl_execute`.
enum {
  ndnnl_source = 0, ndnnl_source1, ndnnl_weights, ndnnl_bias, ndnnl_result,
  ndnnl_source_cotangent, ndnnl_weights_cotangent, ndnnl_bias_cotangent, ndnnl_result_cotangent,
  ndnnl_workspace,
};

typedef struct ndnnl_primitive ndnnl_primitive;

typedef struct {
  int spatial_rank;
  const int64_t *strides, *dilations, *padding_before, *padding_after;
} ndnnl_window;

ndnnl_primitive *ndnnl_reorder(const ndnnl_layout *from, const ndnnl_layout *to);
ndnnl_primitive *ndnnl_convolution_forward(
  const ndnnl_layout *source, const ndnnl_layout *weights, const ndnnl_layout *bias, const ndnnl_layout *result,
  const ndnnl_window *window, int post_count, const ndnnl_post_operation *posts);
ndnnl_primitive *ndnnl_convolution_source_gradient(
  const ndnnl_layout *source, const ndnnl_layout *weights, const ndnnl_layout *result, const ndnnl_window *window);
/// The layout of a cotangent that the gradient by the source likes best; NULL where there is none.
ndnnl_layout *ndnnl_convolution_cotangent_layout(
  const ndnnl_layout *source, const ndnnl_layout *weights, const ndnnl_layout *result, const ndnnl_window *window);
ndnnl_primitive *ndnnl_convolution_weights_gradient(
  const ndnnl_layout *source, const ndnnl_layout *weights, const ndnnl_layout *result, const ndnnl_window *window);
ndnnl_primitive *ndnnl_matmul(
  const ndnnl_layout *left, const ndnnl_layout *right, const ndnnl_layout *bias, const ndnnl_layout *result,
  int post_count, const ndnnl_post_operation *posts);
/// `kernel` holds the window's extents; a max pool made `for_gradient` also writes its workspace.
ndnnl_primitive *ndnnl_pool_forward(
  const ndnnl_layout *source, const ndnnl_layout *result, const int64_t *kernel, const ndnnl_window *window,
  int algorithm, int for_gradient);
ndnnl_primitive *ndnnl_pool_gradient(
  const ndnnl_layout *source, const ndnnl_layout *result, const int64_t *kernel, const ndnnl_window *window,
  int algorithm, const ndnnl_primitive *forward);

void ndnnl_primitive_free(ndnnl_primitive *primitive);
/// The layout that a primitive expects for an argument, owned by the caller.
ndnnl_layout *ndnnl_primitive_layout(const ndnnl_primitive *primitive, int argument);
/// The name of the chosen implementation, such as `jit:avx2`.
const char *ndnnl_primitive_implementation(const ndnnl_primitive *primitive);
/// Runs a primitive on the given memory; returns 0 when it succeeded.
int ndnnl_execute(ndnnl_primitive *primitive, int count, const int *arguments, void *const *memory);
