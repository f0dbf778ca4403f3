/* The FFT on one type of number, included by tw_fft.c once for each: REAL, the type; WIDE, one that
 * holds sums of products; FRACTION, the bits after the point, 0 for floats; FFT(name), its names. */

typedef struct {
  REAL r, i;
} FFT(complex);

#if FRACTION
static inline REAL FFT(rounded)(WIDE x) {
  return (REAL)((x + ((WIDE)1 << (FRACTION - 1))) >> FRACTION);
}

/* Scale down by a radix: times the largest number divided by it. */
static inline FFT(complex) FFT(part)(FFT(complex) x, int32_t radix) {
  const WIDE factor = (REAL)(((WIDE)1 << FRACTION) - 1) / radix;
  return (FFT(complex)){FFT(rounded)(x.r * factor), FFT(rounded)(x.i * factor)};
}

static inline REAL FFT(half)(REAL x) { return (REAL)(x >> 1); }

/* Half a sum or difference, which may be wider than REAL where int is. */
#define HALF_OF_INT(x) ((REAL)((x) >> 1))

static REAL FFT(factor)(double x) {
  return (REAL)__builtin_floor(0.5 + (double)(((WIDE)1 << FRACTION) - 1) * x);
}
#else
static inline REAL FFT(rounded)(WIDE x) { return x; }

static inline FFT(complex) FFT(part)(FFT(complex) x, int32_t radix) {
  (void)radix;
  return x;
}

static inline REAL FFT(half)(REAL x) { return x * 0.5f; }

#define HALF_OF_INT(x) ((x) * 0.5f)

static REAL FFT(factor)(double x) { return (REAL)x; }
#endif

static inline REAL FFT(scaled)(REAL a, REAL b) { return FFT(rounded)((WIDE)a * b); }

static inline FFT(complex) FFT(times)(FFT(complex) a, FFT(complex) b) {
  return (FFT(complex)){FFT(rounded)((WIDE)a.r * b.r - (WIDE)a.i * b.i),
                        FFT(rounded)((WIDE)a.r * b.i + (WIDE)a.i * b.r)};
}

static inline FFT(complex) FFT(plus)(FFT(complex) a, FFT(complex) b) {
  return (FFT(complex)){(REAL)(a.r + b.r), (REAL)(a.i + b.i)};
}

static inline FFT(complex) FFT(minus)(FFT(complex) a, FFT(complex) b) {
  return (FFT(complex)){(REAL)(a.r - b.r), (REAL)(a.i - b.i)};
}

/* a + i b, and a - i b. */
static inline FFT(complex) FFT(plus_i)(FFT(complex) a, FFT(complex) b) {
  return (FFT(complex)){(REAL)(a.r - b.i), (REAL)(a.i + b.r)};
}

static inline FFT(complex) FFT(minus_i)(FFT(complex) a, FFT(complex) b) {
  return (FFT(complex)){(REAL)(a.r + b.i), (REAL)(a.i - b.r)};
}

static inline FFT(complex) FFT(conjugate)(FFT(complex) x) {
  return (FFT(complex)){x.r, (REAL)-x.i};
}

/* ---- butterflies: combine results of `radix` transforms of `m`, which lie one behind the other,
 * in place. Twiddles are `stride` apart. ---- */

static void FFT(radix_2)(const FFT(complex) *twiddles, FFT(complex) *x, uint32_t stride,
                         uint32_t m) {
  for (uint32_t u = 0; u < m; u++, x++) {
    FFT(complex) a = FFT(part)(x[0], 2), b = FFT(part)(x[m], 2);
    FFT(complex) t = FFT(times)(b, twiddles[u * stride]);
    x[m] = FFT(minus)(a, t);
    x[0] = FFT(plus)(a, t);
  }
}

static void FFT(radix_3)(const FFT(complex) *twiddles, FFT(complex) *x, uint32_t stride,
                         uint32_t m) {
  const REAL third = twiddles[stride * m].i;
  for (uint32_t u = 0; u < m; u++, x++) {
    FFT(complex) a = FFT(part)(x[0], 3);
    FFT(complex) b = FFT(times)(FFT(part)(x[m], 3), twiddles[u * stride]);
    FFT(complex) c = FFT(times)(FFT(part)(x[2 * m], 3), twiddles[2 * u * stride]);
    FFT(complex) both = FFT(plus)(b, c), apart = FFT(minus)(b, c);
    FFT(complex) middle = {(REAL)(a.r - FFT(half)(both.r)), (REAL)(a.i - FFT(half)(both.i))};
    apart = (FFT(complex)){FFT(scaled)(apart.r, third), FFT(scaled)(apart.i, third)};
    x[0] = FFT(plus)(a, both);
    x[m] = FFT(plus_i)(middle, apart);
    x[2 * m] = FFT(minus_i)(middle, apart);
  }
}

