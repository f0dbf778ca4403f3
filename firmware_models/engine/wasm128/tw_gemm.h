/* Rows of int16 times rows of int8 weights, to int8. */
#ifndef TW_GEMM_H
#define TW_GEMM_H

#include "tw_simd.h"

/* Rows lie in panels of four: eight elements of the first, of the second, of the third, of the fourth,
 * the next eight of the first, and so on. */
enum { TW_PANEL_ROWS = 4, TW_PANEL_STEP = 8 * TW_PANEL_ROWS };

/* Channels that are computed together; of how many those are found that have no weights. */
enum { TW_GROUP = 4, TW_CONSTANTS = 1024 };

/* `rows` rows of x times all `channels` rows of the weights, each `width` elements. depth is width
 * rounded up to 8, with zeros between; x has whole panels. `widened` has room for
 * TW_GROUP rows of weights. */
typedef struct {
  const int16_t *x;
  const int8_t *weights;
  int32_t rows, width, depth, channels;
  const tw_requant *q;
  const tw_tensor *bias;
  int16_t *widened;
  int8_t *out;   /* [rows, channels] */
  int8_t *apart;     /* [rows, TW_GROUP] */
  int8_t *constants; /* [channels] when there are up to TW_CONSTANTS */
} tw_gemm;

/* Where row `i` begins in its panel; from there on it goes in steps of TW_PANEL_STEP. */
TW_INLINE int16_t *tw_panel_row(int16_t *x, int32_t i, int32_t depth) {
  return x + i / TW_PANEL_ROWS * TW_PANEL_ROWS * depth + i % TW_PANEL_ROWS * 8;
}

void tw_gemm_run(const tw_gemm *g);

/* The same for rows that lie one behind the other, `depth` apart: faster for fewer than
 * TW_GEMV_ROWS. `widened` is not used. */
enum { TW_GEMV_ROWS = 3 };
void tw_gemv_run(const tw_gemm *g);

#endif
