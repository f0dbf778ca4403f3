/* int8 sums of any number of terms that have one scale: ADD_N and CUMSUM. A sum holds 2^19 for each
 * step of the input; it starts at the value that stands for 0 in the input's type, as TFLM has it,
 * and wraps. */
#ifndef TW_TALLY_H
#define TW_TALLY_H

#include "tw_affine.h"

typedef struct {
  tw_scale scale; /* of a sum, to the output */
  int16_t in_zero_point, out_zero_point;
} tw_tally;

/* Of input 0 and output 0, both int8. */
tw_status tw_tally_prepare(tw_engine *e, const tw_node *node, tw_tally *t);

static inline int32_t tw_tally_term(const tw_tally *t, int32_t q) {
  return (q - t->in_zero_point) * (1 << 19);
}

static inline int8_t tw_tally_result(const tw_tally *t, int32_t sum) {
  return (int8_t)tw_clamp(tw_scaled(sum, t->scale) + t->out_zero_point, INT8_MIN, INT8_MAX);
}

#endif
