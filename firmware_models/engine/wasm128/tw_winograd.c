#include "tw_winograd.h"

/* Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), section 4.1. With an image
 * tile d of 4 x 4 and a filter g, the output tile is A'[(G g G') * (B' d B)]A. All of it is exact here:
 * G has halves, so twice G is taken, and the sums are four times what they should be. Tiles of the image
 * are at most 4 * 255, filters 9 * 128. Sums wrap, but four times a sum is an int32. */

/* One column of B' d, or row of d B: element `i` of four. */
TW_INLINE v128_t image_sum(v128_t d0, v128_t d1, v128_t d2, v128_t d3, int32_t i) {
  switch (i) {
    case 0: return wasm_i16x8_sub(d0, d2);
    case 1: return wasm_i16x8_add(d1, d2);
    case 2: return wasm_i16x8_sub(d2, d1);
    default: return wasm_i16x8_sub(d1, d3);
  }
}

/* Row `i` of the 4 x 4 of one tile, eight channels; `plane` lies between elements. */
TW_INLINE void transform_row(const int16_t *const rows[4], int32_t at, int32_t depth, int32_t i,
                             int32_t plane, int16_t *out) {
  v128_t t[4];
#pragma clang loop unroll(full)
  for (int32_t j = 0; j < 4; j++) {
    const int32_t x = at + j * depth;
    const v128_t zero = wasm_i16x8_splat(0);
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
  const int32_t depth = t->depth, plane = t->rows * t->columns * depth;
  int16_t *out = t->image;
  for (int32_t row = 0; row < t->rows; row++) {
    const int16_t *const *const rows = t->starts + 4 * row;
    for (int32_t column = 0; column < t->columns; column++) {
      for (int32_t c = 0; c < depth; c += 8, out += 8) {
        const int32_t at = 2 * column * depth + c;
        transform_row(rows, at, depth, 0, plane, out);
        transform_row(rows, at, depth, 1, plane, out);
        transform_row(rows, at, depth, 2, plane, out);
        transform_row(rows, at, depth, 3, plane, out);
      }
    }
  }
}

/* 2 G of three taps. */
TW_INLINE void filter_sums(v128_t g0, v128_t g1, v128_t g2, v128_t out[4]) {
  const v128_t ends = wasm_i16x8_add(g0, g2);
  out[0] = wasm_i16x8_add(g0, g0);
  out[1] = wasm_i16x8_add(ends, g1);
  out[2] = wasm_i16x8_sub(ends, g1);
  out[3] = wasm_i16x8_add(g2, g2);
}

/* A filter, as number `i` of a group. */
static TW_NOINLINE void transform_filter(const int8_t *w, int32_t depth, int32_t i, int16_t *out) {
  for (int32_t c = 0; c < depth; c += 8) {
    v128_t rows[4][3];
#pragma clang loop unroll(full)
    for (int32_t x = 0; x < 3; x++) {
      const int8_t *at = w + x * depth + c;
      v128_t column[4];
      filter_sums(wasm_i16x8_load8x8(at), wasm_i16x8_load8x8(at + 3 * depth),
                  wasm_i16x8_load8x8(at + 6 * depth), column);
      for (int32_t y = 0; y < 4; y++) rows[y][x] = column[y];
    }
#pragma clang loop unroll(full)
    for (int32_t y = 0; y < 4; y++) {
      v128_t sums[4];
      filter_sums(rows[y][0], rows[y][1], rows[y][2], sums);
      for (int32_t x = 0; x < 4; x++) {
        wasm_v128_store(out + (4 * y + x) * depth * TW_GROUP + c * TW_GROUP + i * 8, sums[x]);
      }
    }
  }
}

/* Of A' m: the sum of the first three, or what the second has more than the last two. */
TW_INLINE v128_t product_sum(v128_t m0, v128_t m1, v128_t m2, v128_t m3, bool second) {
  return second ? wasm_i32x4_sub(wasm_i32x4_sub(m1, m2), m3)
                : wasm_i32x4_add(wasm_i32x4_add(m0, m1), m2);
}

/* Line `second` of a row of tiles, two pixels a tile, times the gains. */
TW_INLINE void sum_line(const int32_t *products, int32_t plane, int32_t columns, bool second,
                        v128_t gains, int32_t *sums) {
  for (; columns > 0; columns--, products += TW_GROUP, sums += 2 * TW_GROUP) {
    v128_t a[4];
#pragma clang loop unroll(full)
    for (int32_t j = 0; j < 4; j++) {
      const int32_t *const m = products + j * plane;
      const v128_t zero = wasm_i32x4_splat(0);
      a[j] = product_sum(second ? zero : wasm_v128_load(m), wasm_v128_load(m + 4 * plane),
                         wasm_v128_load(m + 8 * plane),
                         second ? wasm_v128_load(m + 12 * plane) : zero, second);
    }
    const v128_t left = wasm_i32x4_shr(product_sum(a[0], a[1], a[2], a[3], false), 2),
                 right = wasm_i32x4_shr(product_sum(a[0], a[1], a[2], a[3], true), 2);
    wasm_v128_store(sums, wasm_i32x4_mul(left, gains));
    wasm_v128_store(sums + TW_GROUP, wasm_i32x4_mul(right, gains));
  }
}

static TW_NOINLINE void sum_first(const int32_t *products, int32_t plane, int32_t columns,
                                  v128_t gains, int32_t *sums) {
  sum_line(products, plane, columns, false, gains, sums);
}
static TW_NOINLINE void sum_second(const int32_t *products, int32_t plane, int32_t columns,
                                   v128_t gains, int32_t *sums) {
  sum_line(products, plane, columns, true, gains, sums);
}

static void run_group(const tw_gemm *g, const tw_group *of, const void *data) {
  const tw_tiles *t = data;
  const int32_t depth = t->depth, tiles = t->rows * t->columns, plane = (tiles + 1) * TW_GROUP;
  for (int32_t i = 0; i < of->count; i++) {
    transform_filter(g->weights + (size_t)of->channels[i] * (size_t)g->width, depth, i, g->widened);
  }
  for (int32_t k = 0; k < 16; k++) {
    const int16_t *const start = t->image + k * tiles * depth;
    tw_gemm_multiply(&start, 0, depth, 1, depth / 8, g->widened + k * depth * TW_GROUP, tiles,
                     t->products + k * plane);
  }
  const v128_t gains = wasm_i32x4_load16x4(of->scale.gains);
  int8_t *out = t->out;
  for (int32_t y = 0; y < t->height; y++, out += t->width * g->scales.channels) {
    const int32_t *const products = t->products + y / 2 * t->columns * TW_GROUP;
    (y % 2 == 0 ? sum_first : sum_second)(products, plane, t->columns, gains, g->sums);
    tw_gemm_finish(g, of, t->width, out);
  }
}

void tw_winograd_run(const tw_gemm *g, const tw_tiles *t) {
  transform_image(t);
  tw_gemm_run(g, t->out, t->height * t->width, run_group, t);
}
