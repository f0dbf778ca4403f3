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

float tw_expm1f(float x) {
  double a = (double)x;
  if (__builtin_fabs(a) > 0.001) return (float)(tw_exp(a) - 1.0);
  return x == 0.0f ? x : (float)(a * (1.0 + a / 2.0 * (1.0 + a / 3.0 * (1.0 + a / 4.0))));
}

/* x = quadrant * pi/2 + the result, which is within pi/4 of 0. Up to 2^20 by subtraction, beyond it
 * as the fraction of mantissa * 2^exponent * 2/pi, of whose bits only 96 count. */
TW_SMALL static double reduce(float x, uint32_t *quadrant) {
  static const uint32_t two_over_pi[] = {0x00000000, 0xA2F9836E, 0x4E441529, 0xFC2757D1,
                                         0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB};
  double a = (double)x;
  if (__builtin_fabs(a) < 1048576.0) {
    double k = tw_round(a * 0.63661977236758134308);
    *quadrant = (uint32_t)(int32_t)k;
    return (a - k * 1.5707963267341256) - k * 6.077100506506192e-11;
  }
  int32_t exponent;
  uint64_t mantissa = (uint64_t)(int64_t)(__builtin_fabs(tw_frexp(a, &exponent)) * 16777216.0);
  uint32_t skip = (uint32_t)exponent + 6; /* bits above are multiples of 4 quadrants */
  const uint32_t *word = two_over_pi + skip / 32;
  uint32_t by = skip % 32;
  uint64_t high = (uint64_t)word[0] << 32 | word[1], low = (uint64_t)word[2] << 32 | word[3];
  if (by > 0) {
    high = high << by | low >> (64 - by);
    low <<= by;
  }
  uint64_t product = mantissa * high + (mantissa * (low >> 32) >> 32); /* 2^62 is a quadrant */
  uint64_t nearest = (product + ((uint64_t)1 << 61)) >> 62;
  const double unit = 1.57079632679489661923 / 4611686018427387904.0;
  double rest = (double)(int64_t)(product - (nearest << 62)) * unit;
  *quadrant = (uint32_t)(x < 0.0f ? 4 - (nearest & 3) : nearest);
  return x < 0.0f ? -rest : rest;
}

/* sin(x + quadrants * pi/2) */
TW_SMALL static float sine(float x, uint32_t quadrants) {
  if (x - x != 0.0f) return __builtin_nanf(""); /* infinite or NaN */
  uint32_t quadrant;
  double r = reduce(x, &quadrant), s = r * r, sum = 0.0;
  quadrant += quadrants;
  /* Taylor series to r^14 or r^13: terms of n in (n - 1) n from the innermost. */
  bool cosine = (quadrant & 1) != 0;
  for (int32_t n = cosine ? 14 : 13; n >= 2; n -= 2) sum = (1.0 + sum) * -s / ((n - 1) * n);
  double y = cosine ? 1.0 + sum : r + r * sum;
  return (float)((quadrant & 2) != 0 ? -y : y);
}

float tw_sinf(float x) { return x == 0.0f ? x : sine(x, 0); }

float tw_cosf(float x) { return sine(x, 1); }

TW_SMALL float tw_fmodf(float x, float y) {
  double rest = __builtin_fabs((double)x), divisor = __builtin_fabs((double)y), multiple = divisor;
  if (!(divisor > 0.0) || x - x != 0.0f) return __builtin_nanf("");
  if (divisor == __builtin_inf()) return x;
  while (multiple <= rest / 2.0) multiple *= 2.0;
  for (; multiple >= divisor; multiple /= 2.0) {
    if (rest >= multiple) rest -= multiple;
  }
  return (float)__builtin_copysign(rest, (double)x);
}

TW_SMALL float tw_powf(float x, float y) {
  if (y == 0.0f || x == 1.0f) return 1.0f;
  if (x != x || y != y) return x + y;
  double a = __builtin_fabs((double)x), whole = __builtin_trunc((double)y);
  bool is_whole = whole == (double)y;
  /* Every float from 2^24 on is even. */
  bool odd = is_whole && __builtin_fabs(whole) < 16777216.0 && ((int32_t)whole & 1) != 0;
  if (x < 0.0f && !is_whole && a < __builtin_inf()) return __builtin_nanf("");
  double power = a == 1.0 ? 1.0 : tw_exp((double)y * tw_log(a));
  return (float)(odd ? __builtin_copysign(power, (double)x) : power);
}

/* Below 2 from the series of erf times e^(x^2), whose terms are all positive, beyond that by the
 * continued fraction of erfc. */
TW_SMALL float tw_erfcf(float x) {
  const double root_pi = 1.77245385090551602730;
  double a = __builtin_fabs((double)x), s = a * a, y;
  if (a < 2.0) {
    double term = a, sum = a;
    for (int32_t n = 3; n < 80; n += 2) sum += term *= 2.0 * s / n;
    y = 1.0 - 2.0 / root_pi * tw_exp(-s) * sum;
  } else {
    double rest = 0.0;
    for (int32_t n = 50; n > 0; n--) rest = n / 2.0 / (a + rest);
    y = tw_exp(-s) / (root_pi * (a + rest));
  }
  return (float)(x < 0.0f ? 2.0 - y : y);
}
