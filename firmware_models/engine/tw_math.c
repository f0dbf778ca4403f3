#include "tw_math.h"

#include "tw_base.h"

/* ln 2; the high part has zeros at its end, so that multiples of it are exact. */
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10

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

/* x = k ln 2 + r with |r| <= ln 2 / 2, e^x = 2^k e^r, e^r by its Taylor series to r^13. */
double tw_exp(double x) {
  static const double terms[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
                                 1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
                                 1.0 / 120,        1.0 / 24,        1.0 / 6,        0.5,
                                 1.0,              1.0};
  if (!(x < 709.8)) return x > 0.0 ? x * __builtin_inf() : x;
  if (x < -745.2) return 0.0;
  double k = tw_round(x * 1.4426950408889634074);
  double r = (x - k * LN2_HIGH) - k * LN2_LOW;
  double sum = 0.0;
  for (uint32_t i = 0; i < TW_COUNT(terms); i++) sum = sum * r + terms[i];
  int32_t power = (int32_t)k, half = power / 2;
  return sum * from_bits((uint64_t)(1023 + half) << 52) *
         from_bits((uint64_t)(1023 + power - half) << 52);
}

/* x = 2^k m with m from sqrt(1/2) to sqrt(2); ln m = 2 artanh s = 2 (s + s^3/3 + ...) with
 * s = (m - 1) / (m + 1). */
double tw_log(double x) {
  if (x != x || x == __builtin_inf()) return x;
  if (x <= 0.0) return x == 0.0 ? -__builtin_inf() : __builtin_nan("");
  int32_t k;
  double m = tw_frexp(x, &k);
  if (m < 0.70710678118654752440) {
    m *= 2.0;
    k--;
  }
  double s = (m - 1.0) / (m + 1.0), s2 = s * s, sum = 0.0;
  for (int32_t n = 23; n >= 3; n -= 2) sum = (sum + 1.0 / n) * s2;
  return k * LN2_HIGH + (2.0 * s + (2.0 * s * sum + k * LN2_LOW));
}

float tw_expf(float x) { return (float)tw_exp((double)x); }

float tw_logf(float x) { return (float)tw_log((double)x); }

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
