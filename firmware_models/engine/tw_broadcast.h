/* Ops of two or three inputs whose shapes broadcast to the output's.
 *
 * Shapes are aligned at their last dimensions; sizes that differ are 1 but for one, and repeat. In
 * prepare, tw_broadcast_prepare checks the shapes and merges dimensions as far as it can; in eval,
 * tw_broadcast_run calls a row function, made by TW_ROW when there are two inputs, for each run of
 * the innermost of them. */
#ifndef TW_BROADCAST_H
#define TW_BROADCAST_H

#include "tw_kernel.h"

enum { TW_BROADCAST_INPUTS = 3 }; /* at most */

typedef struct {
  uint8_t levels;         /* merged dimensions, at least one, innermost first */
  uint8_t repeats[TW_BROADCAST_INPUTS]; /* by input: bit i is set when it repeats along level i */
  uint32_t counts[];      /* by level */
} tw_broadcast;

/* Check that the inputs, all of them there, broadcast to output 0, and set *plan to allocated
 * memory. */
tw_status tw_broadcast_prepare(tw_engine *e, const tw_node *node, tw_broadcast **plan);

/* A run of outputs. Of the inputs each element is taken, or one for all when its step is 0. */
typedef struct {
  const void *in[TW_BROADCAST_INPUTS];
  void *out;
  uint32_t count;
  uint32_t step[TW_BROADCAST_INPUTS]; /* elements, 0 or 1 */
} tw_row;

typedef void (*tw_row_fn)(const void *params, const tw_row *row);

void tw_broadcast_run(const tw_engine *e, const tw_node *node, const tw_broadcast *plan,
                      tw_row_fn each, const void *params);

/* Define the row function `name` that makes `expression` of x, y and p, the op's parameters. */
#define TW_ROW(name, params_type, in_type, out_type, expression)            \
  static void name(const void *params, const tw_row *row) {                 \
    const params_type *p = params;                                          \
    const in_type *a = row->in[0], *b = row->in[1];                         \
    out_type *out = row->out;                                               \
    const uint32_t count = row->count, a_step = row->step[0], b_step = row->step[1]; \
    for (uint32_t i = 0; i < count; i++, a += a_step, b += b_step) {        \
      const in_type x = *a, y = *b;                                         \
      (void)p;                                                              \
      out[i] = (expression);                                                \
    }                                                                       \
  }

#endif
