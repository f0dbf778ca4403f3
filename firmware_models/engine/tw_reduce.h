/* Reductions: which dimensions an axis tensor names, and walking over some dimensions of a tensor. */
#ifndef TW_REDUCE_H
#define TW_REDUCE_H

#include "tw_kernel.h"

/* Check that nothing is empty and that input 1 has type int32; read keep_dims. Constant axes are
 * checked too, computed ones have to wait for eval. */
tw_status tw_reduce_prepare(tw_engine *e, const tw_node *node, bool *keep);

/* Whether the axes of input 1 are computed. */
bool tw_reduce_computed(const tw_engine *e, const tw_node *node);

typedef struct {
  uint32_t count; /* elements that make one output */
  uint8_t axes;   /* bit i: dimension i is reduced */
} tw_reduction;

/* What the first `given` axes of input 1 make: negative ones count from the end, duplicates count
 * once, those of a scalar do not count. An error when there is no such axis, or when the output has
 * not the shape that they make. */
tw_status tw_reduce_axes(tw_engine *e, const tw_node *node, bool keep, uint32_t given,
                         tw_reduction *r);

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
 * `at` of the input. The dimensions in `axes` are reduced; `params` is passed on. */
typedef void (*tw_reduce_fn)(const void *params, const tw_tensor *input, int32_t at, tw_walk *w,
                             void *output);
int tw_reduce_run(const tw_engine *e, const tw_node *node, uint8_t axes, tw_reduce_fn one,
                  const void *params);

#endif
