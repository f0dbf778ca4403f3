/* Fixed-point functions of one variable on int32, bit for bit as gemmlowp computes them for TFLM.
 *
 * A value with m integer bits is raw / 2^(31 - m); its range is [-2^m, 2^m). With no integer bits
 * INT32_MAX stands for 1. */
#ifndef TW_FIXED_H
#define TW_FIXED_H

#include "tw_quant.h"

/* e^x for x <= 0 with 0 to 5 integer bits; the result has none. */
int32_t tw_fixed_exp(int32_t x, int32_t integer_bits);

/* 1 / (1 + e^-x) for x with 0 to 5 integer bits; the result has none. */
int32_t tw_fixed_logistic(int32_t x, int32_t integer_bits);

/* tanh x for x with 0 to 4 integer bits; the result has none. */
int32_t tw_fixed_tanh(int32_t x, int32_t integer_bits);

/* ln x for x >= 1 with 1 to 31 `integer_bits`; the result has 5. */
int32_t tw_fixed_log(int32_t x, int32_t integer_bits);

/* The reciprocal of x > 0, which has `integer_bits`: result * 2^-bits_over_unit, with no integer
 * bits in the result. */
int32_t tw_fixed_reciprocal(int32_t x, int32_t integer_bits, int32_t *bits_over_unit);

/* 1 / sqrt(input) for an integer input >= 0, 0 counting as 1: multiplier * 2^(shift - 31). */
void tw_fixed_inverse_sqrt(int32_t input, int32_t *multiplier, int32_t *shift);

#endif
