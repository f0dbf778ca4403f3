/* Reductions: which dimensions an axis tensor names, and walking over some dimensions of a tensor. */
#ifndef TW_REDUCE_H
#define TW_REDUCE_H

#include "tw_kernel.h"

/* Check input 0, the constant int32 axes of input 1 (negative ones count from the end, duplicates
 * count once) and that the output has the shape that reducing makes, and that nothing is empty.
 * Bit i of *axes: dimension i is reduced. *count: elements that make one output. */
tw_status tw_reduce_prepare(tw_engine *e, const tw_node *node, uint8_t *axes, uint32_t *count);

/* A walk over the elements along some dimensions, in memory's order. The innermost dimension is the
 * caller's loop: `size` elements, `step` apart. */
typedef struct {
  int32_t size, step;
  int32_t rank; /* of the others, from inner to outer */
  int32_t sizes[TW_MAX_RANK], steps[TW_MAX_RANK], at[TW_MAX_RANK];
} tw_walk;

/* Walk over the dimensions of `t` whose bits are set. */
void tw_walk_start(tw_walk *w, const tw_tensor *t, uint32_t dimensions);

/* Move *offset on to the next innermost row; false after the last, *offset being back at its first
 * value. */
bool tw_walk_next(tw_walk *w, int32_t *offset);

/* Make each output by calling `one` with the walk over what it is made of, which starts at element
 * `at` of the input. The dimensions in `axes` are reduced. */
typedef void (*tw_reduce_fn)(const void *params, const tw_tensor *input, int32_t at, tw_walk *w,
                             void *output);
int tw_reduce_run(const tw_engine *e, const tw_node *node, uint8_t axes, tw_reduce_fn one);

#endif
