#include "CVector.h"
#include "Math.h"

enum { block = 256 };

#pragma clang fp contract(fast)

// What has no vector form on every machine, or calls the mathematics library.
#define SCALAR_LOOP(expression)                                                                           \
  for (int i = 0; i < block; i++) {                                                                           \
    float x = left[i];                                                                                    \
    y[i] = (expression);                                                                                  \
  }                                                                                                       \
  break

#define LOOP(expression)                                                                                  \
  _Pragma("clang loop vectorize(assume_safety) interleave(enable)") for (int i = 0; i < block; i++) {         \
    float x = left[i]; (void)x;                                                                           \
    y[i] = (expression);                                                                                  \
  }                                                                                                       \
  break

INLINE float gate_factor(const cv_instruction *o, float control) {
  return control <= o->a ? o->c : control >= o->b ? o->e : o->d;
}

FOR_EACH_MACHINE
static void apply(
  const cv_instruction *o, const float *left, const float *right, const float *third, float *y
) {
  const float a = o->a, b = o->b;
  switch (o->code) {
    case cv_add: LOOP(x + right[i]);
    case cv_sub: LOOP(x - right[i]);
    case cv_mul: LOOP(x * right[i]);
    case cv_div: LOOP(x / right[i]);
    // Written so that NaN on either side stays.
    case cv_min: LOOP(x != x || x < right[i] ? x : right[i]);
    case cv_max: LOOP(x != x || x > right[i] ? x : right[i]);
    case cv_pow: SCALAR_LOOP(right[i] == 2 ? x * x : powf(x, right[i]));
    case cv_gate: LOOP(x * gate_factor(o, right[i]));
    case cv_equal: LOOP(x == right[i] ? 1 : 0);
    case cv_greater: LOOP(x > right[i] ? 1 : 0);
    case cv_greater_or_equal: LOOP(x >= right[i] ? 1 : 0);
    case cv_less: LOOP(x < right[i] ? 1 : 0);
    case cv_less_or_equal: LOOP(x <= right[i] ? 1 : 0);
    case cv_and: LOOP(x != 0 && right[i] != 0 ? 1 : 0);
    case cv_or: LOOP(x != 0 || right[i] != 0 ? 1 : 0);
    case cv_xor: LOOP((x != 0) != (right[i] != 0) ? 1 : 0);
    case cv_select: LOOP(x != 0 ? right[i] : third[i]);
    case cv_relu: LOOP(x < 0 ? 0 : x);
    case cv_leaky_relu: LOOP(x < 0 ? a * x : x);
    case cv_clip: LOOP(x < a ? a : x > b ? b : x);
    case cv_elu: LOOP(x < 0 ? a * v_expm1_negative(x) : x);
    case cv_sigmoid: LOOP(v_sigmoid(x));
    case cv_tanh: LOOP(v_tanh(x));
    case cv_exp: LOOP(v_exp(x));
    case cv_log: LOOP(v_log(x));
    case cv_sqrt: LOOP(__builtin_elementwise_sqrt(x));
    case cv_abs: LOOP(fabsf(x));
    case cv_negative: LOOP(-x);
    case cv_reciprocal: LOOP(1 / x);
    case cv_erf: LOOP(v_erf(x));
    case cv_softplus: LOOP(v_softplus(x));
    case cv_floor: SCALAR_LOOP(floorf(x));
    case cv_ceil: SCALAR_LOOP(ceilf(x));
    case cv_round: SCALAR_LOOP(rintf(x));
    case cv_sign: LOOP(x > 0 ? 1 : x < 0 ? -1 : x);
    case cv_not: LOOP(x == 0 ? 1 : 0);
    case cv_sin: SCALAR_LOOP(sinf(x));
    case cv_cos: SCALAR_LOOP(cosf(x));
    case cv_gelu: LOOP(v_gelu(x));
    case cv_gelu_slope: LOOP(v_gelu_slope(x));
    case cv_tanh_gelu: LOOP(v_tanh_gelu(x));
    case cv_tanh_gelu_slope: LOOP(v_tanh_gelu_slope(x));
    case cv_swish: LOOP(v_swish(x, a));
    case cv_swish_slope: LOOP(v_swish_slope(x, a));
    case cv_hard_sigmoid: LOOP(a * x + b < 0 ? 0 : a * x + b > 1 ? 1 : a * x + b);
    case cv_hard_swish: LOOP(x <= -3 ? 0 : x >= 3 ? x : x * (x * 0.16666667f + 0.5f));
    case cv_stabilized: LOOP((x < 0 ? x - a : x + a) == 0 ? INFINITY : x < 0 ? x - a : x + a);
    case cv_hard_swish_slope: LOOP(x <= -3 ? 0 : x >= 3 ? 1 : x * 0.33333333f + 0.5f);
  }
}

