#include "CDNNL.h"
#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if DNNL_VERSION_MAJOR != 2
#error "This file speaks oneDNN 2.x; version 3 makes primitive descriptors differently and needs its own shim."
#endif

struct ndnnl_layout { dnnl_memory_desc_t desc; };

#define MAX_ARGUMENTS 10
struct ndnnl_primitive {
  dnnl_primitive_desc_t desc;
  dnnl_primitive_t primitive;
  dnnl_memory_t memory[MAX_ARGUMENTS];
};

static dnnl_engine_t shared_engine;
static void make_engine(void) {
  if (dnnl_engine_create(&shared_engine, dnnl_cpu, 0) != dnnl_success) abort();
}
static dnnl_engine_t engine(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_engine);
  return shared_engine;
}

static dnnl_stream_t stream(void) {
  static _Thread_local dnnl_stream_t shared;
  if (!shared && dnnl_stream_create(&shared, engine(), dnnl_stream_default_flags) != dnnl_success) abort();
  return shared;
}

const char *ndnnl_version(void) {
  static char text[32];
  const dnnl_version_t *v = dnnl_version();
  snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
  return text;
}

// Layouts

static ndnnl_layout *layout_of(const dnnl_memory_desc_t *desc) {
  ndnnl_layout *layout = malloc(sizeof *layout);
  layout->desc = *desc;
  return layout;
}

ndnnl_layout *ndnnl_layout_strided(int rank, const int64_t *dims, const int64_t *strides) {
  dnnl_memory_desc_t desc;
  if (dnnl_memory_desc_init_by_strides(&desc, rank, dims, dnnl_f32, strides) != dnnl_success) return NULL;
  return layout_of(&desc);
}

ndnnl_layout *ndnnl_layout_plain(int rank, const int64_t *dims) {
  int64_t strides[DNNL_MAX_NDIMS];
  if (rank < 1 || rank > DNNL_MAX_NDIMS) return NULL;
  int64_t stride = 1;
  for (int axis = rank - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= dims[axis] > 0 ? dims[axis] : 1;
  }
  return ndnnl_layout_strided(rank, dims, strides);
}

ndnnl_layout *ndnnl_layout_any(int rank, const int64_t *dims) {
  dnnl_memory_desc_t desc;
  if (dnnl_memory_desc_init_by_tag(&desc, rank, dims, dnnl_f32, dnnl_format_tag_any) != dnnl_success) return NULL;
  return layout_of(&desc);
}

ndnnl_layout *ndnnl_layout_reshaped(const ndnnl_layout *layout, int rank, const int64_t *dims) {
  dnnl_memory_desc_t desc;
  if (dnnl_memory_desc_reshape(&desc, &layout->desc, rank, dims) != dnnl_success) return NULL;
  return layout_of(&desc);
}

ndnnl_layout *ndnnl_layout_permuted(const ndnnl_layout *layout, const int *order) {
  dnnl_memory_desc_t desc;
  if (dnnl_memory_desc_permute_axes(&desc, &layout->desc, order) != dnnl_success) return NULL;
  return layout_of(&desc);
}

ndnnl_layout *ndnnl_layout_plain_like(const ndnnl_layout *layout) {
  return ndnnl_layout_plain(layout->desc.ndims, layout->desc.dims);
}

void ndnnl_layout_free(ndnnl_layout *layout) { free(layout); }

int ndnnl_layout_equal(const ndnnl_layout *a, const ndnnl_layout *b) {
  return dnnl_memory_desc_equal(&a->desc, &b->desc);
}

size_t ndnnl_layout_size(const ndnnl_layout *layout) { return dnnl_memory_desc_get_size(&layout->desc); }

// Primitives

static const int argument_codes[MAX_ARGUMENTS] = {
  DNNL_ARG_SRC_0, DNNL_ARG_SRC_1, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST,
  DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS, DNNL_ARG_DIFF_DST, DNNL_ARG_WORKSPACE,
};

