/* What custom ops share: options in a FlexBuffer, tensors of given types and ranks. */
#ifndef TW_CUSTOM_H
#define TW_CUSTOM_H

#include "tw_flex.h"
#include "tw_kernel.h"

/* ---- options: only in prepare ---- */

/* The op's options, which must be there. */
tw_status tw_flex_options(tw_engine *e, const tw_node *node, tw_flex *options);

/* The first `count` options, in the order of their names, as TFLM's Signal ops read them: integers
 * or bools by position, whatever their names. */
tw_status tw_int_options(tw_engine *e, const tw_node *node, int32_t *values, uint32_t count);

/* Option T, a tw_type. 0, which is float32, when it is absent. */
tw_status tw_type_option(tw_engine *e, const tw_node *node, int32_t *type);

/* ---- tensors ---- */

enum { TW_ANY_RANK = -1 };

/* What a tensor of an op has to be. */
typedef struct {
  uint16_t type; /* tw_type, also one that the build lacks */
  int8_t rank;   /* or TW_ANY_RANK */
} tw_slot;

/* Check that the op has these inputs, then outputs, all present. */
tw_status tw_expect_slots(tw_engine *e, const tw_node *node, const tw_slot *slots, uint32_t inputs,
                          uint32_t outputs);

/* A tensor as rows of its last dimension, neither being 0. */
tw_status tw_rows_of(tw_engine *e, const tw_tensor *t, uint32_t *rows, uint32_t *row);

/* Check that two tensors, or a tensor and what fills it, have as many elements. */
tw_status tw_expect_elements(tw_engine *e, const char *what, const tw_tensor *t, uint64_t elements);

/* tw_alloc of a state's or a table's size, which the model chose: TW_E_LIMIT beyond 1 GiB. */
tw_status tw_alloc_large(tw_engine *e, uint64_t bytes, void **where);

#endif
