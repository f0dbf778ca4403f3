#include "tw_move.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  const int32_t *axis;
  TW_TRY(tw_expect(e, node, 2, 2, node->output_count));
  TW_TRY(tw_const_i32(e, node, 0, 1, &axis));
  for (uint32_t i = 1; i < node->output_count; i++) {
    TW_VERIFY(e, tw_same_shape(tw_output(e, node, 0), tw_output(e, node, i)), TW_E_SHAPE,
              "outputs 0 and %u differ", (unsigned)i);
  }
  return tw_strips_prepare(e, node, (tw_strips){.whole = 1}, *axis, TW_TYPES_F_I8_I16_I32);
}

const tw_op tw_op_split = {.code = 49, .prepare = prepare, .eval = tw_strips_eval};
