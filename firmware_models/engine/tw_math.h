/* The engine's own libm: float results do not depend on the host's C library. */
#ifndef TW_MATH_H
#define TW_MATH_H

#include <stdint.h>

/* real = fraction * 2^exponent with 0.5 <= |fraction| < 1; 0 gives 0 and exponent 0. Finite only. */
double tw_frexp(double real, int32_t *exponent);

/* Nearest integer, ties away from zero (C's round). */
double tw_round(double x);
float tw_roundf(float x);

/* Conversion that saturates; NaN becomes 0. */
int32_t tw_f32_to_i32(float x);

/* e^x, within about 1e-16 relative; overflows to infinity, underflows to 0. */
double tw_exp(double x);

/* Natural logarithm, within about 1e-16 relative; -infinity at 0, NaN below. */
double tw_log(double x);

/* Sine and cosine of |x| < 2^20: the nearest double but for one in some hundred, then its neighbour. */
void tw_sincos(double x, double *sine, double *cosine);

/* Computed in double precision: the nearest float, or the next in fewer than 1 of 10^8 cases. */
float tw_expf(float x);
float tw_logf(float x);
float tw_tanhf(float x);
float tw_expm1f(float x);
float tw_sinf(float x);
float tw_cosf(float x);
float tw_powf(float x, float y); /* all of C's special cases */
float tw_erfcf(float x);         /* 1 - erf x, as precise far out */

/* The remainder of x / y with the sign of x, exact; NaN when y is 0 or x infinite. */
float tw_fmodf(float x, float y);

#endif
