#include "tw_winograd.h"

/* Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), section 4.1. With an image
 * tile d of 4 x 4 and a filter g, the output tile is A'[(G g G') * (B' d B)]A. All of it is exact here:
 * G has halves, so twice G is taken, and the sums are four times what they should be. Tiles of the image
 * are at most 4 * 255, filters 9 * 128. Sums wrap, but four times a sum is an int32. */

int32_t tw_winograd_tiles(const tw_tiles *t) { return (t->rows * t->columns + 15) & ~15; }

/* ---- the image ---- */

/* Element `i` of B' d. */
TW_INLINE v128_t image_sum(v128_t d0, v128_t d1, v128_t d2, v128_t d3, int32_t i) {
  switch (i) {
    case 0: return wasm_i16x8_sub(d0, d2);
    case 1: return wasm_i16x8_add(d1, d2);
    case 2: return wasm_i16x8_sub(d2, d1);
    default: return wasm_i16x8_sub(d1, d3);
  }
}

/* Row `i` of B' d B for four tiles and a pair of channels. Columns 0 and 2 of the first tile are at `at`
 * and behind, 1 and 3 `odd` further. */
TW_INLINE void transform_row(const int16_t *const rows[4], int32_t at, int32_t odd, int32_t i,
                             int32_t plane, int16_t *out) {
  v128_t t[4];
  const v128_t zero = wasm_i16x8_splat(0);
#pragma clang loop unroll(full)
  for (int32_t j = 0; j < 4; j++) {
    const int32_t x = at + (j % 2 == 0 ? 0 : odd) + j / 2 * 2;
    t[j] = image_sum(i == 0 ? wasm_v128_load(rows[0] + x) : zero,
                     i == 0 ? zero : wasm_v128_load(rows[1] + x),
                     i == 3 ? zero : wasm_v128_load(rows[2] + x),
                     i == 3 ? wasm_v128_load(rows[3] + x) : zero, i);
  }
#pragma clang loop unroll(full)
  for (int32_t j = 0; j < 4; j++) {
    wasm_v128_store(out + (4 * i + j) * plane, image_sum(t[0], t[1], t[2], t[3], j));
  }
}

static TW_NOINLINE void transform_image(const tw_tiles *t) {
  const int32_t pairs = t->depth / 2, tiles = tw_winograd_tiles(t), plane = pairs * tiles * 2;
  const int32_t odd = (t->columns + 1) * 2;
  for (int32_t row = 0; row < t->rows; row++) {
    const int16_t *const *const rows = t->starts + 4 * row;
    for (int32_t pair = 0; pair < pairs; pair++) {
      int16_t *out = t->image + (pair * tiles + row * t->columns) * 2;
      int32_t at = pair * 2 * odd;
      for (int32_t column = t->columns; column > 0; column -= 4, at += 8, out += 8) {
        transform_row(rows, at, odd, 0, plane, out);
        transform_row(rows, at, odd, 1, plane, out);
        transform_row(rows, at, odd, 2, plane, out);
        transform_row(rows, at, odd, 3, plane, out);
      }
    }
  }
}

/* ---- filters ---- */

/* 2 G of three taps. */
TW_INLINE void filter_sums(v128_t g0, v128_t g1, v128_t g2, v128_t out[4]) {
  const v128_t ends = wasm_i16x8_add(g0, g2);
  out[0] = wasm_i16x8_add(g0, g0);
  out[1] = wasm_i16x8_add(ends, g1);
  out[2] = wasm_i16x8_sub(ends, g1);
  out[3] = wasm_i16x8_add(g2, g2);
}

/* A filter; `plane` lies between the sixteen elements. */
static TW_NOINLINE void transform_filter(const int8_t *w, int32_t depth, int32_t plane, int16_t *out) {
  for (int32_t c = 0; c < depth; c += 8, w += 8, out += 8) {
    v128_t rows[4][3];
#pragma clang loop unroll(full)
    for (int32_t x = 0; x < 3; x++) {
      v128_t column[4];
      filter_sums(wasm_i16x8_load8x8(w + x * depth), wasm_i16x8_load8x8(w + (x + 3) * depth),
                  wasm_i16x8_load8x8(w + (x + 6) * depth), column);
      for (int32_t y = 0; y < 4; y++) rows[y][x] = column[y];
    }
#pragma clang loop unroll(full)
    for (int32_t y = 0; y < 4; y++) {
      v128_t sums[4];
      filter_sums(rows[y][0], rows[y][1], rows[y][2], sums);
      for (int32_t x = 0; x < 4; x++) wasm_v128_store(out + (4 * y + x) * plane, sums[x]);
    }
  }
}

/* ---- products ---- */

/* The next pair, number `k` of four: it is there, but see docs/adr/0016 for why loops are written so. */
#define STEP(k)                                                           \
  s = tw_add_products(s, x, wasm_i32x4_shuffle(a, a, (k), (k), (k), (k)), \
                      wasm_i32x4_shuffle(b, b, (k), (k), (k), (k)));      \
  x += tiles * 2;                                                         \
  if (left <= 2 * (k) + 2) break;

