#include "tw_move.h"
#include "tw_reduce.h"

/* REDUCE_ALL: whether all booleans along the axes are true. */
static tw_status prepare(tw_engine *e, tw_node *node) {
  bool *keep = node->data = tw_alloc(e, sizeof *keep);
  if (keep == NULL) return TW_E_ARENA;
  TW_TRY(tw_reduce_prepare(e, node, keep));
  return tw_expect_moved(e, tw_input(e, node, 0), tw_output(e, node, 0), TW_TYPE(TW_BOOL));
}

TW_SMALL static void one(const void *params, const tw_tensor *input, int32_t at, tw_walk *w,
                         void *output) {
  bool all = true;
  (void)params;
  do {
    const uint8_t *x = (const uint8_t *)input->data + at;
    for (int32_t i = 0; i < w->size; i++, x += w->step) all = all && *x != 0;
  } while (tw_walk_next(w, &at));
  *(uint8_t *)output = all;
}

static int eval(tw_engine *e, tw_node *node) {
  const bool keep = *(const bool *)node->data;
  tw_reduction r;
  TW_TRY(tw_reduce_axes(e, node, keep, tw_elements(tw_input(e, node, 1)), &r));
  return tw_reduce_run(e, node, r.axes, one, NULL);
}

const tw_op tw_op_reduce_all = {.code = 140, .prepare = prepare, .eval = eval};
