#include "tw_math.h"

#include "tw_base.h"

static uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static double from_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

double tw_frexp(double real, int32_t *exponent) {
  *exponent = 0;
  if (real == 0.0) return real;
  uint64_t bits = bits_of(real);
  int32_t adjust = 0;
  if ((bits >> 52 & 0x7FF) == 0) { /* subnormal */
    bits = bits_of(real * 18014398509481984.0 /* 2^54 */);
    adjust = -54;
  }
  *exponent = (int32_t)(bits >> 52 & 0x7FF) - 1022 + adjust;
  return from_bits((bits & ~((uint64_t)0x7FF << 52)) | (uint64_t)1022 << 52);
}

double tw_round(double x) {
  double whole = __builtin_trunc(x);
  return __builtin_fabs(x - whole) >= 0.5 ? whole + __builtin_copysign(1.0, x) : whole;
}

float tw_roundf(float x) {
  float whole = __builtin_truncf(x);
  return __builtin_fabsf(x - whole) >= 0.5f ? whole + __builtin_copysignf(1.0f, x) : whole;
}

int32_t tw_f32_to_i32(float x) {
  if (!(x >= -2147483648.0f)) return x < 0.0f ? INT32_MIN : 0;
  return x >= 2147483648.0f ? INT32_MAX : (int32_t)x;
}

/* x = k ln 2 + r with |r| <= ln 2 / 2, e^x = 2^k e^r, e^r by its Taylor series. */
double tw_exp(double x) {
  if (!(x < 709.8)) return x > 0.0 ? x * __builtin_inf() : x;
  if (x < -745.2) return 0.0;
  double k = tw_round(x * 1.4426950408889634074);
  double r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  double sum = 1.0;
  for (int32_t n = 14; n >= 1; n--) sum = 1.0 + sum * r / (double)n;
  int32_t power = (int32_t)k, half = power / 2;
  return sum * from_bits((uint64_t)(1023 + half) << 52) *
         from_bits((uint64_t)(1023 + power - half) << 52);
}

float tw_expf(float x) { return (float)tw_exp((double)x); }

float tw_tanhf(float x) {
  double a = __builtin_fabs((double)x), t;
  if (a < 0.03125) {
    double s = a * a; /* the series to x^9: its next term is below 2^-50 of the sum */
    t = a * (1.0 + s * (-1.0 / 3 + s * (2.0 / 15 + s * (-17.0 / 315 + s * (62.0 / 2835)))));
  } else {
    t = a > 20.0 ? 1.0 : 1.0 - 2.0 / (tw_exp(2.0 * a) + 1.0);
  }
  return x != x ? x : (float)__builtin_copysign(t, (double)x);
}