/* Two filters, `depth` apart, whose sums are `tiles` apart. */
static TW_NOINLINE void multiply(const int16_t *image, const int16_t *filters, int32_t depth,
                                 int32_t tiles, int32_t *out) {
  const v128_t zero = wasm_i32x4_splat(0);
  for (int32_t tile = 0; tile < tiles; tile += 16, image += 32, out += 16) {
    tw_sums8 s = {zero, zero, zero, zero, zero, zero, zero, zero};
    const int16_t *x = image, *w = filters;
    for (int32_t left = depth;;) {
      const v128_t a = wasm_v128_load(w), b = wasm_v128_load(w + depth);
      STEP(0) STEP(1) STEP(2) STEP(3)
      left -= 8, w += 8;
    }
    wasm_v128_store(out, s.a0), wasm_v128_store(out + 4, s.a1);
    wasm_v128_store(out + 8, s.a2), wasm_v128_store(out + 12, s.a3);
    wasm_v128_store(out + tiles, s.b0), wasm_v128_store(out + tiles + 4, s.b1);
    wasm_v128_store(out + tiles + 8, s.b2), wasm_v128_store(out + tiles + 12, s.b3);
  }
}

/* ---- sums ---- */

/* Element `i` of A' m. */
TW_INLINE v128_t product_sum(v128_t m0, v128_t m1, v128_t m2, v128_t m3, int32_t i) {
  return i == 0 ? wasm_i32x4_add(wasm_i32x4_add(m0, m1), m2)
                : wasm_i32x4_sub(wasm_i32x4_sub(m1, m2), m3);
}

/* A' m A of four tiles: line by line two pixels, `step` apart. */
TW_INLINE void transform_products(const int32_t *m, int32_t plane, v128_t *out, int32_t step) {
#pragma clang loop unroll(full)
  for (int32_t i = 0; i < 2; i++) {
    v128_t a[4];
    const v128_t zero = wasm_i32x4_splat(0);
#pragma clang loop unroll(full)
    for (int32_t j = 0; j < 4; j++) {
      const int32_t *const at = m + j * plane;
      a[j] = product_sum(i == 0 ? wasm_v128_load(at) : zero, wasm_v128_load(at + 4 * plane),
                         wasm_v128_load(at + 8 * plane),
                         i == 0 ? zero : wasm_v128_load(at + 12 * plane), i);
    }
    out[2 * i * step] = wasm_i32x4_shr(product_sum(a[0], a[1], a[2], a[3], 0), 2);
    out[(2 * i + 1) * step] = wasm_i32x4_shr(product_sum(a[0], a[1], a[2], a[3], 1), 2);
  }
}

/* Four filters of four tiles, to four tiles of four filters, two pixels apart. */
TW_INLINE void put_sums(v128_t x[TW_GROUP], v128_t gains, int32_t *out) {
  tw_turn(x);
  for (int32_t i = 0; i < 4; i++) {
    wasm_v128_store(out + 2 * i * TW_GROUP, wasm_i32x4_mul(x[i], gains));
  }
}

/* The two lines of a row of tiles. */
static TW_NOINLINE void sum_lines(const tw_tiles *t, const int32_t *products, v128_t gains) {
  const int32_t tiles = tw_winograd_tiles(t), plane = tiles * TW_GROUP, line = 2 * t->columns * TW_GROUP;
  int32_t *out = t->sums;
  for (int32_t column = 0; column < t->columns; column += 4, products += 4, out += 8 * TW_GROUP) {
    v128_t x[4][TW_GROUP]; /* by pixel of a tile */
    for (int32_t i = 0; i < TW_GROUP; i++) {
      transform_products(products + i * tiles, plane, &x[0][i], TW_GROUP);
    }
    put_sums(x[0], gains, out);
    put_sums(x[1], gains, out + TW_GROUP);
    put_sums(x[2], gains, out + line);
    put_sums(x[3], gains, out + line + TW_GROUP);
  }
}

static void pack_group(const tw_gemm *g, const tw_group *of, const void *data, int16_t *widened) {
  const int32_t depth = ((const tw_tiles *)data)->depth;
  for (int32_t i = 0; i < of->count; i++) {
    transform_filter(g->weights + (size_t)of->channels[i] * (size_t)g->width, depth, depth * TW_GROUP,
                     widened + i * depth);
  }
}

static void run_group(const tw_gemm *g, const tw_group *of, const void *data, const int16_t *widened) {
  const tw_tiles *t = data;
  const int32_t depth = t->depth, tiles = tw_winograd_tiles(t);
  for (int32_t k = 0; k < 16; k++) {
    for (int32_t i = k * TW_GROUP; i < k * TW_GROUP + of->count; i += 2) {
      multiply(t->image + k * depth * tiles, widened + i * depth, depth, tiles,
               t->products + i * tiles);
    }
  }
  const v128_t gains = wasm_i32x4_load16x4(of->scale.gains);
  int8_t *out = t->out;
  const int32_t line = 2 * t->columns;
  for (int32_t y = 0, lines; y < t->height; y += lines, out += lines * t->width * g->scales.channels) {
    if (y % 2 == 0) sum_lines(t, t->products + y / 2 * t->columns, gains);
    /* Both at once where no sums lie between them. */
    lines = t->width == line && y % 2 == 0 ? tw_min(2, t->height - y) : 1;
    tw_gemm_finish(g, of, t->sums + y % 2 * line * TW_GROUP, false, lines * t->width, out);
  }
}

void tw_winograd_run(tw_gemm *g, const tw_tiles *t) {
  static const tw_way way = {pack_group, run_group};
  transform_image(t);
  tw_gemm_run(g, t->out, t->height * t->width, &way, t);
}
