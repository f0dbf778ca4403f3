/* What ops that treat each element by itself share. */
#ifndef TW_ELEMENTWISE_H
#define TW_ELEMENTWISE_H

#include "tw_affine.h"
#include "tw_broadcast.h"

/* One input, one output, as many elements in either. */
tw_status tw_expect_unary(tw_engine *e, const tw_node *node);

/* The same, and both of the input's type, float32, int8 or int16. */
tw_status tw_expect_unary_f_i8_i16(tw_engine *e, const tw_node *node);

/* Clamping range of a fused activation for int32 that is not quantized. */
void tw_activation_range_i32(int32_t activation, int32_t *low, int32_t *high);

/* ---- one input, as a function of each element ---- */

/* Prepare of an op that has float32 only: one input and an output of its shape. */
tw_status tw_unary_f32_prepare(tw_engine *e, tw_node *node);

/* f of each element of input 0 to output 0, both float32. */
int tw_map_f32(tw_engine *e, tw_node *node, float (*f)(float x));

/* The same for int8 or int16, clamped to the type; f also gets node->data. */
int tw_map_int(tw_engine *e, tw_node *node, int32_t (*f)(const void *params, int32_t x));

/* ---- two inputs that broadcast ---- */

/* What the parameters of a binary op start with. */
typedef struct {
  tw_broadcast *plan;
  tw_row_fn row;
} tw_binary;

/* Check that both inputs have the same type, of the set, and the output that type or, with
 * to_bool, bool, and that shapes broadcast. node->data becomes `bytes` zeros that start with a
 * tw_binary, whose row function is to be set. */
tw_status tw_binary_prepare(tw_engine *e, tw_node *node, uint32_t types, bool to_bool,
                            uint32_t bytes);

/* Run the row function; its parameters are all of node->data. */
int tw_binary_eval(tw_engine *e, tw_node *node);

#endif