static dnnl_alg_kind_t eltwise_kind(int algorithm) {
  switch (algorithm) {
    case ndnnl_eltwise_relu: return dnnl_eltwise_relu;
    case ndnnl_eltwise_clip: return dnnl_eltwise_clip;
    case ndnnl_eltwise_tanh: return dnnl_eltwise_tanh;
    case ndnnl_eltwise_logistic: return dnnl_eltwise_logistic;
    case ndnnl_eltwise_elu: return dnnl_eltwise_elu;
    case ndnnl_eltwise_swish: return dnnl_eltwise_swish;
    case ndnnl_eltwise_gelu_erf: return dnnl_eltwise_gelu_erf;
    case ndnnl_eltwise_gelu_tanh: return dnnl_eltwise_gelu_tanh;
    case ndnnl_eltwise_hardswish: return dnnl_eltwise_hardswish;
    default: return dnnl_alg_kind_undef;
  }
}

static ndnnl_primitive *finish(dnnl_primitive_desc_t desc) {
  ndnnl_primitive *result = calloc(1, sizeof *result);
  result->desc = desc;
  if (dnnl_primitive_create(&result->primitive, desc) != dnnl_success) {
    ndnnl_primitive_free(result);
    return NULL;
  }
  return result;
}

static dnnl_primitive_attr_t attributes(int post_count, const ndnnl_post_operation *posts) {
  dnnl_primitive_attr_t attr;
  if (dnnl_primitive_attr_create(&attr) != dnnl_success) return NULL;
  dnnl_post_ops_t ops;
  dnnl_post_ops_create(&ops);
  for (int i = 0; i < post_count; i++) {
    if (posts[i].kind == ndnnl_post_sum) dnnl_post_ops_append_sum(ops, 1);
    else dnnl_post_ops_append_eltwise(ops, 1, eltwise_kind(posts[i].kind), posts[i].alpha, posts[i].beta);
  }
  dnnl_primitive_attr_set_post_ops(attr, ops);
  dnnl_post_ops_destroy(ops);
  return attr;
}

static ndnnl_primitive *make(
  const void *operation, dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint
) {
  dnnl_primitive_desc_t desc;
  dnnl_status_t status = dnnl_primitive_desc_create(&desc, operation, attr, engine(), hint);
  if (attr) dnnl_primitive_attr_destroy(attr);
  return status == dnnl_success ? finish(desc) : NULL;
}

ndnnl_primitive *ndnnl_reorder(const ndnnl_layout *from, const ndnnl_layout *to) {
  dnnl_primitive_desc_t desc;
  if (dnnl_reorder_primitive_desc_create(&desc, &from->desc, engine(), &to->desc, engine(), NULL) != dnnl_success)
    return NULL;
  return finish(desc);
}

// Kernels for channels last take memory in proportion to the positions, gigabytes for axes of millions, and end the
// process where there is none. Plain memory, where the choice was free, rules them out.
enum { longest_free_axis = 1 << 16 };

static int is_long(const ndnnl_layout *layout) {
  for (int axis = 2; axis < layout->desc.ndims; axis++)
    if (layout->desc.dims[axis] > longest_free_axis) return 1;
  return 0;
}

static dnnl_memory_desc_t tamed(const ndnnl_layout *layout, int is_long) {
  if (!is_long || layout->desc.format_kind != dnnl_format_kind_any) return layout->desc;
  ndnnl_layout *plain = ndnnl_layout_plain_like(layout);
  dnnl_memory_desc_t desc = plain ? plain->desc : layout->desc;
  free(plain);
  return desc;
}

static dnnl_status_t convolution_forward_desc(
  dnnl_convolution_desc_t *operation, dnnl_prop_kind_t kind, const ndnnl_layout *source, const ndnnl_layout *weights,
  const ndnnl_layout *bias, const ndnnl_layout *result, const ndnnl_window *w
) {
  int tames = is_long(source) || is_long(result);
  dnnl_memory_desc_t from = tamed(source, tames), to = tamed(result, tames);
  return dnnl_dilated_convolution_forward_desc_init(
    operation, kind, dnnl_convolution_direct, &from, &weights->desc, bias ? &bias->desc : NULL, &to,
    w->strides, w->dilations, w->padding_before, w->padding_after);
}

