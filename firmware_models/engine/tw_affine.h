/* Scale and zero point of a quantized tensor, checked. */
#ifndef TW_AFFINE_H
#define TW_AFFINE_H

#include "tw_quant.h"

typedef struct {
  float scale; /* finite, > 0 */
  int32_t zero_point; /* in the range of the tensor's type */
} tw_affine;

/* Of input or output `i`, which is there and has type int8, uint8, int16 or int32; only in
 * prepare. */
tw_status tw_input_affine(tw_engine *e, const tw_node *node, uint32_t i, tw_affine *a);
tw_status tw_output_affine(tw_engine *e, const tw_node *node, uint32_t i, tw_affine *a);

/* The same, for an op that takes a scale of 0 too. */
tw_status tw_input_affine_or_0(tw_engine *e, const tw_node *node, uint32_t i, tw_affine *a);

/* A real multiplier in fixed point. */
typedef struct {
  int32_t multiplier;
  int8_t shift; /* -31 to 30 */
} tw_scale;

/* Split a ratio of scales; an error when tw_quantize_multiplier can't. */
tw_status tw_scale_of(tw_engine *e, double ratio, tw_scale *scale);

/* x times the multiplier, as tw_rescale has it. Not inlined: for where size counts. */
int32_t tw_scaled(int32_t x, tw_scale scale);

#endif
