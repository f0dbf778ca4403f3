/* What ops that treat each element by itself share. */
#ifndef TW_ELEMENTWISE_H
#define TW_ELEMENTWISE_H

#include "tw_affine.h"

/* One input, one output, as many elements in either. */
tw_status tw_expect_unary(tw_engine *e, const tw_node *node);

/* The same, and both of the input's type, float32, int8 or int16. */
tw_status tw_expect_unary_f_i8_i16(tw_engine *e, const tw_node *node);

/* Types of a binary op: float32, int8, int16 or int32, the same everywhere. */
tw_status tw_expect_binary(tw_engine *e, const tw_node *node);

/* Clamping range of a fused activation for int32 that is not quantized. */
void tw_activation_range_i32(int32_t activation, int32_t *low, int32_t *high);

#endif