ndnnl_primitive *ndnnl_convolution_forward(
  const ndnnl_layout *source, const ndnnl_layout *weights, const ndnnl_layout *bias, const ndnnl_layout *result,
  const ndnnl_window *window, int post_count, const ndnnl_post_operation *posts
) {
  dnnl_convolution_desc_t operation;
  if (convolution_forward_desc(&operation, dnnl_forward_inference, source, weights, bias, result, window)
      != dnnl_success) return NULL;
  return make(&operation, attributes(post_count, posts), NULL);
}

// Backward convolutions want the descriptor of a forward one as a hint.
static dnnl_primitive_desc_t convolution_hint(
  const ndnnl_layout *source, const ndnnl_layout *weights, const ndnnl_layout *result, const ndnnl_window *window
) {
  dnnl_convolution_desc_t operation;
  dnnl_primitive_desc_t hint;
  if (convolution_forward_desc(&operation, dnnl_forward_training, source, weights, NULL, result, window)
      != dnnl_success) return NULL;
  if (dnnl_primitive_desc_create(&hint, &operation, NULL, engine(), NULL) != dnnl_success) return NULL;
  return hint;
}

static ndnnl_layout *any_like(const ndnnl_layout *layout) {
  return ndnnl_layout_any(layout->desc.ndims, layout->desc.dims);
}

static dnnl_primitive_desc_t free_convolution_hint(
  const ndnnl_layout *source, const ndnnl_layout *weights, const ndnnl_layout *result, const ndnnl_window *window
) {
  ndnnl_layout *s = any_like(source), *w = any_like(weights), *r = any_like(result);
  dnnl_primitive_desc_t hint = convolution_hint(s, w, r, window);
  free(s); free(w); free(r);
  return hint;
}

static dnnl_primitive_desc_t source_gradient_desc(
  const ndnnl_layout *source, const ndnnl_layout *weights, const ndnnl_layout *result, const ndnnl_window *w
) {
  dnnl_primitive_desc_t hint = free_convolution_hint(source, weights, result, w), desc = NULL;
  if (!hint) return NULL;
  dnnl_convolution_desc_t operation;
  int tames = is_long(source) || is_long(result);
  dnnl_memory_desc_t from = tamed(result, tames), to = tamed(source, tames);
  if (dnnl_dilated_convolution_backward_data_desc_init(
        &operation, dnnl_convolution_direct, &to, &weights->desc, &from, w->strides,
        w->dilations, w->padding_before, w->padding_after) != dnnl_success
      || dnnl_primitive_desc_create(&desc, &operation, NULL, engine(), hint) != dnnl_success) desc = NULL;
  dnnl_primitive_desc_destroy(hint);
  return desc;
}

ndnnl_primitive *ndnnl_convolution_source_gradient(
  const ndnnl_layout *source, const ndnnl_layout *weights, const ndnnl_layout *result, const ndnnl_window *w
) {
  dnnl_primitive_desc_t desc = source_gradient_desc(source, weights, result, w);
  return desc ? finish(desc) : NULL;
}

ndnnl_layout *ndnnl_convolution_cotangent_layout(
  const ndnnl_layout *source, const ndnnl_layout *weights, const ndnnl_layout *result, const ndnnl_window *w
) {
  dnnl_primitive_desc_t desc = source_gradient_desc(source, weights, result, w);
  if (!desc) return NULL;
  ndnnl_layout *layout = layout_of(dnnl_primitive_desc_query_md(desc, dnnl_query_diff_dst_md, 0));
  dnnl_primitive_desc_destroy(desc);
  return layout;
}

ndnnl_primitive *ndnnl_convolution_weights_gradient(
  const ndnnl_layout *source, const ndnnl_layout *weights, const ndnnl_layout *result, const ndnnl_window *w
) {
  dnnl_primitive_desc_t hint = free_convolution_hint(source, weights, result, w);
  if (!hint) return NULL;
  dnnl_convolution_desc_t operation;
  ndnnl_primitive *primitive = NULL;
  int tames = is_long(source) || is_long(result);
  dnnl_memory_desc_t from = tamed(source, tames), cotangent = tamed(result, tames);
  if (dnnl_dilated_convolution_backward_weights_desc_init(
        &operation, dnnl_convolution_direct, &from, &weights->desc, NULL, &cotangent, w->strides,
        w->dilations, w->padding_before, w->padding_after) == dnnl_success)
    primitive = make(&operation, NULL, hint);
  dnnl_primitive_desc_destroy(hint);
  return primitive;
}