/// Elements `at..<at + n` of a source that repeats.
static void load(const cv_source *source, int64_t at, int n, float *y) {
  const float *base = source->base;
  int64_t within = at % source->inner, index = at / source->inner % source->extent;
  for (int i = 0; i < n;) {
    if (source->inner == 1) {
      int run = (int)(source->extent - index < n - i ? source->extent - index : n - i);
      memcpy(y + i, base + index, sizeof(float) * (size_t)run);
      i += run;
      index = 0;
    } else {
      int run = (int)(source->inner - within < n - i ? source->inner - within : n - i);
      float value = base[index];
      for (int k = 0; k < run; k++) y[i + k] = value;
      i += run;
      within = 0;
      index = index + 1 == source->extent ? 0 : index + 1;
    }
  }
}

FOR_EACH_MACHINE
static void widen(const uint8_t *x, int n, float *y) {
  if (n == block) for (int i = 0; i < block; i++) y[i] = x[i];
  else for (int i = 0; i < n; i++) y[i] = x[i];
}

FOR_EACH_MACHINE
static void narrow(const float *x, int n, uint8_t *y) {
  if (n == block) for (int i = 0; i < block; i++) y[i] = x[i] != 0;
  else for (int i = 0; i < n; i++) y[i] = x[i] != 0;
}

FOR_EACH_MACHINE
void cv_regions(const float *x, uint8_t *y, float lower, float upper, int64_t from, int64_t to) {
  for (int64_t i = from; i < to; i++) y[i] = x[i] <= lower ? 0 : x[i] >= upper ? 2 : 1;
}

void cv_run(
  const cv_source *sources, int source_count, const cv_instruction *program, int count, void *y, int bytes,
  int64_t from, int64_t to
) {
  float memory[cv_max_registers][block] __attribute__((aligned(64)));
  const float *registers[cv_max_registers];
  for (int s = 0; s < source_count; s++) {
    registers[s] = memory[s];
    if (sources[s].extent == 1) for (int i = 0; i < block; i++) memory[s][i] = *(const float *)sources[s].base;
  }
  for (int64_t at = from; at < to; at += block) {
    // Whole blocks only: an element's value must not depend on whether it lies in a loop's body or in its rest.
    int n = (int)(to - at < block ? to - at : block);
    for (int s = 0; s < source_count; s++) {
      if (sources[s].bytes) {
        widen((const uint8_t *)sources[s].base + at, n, memory[s]);
      } else if (sources[s].extent == 0 && n == block) {
        registers[s] = (const float *)sources[s].base + at;
      } else if (sources[s].extent == 0) {
        registers[s] = memory[s];
        memcpy(memory[s], (const float *)sources[s].base + at, sizeof(float) * (size_t)n);
      } else if (sources[s].extent > 1) {
        load(&sources[s], at, n, memory[s]);
      }
      if (n < block && sources[s].extent != 1) memset(memory[s] + n, 0, sizeof(float) * (size_t)(block - n));
    }
    for (int o = 0; o < count; o++) {
      const cv_instruction *instruction = &program[o];
      int is_last = o == count - 1 && n == block && !bytes;
      float *result = is_last ? (float *)y + at : memory[instruction->result];
      registers[instruction->result] = result;
      apply(
        instruction, registers[instruction->left], registers[instruction->right], registers[instruction->third],
        result);
    }
    const float *last = registers[program[count - 1].result];
    if (bytes) narrow(last, n, (uint8_t *)y + at);
    else if (n < block) memcpy((float *)y + at, last, sizeof(float) * (size_t)n);
  }
}
