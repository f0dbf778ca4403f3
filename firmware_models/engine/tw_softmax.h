/* What SOFTMAX and LOG_SOFTMAX share: sums of e^(x - max) over int8 rows, in fixed point. */
#ifndef TW_SOFTMAX_H
#define TW_SOFTMAX_H

#include "tw_kernel.h"

enum { TW_SOFTMAX_BITS = 5, TW_SOFTMAX_SUM_BITS = 12 }; /* integer bits of differences and sums */

/* By what differences of int8 values are scaled. */
typedef struct {
  int32_t multiplier;
  int32_t least; /* differences from the maximum below it count as e^-infinity */
  int8_t shift;
} tw_softmax;

/* For differences that stand for `scale` each. */
tw_status tw_softmax_prepare(tw_engine *e, double scale, tw_softmax *s);

/* A difference, not below s->least, in fixed point. */
int32_t tw_softmax_scaled(const tw_softmax *s, int32_t difference);

/* The sum of e^(x - *max) over a row and its maximum. Sums that TFLM lets overflow saturate. */
int32_t tw_softmax_sum(const tw_softmax *s, const int8_t *x, int32_t depth, int32_t *max);

#endif