static void FFT(radix_4)(const FFT(complex) *twiddles, FFT(complex) *x, uint32_t stride,
                         uint32_t m, bool inverse) {
  for (uint32_t u = 0; u < m; u++, x++) {
    FFT(complex) a = FFT(part)(x[0], 4);
    FFT(complex) b = FFT(times)(FFT(part)(x[m], 4), twiddles[u * stride]);
    FFT(complex) c = FFT(times)(FFT(part)(x[2 * m], 4), twiddles[2 * u * stride]);
    FFT(complex) d = FFT(times)(FFT(part)(x[3 * m], 4), twiddles[3 * u * stride]);
    FFT(complex) even = FFT(plus)(a, c), odd = FFT(minus)(a, c);
    FFT(complex) both = FFT(plus)(b, d), apart = FFT(minus)(b, d);
    x[0] = FFT(plus)(even, both);
    x[2 * m] = FFT(minus)(even, both);
    FFT(complex) left = FFT(plus_i)(odd, apart), right = FFT(minus_i)(odd, apart);
    x[m] = inverse ? left : right;
    x[3 * m] = inverse ? right : left;
  }
}

/* a + b p + c q, where each product is rounded. */
static inline FFT(complex) FFT(mix)(FFT(complex) a, FFT(complex) b, REAL p, FFT(complex) c, REAL q) {
  return (FFT(complex)){(REAL)(a.r + FFT(scaled)(b.r, p) + FFT(scaled)(c.r, q)),
                        (REAL)(a.i + FFT(scaled)(b.i, p) + FFT(scaled)(c.i, q))};
}

static void FFT(radix_5)(const FFT(complex) *twiddles, FFT(complex) *x, uint32_t stride,
                         uint32_t m) {
  const FFT(complex) p = twiddles[stride * m], q = twiddles[2 * stride * m];
  for (uint32_t u = 0; u < m; u++, x++) {
    FFT(complex) a = FFT(part)(x[0], 5), b[4];
    for (uint32_t k = 0; k < 4; k++) {
      b[k] = FFT(times)(FFT(part)(x[(k + 1) * m], 5), twiddles[(k + 1) * u * stride]);
    }
    FFT(complex) outer = FFT(plus)(b[0], b[3]), outer_apart = FFT(minus)(b[0], b[3]);
    FFT(complex) inner = FFT(plus)(b[1], b[2]), inner_apart = FFT(minus)(b[1], b[2]);
    x[0] = (FFT(complex)){(REAL)(a.r + (outer.r + inner.r)), (REAL)(a.i + (outer.i + inner.i))};
    FFT(complex) near = FFT(mix)(a, outer, p.r, inner, q.r);
    FFT(complex) far = FFT(mix)(a, outer, q.r, inner, p.r);
    FFT(complex) near_turn = {
        (REAL)(FFT(scaled)(outer_apart.i, p.i) + FFT(scaled)(inner_apart.i, q.i)),
        (REAL)(-FFT(scaled)(outer_apart.r, p.i) - FFT(scaled)(inner_apart.r, q.i))};
    FFT(complex) far_turn = {
        (REAL)(-FFT(scaled)(outer_apart.i, q.i) + FFT(scaled)(inner_apart.i, p.i)),
        (REAL)(FFT(scaled)(outer_apart.r, q.i) - FFT(scaled)(inner_apart.r, p.i))};
    x[m] = FFT(minus)(near, near_turn);
    x[4 * m] = FFT(plus)(near, near_turn);
    x[2 * m] = FFT(plus)(far, far_turn);
    x[3 * m] = FFT(minus)(far, far_turn);
  }
}

/* ---- the transform ---- */

/* `count` reals and zeros behind them, as complex numbers in the order that the innermost
 * transforms take them: the digits of an index by the radixes, reversed. */
