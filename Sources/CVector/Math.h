// Functions of one float without branches, so that loops over them become vector code. Coefficients are minimax
// fits to the functions' values; relative errors stay within a few units of the last place.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

// Each function is compiled for several instruction sets, and the machine's is chosen when the program starts.
// The choice is made before the thread sanitizer is ready to watch.
#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
#define FOR_EACH_MACHINE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_MACHINE
#endif

INLINE float from_bits(int32_t bits) { float x; memcpy(&x, &bits, 4); return x; }
INLINE int32_t to_bits(float x) { int32_t bits; memcpy(&bits, &x, 4); return bits; }

INLINE float v_exp(float x) {
  float bounded = x < -105 ? -105 : x > 90 ? 90 : x;
  bounded = x == x ? bounded : 0;
  // x = n log 2 + r; adding and subtracting 1.5 · 2²³ rounds to the nearest integer.
  float n = (bounded * 1.4426950408889634f + 12582912.0f) - 12582912.0f;
  float r = bounded - n * 0.693145751953125f - n * 1.42860682e-6f;
  float p = 1.98412698e-4f;
  p = p * r + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  p = p * r * r + r + 1;
  // Two factors, so that the ends overflow to infinity and underflow through the subnormals.
  int32_t whole = (int32_t)n, half = whole >> 1;
  float y = p * from_bits((half + 127) << 23) * from_bits((whole - half + 127) << 23);
  return x == x ? y : x;
}

/// `eˣ − 1` for `x ≤ 0`.
INLINE float v_expm1_negative(float x) {
  float p = 1.98412698e-4f;
  p = p * x + 1.38888889e-3f;
  p = p * x + 8.33333333e-3f;
  p = p * x + 4.16666667e-2f;
  p = p * x + 1.66666667e-1f;
  p = p * x + 0.5f;
  return x > -0.35f ? p * x * x + x : v_exp(x) - 1;
}

INLINE float v_log(float x) {
  // Subnormals are scaled up first.
  int small = x < 1.17549435e-38f;
  float scaled = small ? x * 8388608.0f : x;
  int32_t bits = to_bits(scaled);
  int32_t exponent = (bits - 0x3f3504f3) >> 23;
  float f = from_bits(bits - (exponent << 23)) - 1;
  float n = (float)(exponent - (small ? 23 : 0));
  float r = -7.859521405e-2f;
  r = r * f + 1.288170327e-1f;
  r = r * f - 1.312881347e-1f;
  r = r * f + 1.418118756e-1f;
  r = r * f - 1.662454782e-1f;
  r = r * f + 2.000228634e-1f;
  r = r * f - 2.500081058e-1f;
  r = r * f + 3.333331672e-1f;
  float y = f * f * f * r + n * 1.42860682e-6f - 0.5f * f * f + f + n * 0.693145751953125f;
  y = x == INFINITY ? INFINITY : y;
  y = x == 0 ? -INFINITY : y;
  return x >= 0 ? y : NAN;
}

INLINE float v_sigmoid(float x) { return 1 / (1 + v_exp(-x)); }

INLINE float v_softplus(float x) {
  // log(1 + u) with the rounding of 1 + u put right.
  float u = v_exp(-fabsf(x)), w = 1 + u;
  return (x > 0 ? x : 0) + (v_log(w) + (u - (w - 1)) / w) + (x == x ? 0 : x);
}

INLINE float v_tanh(float x) {
  float a = fabsf(x), s = x * x;
  float p = -5.088617710e-3f;
  p = p * s + 2.002483795e-2f;
  p = p * s - 5.352619580e-2f;
  p = p * s + 1.332841878e-1f;
  p = p * s - 3.333313077e-1f;
  float e = v_exp(-2 * a);
  float large = copysignf((1 - e) / (1 + e), x);
  return a < 0.6f ? x + x * s * p : large;
}

/// `erf` for |x| ≤ 1.
INLINE float erf_small(float x) {
  float s = x * x;
  float p = -9.641778391e-6f;
  p = p * s + 1.125704672e-4f;
  p = p * s - 8.482843741e-4f;
  p = p * s + 5.220946577e-3f;
  p = p * s - 2.686540051e-2f;
  p = p * s + 1.128378198e-1f;
  p = p * s - 3.761263844e-1f;
  p = p * s + 1.128379167f;
  return p * x;
}

/// `erfc` for a ≥ 1.
INLINE float erfc_large(float a) {
  float t = 1 / (1 + 0.5f * a);
  float p = -3.049816917e-2f;
  p = p * t + 1.938867661e-1f;
  p = p * t - 3.669449284e-1f;
  p = p * t + 1.918221409e-1f;
  p = p * t + 9.533763617e-3f;
  p = p * t + 1.937667180e-1f;
  p = p * t + 2.443321406e-1f;
  p = p * t + 2.822940932e-1f;
  p = p * t + 2.820880354e-1f;
  return p * t * v_exp(-a * a);
}

INLINE float v_erf(float x) {
  float a = fabsf(x);
  return a < 1 ? erf_small(x) : copysignf(1 - erfc_large(a), x) + (x == x ? 0 : x);
}

/// The normal distribution function; small values on the left keep their relative precision.
INLINE float v_normal(float x) {
  float z = x * 0.70710678f, a = fabsf(z);
  float tail = 0.5f * erfc_large(a);
  return a < 1 ? 0.5f + 0.5f * erf_small(z) : (x < 0 ? tail : 1 - tail) + (x == x ? 0 : x);
}

/// `x · 0` is NaN at −∞, where GELU and Swish tend to 0.
INLINE float v_gelu(float x) { return x == -INFINITY ? 0 : x * v_normal(x); }

INLINE float v_gelu_slope(float x) {
  float bell = v_exp(-0.5f * x * x) * 0.39894228f;
  return v_normal(x) + (fabsf(x) > 20 ? 0 : x * bell);
}

INLINE float v_tanh_gelu(float x) {
  // ½ (1 + tanh u) = σ(2u).
  float u = 1.5957691216f * (x + 0.044715f * x * x * x);
  return x == -INFINITY ? 0 : x * v_sigmoid(u);
}

INLINE float v_tanh_gelu_slope(float x) {
  float s = v_sigmoid(1.5957691216f * (x + 0.044715f * x * x * x));
  float slope = 1.5957691216f * (1 + 3 * 0.044715f * x * x);
  return s + (fabsf(x) > 20 ? 0 : x * s * (1 - s) * slope);
}

INLINE float v_swish(float x, float a) {
  float s = v_sigmoid(a * x);
  return s == 0 ? 0 : x * s;
}

INLINE float v_swish_slope(float x, float a) {
  float s = v_sigmoid(a * x), rest = s * (1 - s);
  return s + (rest == 0 ? 0 : a * x * rest);
}
