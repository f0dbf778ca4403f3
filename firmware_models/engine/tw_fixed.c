#include "tw_fixed.h"

static int32_t multiply(int32_t a, int32_t b) { return tw_doubling_high_mul(a, b); }

/* x * 2^exponent, saturating near the ends of the range; exponent > 0. */
static int32_t shift_left(int32_t x, int32_t exponent) {
  int32_t limit = (int32_t)(((uint32_t)1 << (31 - exponent)) - 1);
  if (x > limit) return INT32_MAX;
  if (x < -limit) return INT32_MIN;
  return (int32_t)((uint32_t)x << exponent);
}

/* e^x for x in [-1/4, 0): its Taylor series about -1/8. */
static int32_t exp_above_minus_quarter(int32_t x) {
  const int32_t exp_minus_eighth = 1895147668, third = 715827883;
  int32_t d = x + (1 << 28); /* the distance from -1/8 */
  int32_t d2 = multiply(d, d), d3 = multiply(d2, d), d4 = multiply(d2, d2);
  int32_t cubic = multiply(tw_rounding_shift_right(d4, 2) + d3, third);
  int32_t tail = tw_rounding_shift_right(cubic + d2, 1); /* d^2/2 + d^3/6 + d^4/24 */
  return exp_minus_eighth + multiply(exp_minus_eighth, d + tail);
}

int32_t tw_fixed_exp(int32_t x, int32_t integer_bits) {
  /* e^-(2^(i - 2)) */
  static const int32_t powers[] = {1672461947, 1302514674, 790015084, 290630308,
                                   39332535,   720401,     242};
  if (x == 0) return INT32_MAX;
  const int32_t quarter = 1 << (29 - integer_bits);
  int32_t part = (x & (quarter - 1)) - quarter; /* x modulo 1/4, in [-1/4, 0) */
  int32_t result = exp_above_minus_quarter((int32_t)((uint32_t)part << integer_bits));
  int32_t quarters = part - x; /* the rest, whose bits are multiples of 1/4 */
  for (int32_t i = 0; i < integer_bits + 2; i++) {
    if ((quarters & (int32_t)((uint32_t)quarter << i)) != 0) result = multiply(result, powers[i]);
  }
  return result;
}

/* 2 / (1 + x), with 2 integer bits, for x in [0, 1] with none: three steps of Newton's method. */
static int32_t two_over_one_plus(int32_t x) {
  const int32_t one = 1 << 29, a = 1515870810 /* 48/17 */, b = -1010580540 /* -32/17 */;
  int32_t half = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2); /* (1 + x) / 2 */
  int32_t y = a + multiply(half, b);
  for (int32_t step = 0; step < 3; step++) {
    int32_t error = one - multiply(half, y);
    y += shift_left(multiply(y, error), 2);
  }
  return y;
}

static int32_t one_over_one_plus(int32_t x) { return shift_left(two_over_one_plus(x), 1); }

int32_t tw_fixed_logistic(int32_t x, int32_t integer_bits) {
  if (x == 0) return 1 << 30;
  int32_t result = one_over_one_plus(tw_fixed_exp(x > 0 ? -x : x, integer_bits));
  return x > 0 ? result : INT32_MAX - result;
}

int32_t tw_fixed_tanh(int32_t x, int32_t integer_bits) {
  if (x == 0) return 0;
  /* One more integer bit doubles x: tanh x = (1 - e^-2x) / (1 + e^-2x) = 2 / (1 + e^-2x) - 1. */
  int32_t exp = tw_fixed_exp(x > 0 ? -x : x, integer_bits + 1);
  int32_t result = shift_left(two_over_one_plus(exp) - (1 << 29), 2);
  return x > 0 ? result : -result;
}

int32_t tw_fixed_reciprocal(int32_t x, int32_t integer_bits, int32_t *bits_over_unit) {
  int32_t zeros = __builtin_clz((uint32_t)x);
  *bits_over_unit = integer_bits - zeros;
  return one_over_one_plus((int32_t)(((uint32_t)x << zeros) - ((uint32_t)1 << 31)));
}

/* Newton's method for 1 / sqrt x, as x * (3 - input * x^2) / 2, with 3 integer bits. */
void tw_fixed_inverse_sqrt(int32_t input, int32_t *multiplier, int32_t *shift) {
  const int32_t one_and_a_half = 3 << 27, half_sqrt_2 = 1518500250;
  *multiplier = INT32_MAX;
  *shift = 0;
  if (input <= 1) return;
  int32_t right = 11;
  for (; input >= 1 << 29; right++) input /= 4;
  int32_t pairs = (__builtin_clz((uint32_t)input) - 1) / 2 - 1;
  right -= pairs;
  input = (int32_t)((uint32_t)input << (2 * pairs)) >> 1;
  int32_t half = tw_rounding_shift_right(input, 1), x = 1 << 28;
  for (int32_t step = 0; step < 5; step++) {
    int32_t cube = shift_left(multiply(multiply(x, x), x), 6);
    x = shift_left(multiply(one_and_a_half, x) - multiply(half, cube), 3);
  }
  x = multiply(x, half_sqrt_2);
  *multiplier = right < 0 ? (int32_t)((uint32_t)x << -right) : x;
  *shift = right < 0 ? 0 : -right;
}

/* x = 2^e r with r from sqrt(1/2) to 1; ln r by a Pade approximant about 2^(-1/4). */
int32_t tw_fixed_log(int32_t x, int32_t integer_bits) {
  const int32_t ln_2 = 1488522236, sqrt_half = 1518500250, fourth_root_half = 1805811301;
  const int32_t quarter = 1 << 23; /* with 6 integer bits, as exponents here */
  /* Of x and x sqrt(1/2), the one that is nearer below a power of two gives e - 1/4. */
  int32_t zeros = __builtin_clz((uint32_t)x);
  int32_t zeros_b = __builtin_clz((uint32_t)multiply(x, sqrt_half)) - 1;
  int32_t r = shift_left(multiply(shift_left(x, zeros - 1), sqrt_half), 1);
  r = tw_min(r, shift_left(x, zeros_b));
  int32_t exponent = tw_max((integer_bits - zeros) * (1 << 25) + quarter,
                            (integer_bits - zeros_b) * (1 << 25) - quarter);
  int32_t p = (int32_t)(((int64_t)r + fourth_root_half + 1) / 2);
  int32_t q = 2 * (r - fourth_root_half), q2 = multiply(q, q);
  int32_t numerator = multiply(q, r) + multiply(multiply(q, q2), 117049297);
  int32_t denominator = multiply(p, 1057819769 + q + multiply(127690142, q2)) + /* minus 1 */
                        multiply(638450708, q);
  int32_t ln_r = multiply(tw_rounding_shift_right(numerator, 6), one_over_one_plus(denominator));
  return shift_left(multiply(exponent, ln_2) + ln_r, 1);
}
