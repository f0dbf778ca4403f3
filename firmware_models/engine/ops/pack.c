#include "tw_move.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, node->input_count, node->input_count, 1));
  tw_fb_table options;
  TW_TRY(tw_options(e, node, TW_OPTIONS_PACK, &options));
  int32_t count = tw_fb_i32(&e->fb, options, 0, 0), axis = tw_fb_i32(&e->fb, options, 1, 0);
  TW_VERIFY(e, count == node->input_count, TW_E_PARAM, "%d values of %u inputs", (int)count,
            node->input_count);
  return tw_strips_prepare(e, node, (tw_strips){.joining = true, .stacked = true}, axis,
                           TW_TYPES_F_I8_I16_I32 | TW_TYPE(TW_INT64));
}

const tw_op tw_op_pack = {.code = 83, .prepare = prepare, .eval = tw_strips_eval};