static void FFT(spread)(const tw_fft *fft, const REAL *reals, uint32_t count, FFT(complex) *to) {
  uint8_t digit[TW_FFT_STAGES] = {0};
  uint32_t from = 0;
  for (uint32_t k = 0; k < fft->points; k++) {
    REAL r = 2 * from < count ? reals[2 * from] : 0;
    REAL i = 2 * from + 1 < count ? reals[2 * from + 1] : 0;
    to[k] = (FFT(complex)){r, i};
    uint32_t step = fft->points;
    for (uint32_t s = fft->stages; s-- > 0;) {
      step /= fft->radix[s];
      from += step;
      if (++digit[s] < fft->radix[s]) break;
      digit[s] = 0;
      from -= step * fft->radix[s];
    }
  }
}

static void FFT(combine)(const tw_fft *fft, FFT(complex) *x) {
  const FFT(complex) *twiddles = fft->twiddles;
  uint32_t m = 1;
  for (uint32_t s = fft->stages; s-- > 0;) {
    const uint32_t radix = fft->radix[s], size = m * radix, stride = fft->points / size;
    for (uint32_t at = 0; at < fft->points; at += size) {
      switch (radix) {
        case 2: FFT(radix_2)(twiddles, x + at, stride, m); break;
        case 3: FFT(radix_3)(twiddles, x + at, stride, m); break;
        case 4: FFT(radix_4)(twiddles, x + at, stride, m, fft->inverse); break;
        default: FFT(radix_5)(twiddles, x + at, stride, m); break;
      }
    }
    m = size;
  }
}

static void FFT(forward)(const tw_fft *fft, const REAL *reals, FFT(complex) *bins) {
  const FFT(complex) *turns = fft->turns;
  FFT(complex) *x = fft->work;
  const uint32_t n = fft->points;
  FFT(spread)(fft, reals, fft->row_reals, x);
  FFT(combine)(fft, x);
  FFT(complex) mean = FFT(part)(x[0], 2);
  bins[0] = (FFT(complex)){(REAL)(mean.r + mean.i), 0};
  bins[n] = (FFT(complex)){(REAL)(mean.r - mean.i), 0};
  for (uint32_t k = 1; k <= n / 2; k++) {
    FFT(complex) a = FFT(part)(x[k], 2), b = FFT(part)(FFT(conjugate)(x[n - k]), 2);
    FFT(complex) even = FFT(plus)(a, b);
    FFT(complex) odd = FFT(times)(FFT(minus)(a, b), turns[k - 1]);
    bins[k] = (FFT(complex)){HALF_OF_INT(even.r + odd.r), HALF_OF_INT(even.i + odd.i)};
    bins[n - k] = (FFT(complex)){HALF_OF_INT(even.r - odd.r), HALF_OF_INT(odd.i - even.i)};
  }
}

static void FFT(inverse)(const tw_fft *fft, const FFT(complex) *bins, REAL *reals) {
  const FFT(complex) *turns = fft->turns;
  FFT(complex) *x = fft->work;
  const uint32_t n = fft->points;
  x[0] = (FFT(complex)){(REAL)(bins[0].r + bins[n].r), (REAL)(bins[0].r - bins[n].r)};
  x[0] = FFT(part)(x[0], 2);
  for (uint32_t k = 1; k <= n / 2; k++) {
    FFT(complex) a = FFT(part)(bins[k], 2), b = FFT(part)(FFT(conjugate)(bins[n - k]), 2);
    FFT(complex) even = FFT(plus)(a, b);
    FFT(complex) odd = FFT(times)(FFT(minus)(a, b), turns[k - 1]);
    x[k] = FFT(plus)(even, odd);
    x[n - k] = FFT(conjugate)(FFT(minus)(even, odd));
  }
  FFT(spread)(fft, (const REAL *)x, 2 * n, (FFT(complex) *)reals);
  FFT(combine)(fft, (FFT(complex) *)reals);
#if !FRACTION
  for (uint32_t i = 0; i < 2 * n; i++) reals[i] /= (REAL)(2 * n);
#endif
}

/* Factor e^(i phase) number `k`. */
static void FFT(fill)(FFT(complex) *factors, uint32_t k, double sine, double cosine) {
  factors[k] = (FFT(complex)){FFT(factor)(cosine), FFT(factor)(sine)};
}

#undef HALF_OF_INT
