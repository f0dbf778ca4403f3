#include "tw_move.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, node->output_count));
  tw_fb_table options;
  TW_TRY(tw_options(e, node, TW_OPTIONS_UNPACK, &options));
  int32_t count = tw_fb_i32(&e->fb, options, 0, 0), axis = tw_fb_i32(&e->fb, options, 1, 0);
  TW_VERIFY(e, count == node->output_count, TW_E_PARAM, "%d values to %u outputs", (int)count,
            node->output_count);
  return tw_strips_prepare(e, node, (tw_strips){.stacked = true}, axis, TW_TYPES_F_I8_I16_I32);
}

const tw_op tw_op_unpack = {.code = 88, .prepare = prepare, .eval = tw_strips_eval};
