/* Rows of int16 times rows of int8 weights, to int8. */
#ifndef TW_GEMM_H
#define TW_GEMM_H

#include "tw_simd.h"

/* `rows` rows of x, `depth` apart, times all `channels` rows of the weights, each `width` elements.
 * depth is width rounded up to 8, with zeros between; x has room for rows rounded up to 4.
 * `widened` has room for two rows of weights. */
typedef struct {
  const int16_t *x;
  const int8_t *weights;
  int32_t rows, width, depth, channels;
  const tw_requant *q;
  const tw_tensor *bias;
  int16_t *widened;
  int8_t *out; /* [rows, channels] */
} tw_gemm;

void tw_gemm_run(const tw_gemm *g);

#endif
