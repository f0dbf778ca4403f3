#include "tw_move.h"

/* As in TFLM the outputs' shapes say how long each part is; the sizes, input 1, are not read. */
static tw_status prepare(tw_engine *e, tw_node *node) {
  const int32_t *axis;
  TW_TRY(tw_expect(e, node, 3, 3, node->output_count));
  TW_TRY(tw_const_i32(e, node, 2, 1, &axis));
  return tw_strips_prepare(e, node, (tw_strips){.whole = 0}, *axis, TW_TYPES_F_I8_I16_I32);
}

const tw_op tw_op_split_v = {.code = 102, .prepare = prepare, .eval = tw_strips_eval};
