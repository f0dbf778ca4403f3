/* Sine and cosine in pairs of doubles: the twiddle factors of an FFT in 32-bit fixed point depend on
 * the last bit of these. */
#include "tw_base.h"
#include "tw_math.h"

/* A number as hi + lo, hi being the double nearest to it. */
typedef struct {
  double hi, lo;
} pair;

static pair sum(double a, double b) {
  double hi = a + b, rest = hi - a;
  return (pair){hi, (a - (hi - rest)) + (b - rest)};
}

/* Dekker's: factors in halves of 26 bits, whose products are exact. */
static pair product(double a, double b) {
  const double split = 134217729.0; /* 2^27 + 1 */
  double a_high = a * split - (a * split - a), b_high = b * split - (b * split - b);
  double a_low = a - a_high, b_low = b - b_high, hi = a * b;
  return (pair){hi, ((a_high * b_high - hi) + a_high * b_low + a_low * b_high) + a_low * b_low};
}

TW_NOINLINE static pair times(pair a, pair b) {
  pair p = product(a.hi, b.hi);
  return sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

/* z (next + z (terms[0] + z (terms[1] + ...))); the inner brackets count so little that doubles do. */
TW_NOINLINE static pair series(pair next, const double *terms, uint32_t count, pair z) {
  double rest = 0.0;
  for (uint32_t i = count; i > 0; i--) rest = terms[i - 1] + z.hi * rest;
  pair bracket = sum(next.hi, z.hi * rest);
  bracket.lo += next.lo;
  return times(z, bracket);
}

/* Taylor series around the nearest multiple of pi/2, which is within pi/4. */
void tw_sincos(double x, double *sine, double *cosine) {
  static const double sine_terms[] = {1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800,
                                      1.0 / 6227020800, -1.0 / 1307674368000,
                                      1.0 / 355687428096000};
  static const double cosine_terms[] = {1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800,
                                        1.0 / 479001600, -1.0 / 87178291200,
                                        1.0 / 20922789888000, -1.0 / 6402373705728000};
  const pair sixth = {-0.16666666666666666, -9.25185853854297e-18}, half = {-0.5, 0.0};
  /* pi/2 in three parts, of which multiples of the first two are exact. */
  double k = tw_round(x * 0.63661977236758134308);
  pair r = sum(x - k * 1.57079632673412561417e+00, -k * 6.07710050630396597660e-11);
  r = sum(r.hi, r.lo - k * 2.02226624879595063154e-21);
  pair z = times(r, r);
  pair s = times(r, series(sixth, sine_terms, TW_COUNT(sine_terms), z));
  pair c = series(half, cosine_terms, TW_COUNT(cosine_terms), z);
  pair near_r = sum(r.hi, s.hi), near_one = sum(1.0, c.hi);
  double of_sine = near_r.hi + (near_r.lo + (s.lo + r.lo));
  double of_cosine = near_one.hi + (near_one.lo + c.lo);
  uint32_t quadrant = (uint32_t)(int32_t)k;
  double first = quadrant & 1 ? of_cosine : of_sine, second = quadrant & 1 ? of_sine : of_cosine;
  *sine = quadrant & 2 ? -first : first;
  *cosine = (quadrant + 1) & 2 ? -second : second;
}
