/* Depthwise sums: windows of pairs of elements, four channels at a time. */
#ifndef TW_PAIRS_H
#define TW_PAIRS_H

#include "tw_simd.h"

/* A window: `rows` rows of `taps` pairs each, `tap_step` columns apart. A row that begins at `zeros` is
 * outside of the image. */
typedef struct {
  int32_t rows, taps, tap_step;
  const int16_t *zeros;
} tw_pairs;

/* A part of some lines, every `stride` of them: `pixels` of each, whose pairs begin `offset` behind where
 * those of the line do, and are `step` apart from pixel to pixel. */
typedef struct {
  const int16_t *const *starts;
  int32_t lines, stride, pixels, offset, step;
} tw_pairs_part;

/* Add up products with the weights of four channels, pair by pair; sums are [lines, pixels, 4], and lines
 * are `stride` of them apart. Nothing past a line is written. */
typedef void tw_pairs_sum(const tw_pairs *p, const tw_pairs_part *of, const int16_t *weights, int32_t *sums);

/* `slides`: windows are of one row, and move by one. */
tw_pairs_sum *tw_pairs_sum_for(const tw_pairs *p, bool slides);

#endif
