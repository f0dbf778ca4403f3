/* GATHER and GATHER_ND: slices of the input, side by side, where indices say. */
#ifndef TW_GATHER_H
#define TW_GATHER_H

#include "tw_kernel.h"

/* A shape as it is put together. */
typedef struct {
  const tw_tensor *output;
  uint32_t rank;
  bool fits; /* so far */
} tw_shape_check;

/* Check types: float32 or int8, indices int32. */
tw_status tw_gather_types(tw_engine *e, const tw_node *node);

/* Append dimensions [from, to) of t. */
void tw_shape_append(tw_shape_check *check, const tw_tensor *t, int32_t from, int32_t to);

/* Whether the output has this shape, and neither it nor the input is empty. */
tw_status tw_shape_done(tw_engine *e, const tw_node *node, const tw_shape_check *check);

/* The product of dimensions [from, to) of t, in prepare's checked tensors. */
uint32_t tw_dims_product(const tw_tensor *t, int32_t from, int32_t to);

#endif
