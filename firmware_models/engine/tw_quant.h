/* Fixed-point arithmetic of quantized kernels, bit for bit as TFLM computes it by default: int32
 * accumulators are rescaled with two roundings (gemmlowp's saturating rounding doubling high
 * multiply, then a rounding right shift), int64 accumulators with one.
 *
 * A real multiplier m > 0 is held as m = multiplier * 2^(shift - 31), 2^30 <= multiplier < 2^31. */
#ifndef TW_QUANT_H
#define TW_QUANT_H

#include "tw_kernel.h"

/* Split a real multiplier. False when it is negative, not finite, or 2^30 and more: its shift would
 * be over 30. Below 2^-32 it becomes 0. */
bool tw_quantize_multiplier(double real, int32_t *multiplier, int32_t *shift);

/* round(a * b / 2^31), ties away from zero, saturating at the one product that overflows. */
static inline int32_t tw_doubling_high_mul(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  int64_t product = (int64_t)a * b;
  int64_t nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
  return (int32_t)((product + nudge) / ((int64_t)1 << 31));
}

/* round(x / 2^exponent), ties away from zero; 0 <= exponent <= 31. */
static inline int32_t tw_rounding_shift_right(int32_t x, int32_t exponent) {
  int32_t mask = (int32_t)(((int64_t)1 << exponent) - 1);
  int32_t remainder = x & mask;
  int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

/* x times the real multiplier; the left shift wraps as in the oracle. -31 <= shift <= 30. */
static inline int32_t tw_rescale(int32_t x, int32_t multiplier, int32_t shift) {
  int32_t left = shift > 0 ? shift : 0;
  int32_t right = shift > 0 ? 0 : -shift;
  int32_t shifted = (int32_t)((uint32_t)x << left);
  return tw_rounding_shift_right(tw_doubling_high_mul(shifted, multiplier), right);
}

/* The same for an int64 accumulator: the multiplier is reduced to 16 bits, one rounding, the result
 * truncated to int32. -31 <= shift <= 14. */
static inline int32_t tw_rescale_i64(int64_t x, int32_t multiplier, int32_t shift) {
  int32_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
  int32_t right = 15 - shift;
  return (int32_t)((x * reduced + ((int64_t)1 << (right - 1))) >> right);
}

/* Clamping range of a fused activation in the output's int8, int16 or uint8 domain. */
tw_status tw_activation_range(tw_engine *e, int32_t activation, uint8_t type, float scale,
                              int32_t zero_point, int32_t *low, int32_t *high);

/* Clamping range of a fused activation for float. */
void tw_activation_range_f32(int32_t activation, float *low, float *high);

/* Smallest and largest value of int8, uint8, int16; false for other types. */
bool tw_type_range(uint8_t type, int32_t *low, int32_t *high);

#endif