ndnnl_primitive *ndnnl_matmul(
  const ndnnl_layout *left, const ndnnl_layout *right, const ndnnl_layout *bias, const ndnnl_layout *result,
  int post_count, const ndnnl_post_operation *posts
) {
  dnnl_matmul_desc_t operation;
  if (dnnl_matmul_desc_init(&operation, &left->desc, &right->desc, bias ? &bias->desc : NULL, &result->desc)
      != dnnl_success) return NULL;
  return make(&operation, attributes(post_count, posts), NULL);
}

static const dnnl_alg_kind_t pool_kinds[] = {
  dnnl_pooling_max, dnnl_pooling_avg_include_padding, dnnl_pooling_avg_exclude_padding,
};

ndnnl_primitive *ndnnl_pool_forward(
  const ndnnl_layout *source, const ndnnl_layout *result, const int64_t *kernel, const ndnnl_window *w,
  int algorithm, int for_gradient
) {
  dnnl_pooling_v2_desc_t operation;
  if (dnnl_pooling_v2_forward_desc_init(
        &operation, for_gradient ? dnnl_forward_training : dnnl_forward_inference, pool_kinds[algorithm],
        &source->desc, &result->desc, w->strides, kernel, w->dilations, w->padding_before, w->padding_after)
      != dnnl_success) return NULL;
  return make(&operation, NULL, NULL);
}

ndnnl_primitive *ndnnl_pool_gradient(
  const ndnnl_layout *source, const ndnnl_layout *result, const int64_t *kernel, const ndnnl_window *w,
  int algorithm, const ndnnl_primitive *forward
) {
  dnnl_pooling_v2_desc_t operation;
  if (dnnl_pooling_v2_backward_desc_init(
        &operation, pool_kinds[algorithm], &source->desc, &result->desc, w->strides, kernel, w->dilations,
        w->padding_before, w->padding_after) != dnnl_success) return NULL;
  return make(&operation, NULL, forward->desc);
}

void ndnnl_primitive_free(ndnnl_primitive *primitive) {
  if (!primitive) return;
  for (int i = 0; i < MAX_ARGUMENTS; i++)
    if (primitive->memory[i]) dnnl_memory_destroy(primitive->memory[i]);
  if (primitive->primitive) dnnl_primitive_destroy(primitive->primitive);
  if (primitive->desc) dnnl_primitive_desc_destroy(primitive->desc);
  free(primitive);
}

ndnnl_layout *ndnnl_primitive_layout(const ndnnl_primitive *primitive, int argument) {
  const dnnl_memory_desc_t *desc =
    dnnl_primitive_desc_query_md(primitive->desc, dnnl_query_exec_arg_md, argument_codes[argument]);
  return desc ? layout_of(desc) : NULL;
}

const char *ndnnl_primitive_implementation(const ndnnl_primitive *primitive) {
  const char *text = NULL;
  dnnl_primitive_desc_query(primitive->desc, dnnl_query_impl_info_str, 0, &text);
  return text ? text : "unknown";
}

int ndnnl_execute(ndnnl_primitive *primitive, int count, const int *arguments, void *const *memory) {
  dnnl_exec_arg_t bound[MAX_ARGUMENTS];
  for (int i = 0; i < count; i++) {
    dnnl_memory_t *slot = &primitive->memory[arguments[i]];
    if (!*slot) {
      const dnnl_memory_desc_t *desc = dnnl_primitive_desc_query_md(
        primitive->desc, dnnl_query_exec_arg_md, argument_codes[arguments[i]]);
      if (!desc || dnnl_memory_create(slot, desc, engine(), DNNL_MEMORY_NONE) != dnnl_success) return 1;
    }
    if (dnnl_memory_set_data_handle_v2(*slot, memory[i], stream()) != dnnl_success) return 1;
    bound[i] = (dnnl_exec_arg_t){argument_codes[arguments[i]], *slot};
  }
  if (dnnl_primitive_execute(primitive->primitive, stream(), count, bound) != dnnl_success) return 1;
  return dnnl_stream_wait(stream()) == dnnl_success ? 0 : 1;
}
