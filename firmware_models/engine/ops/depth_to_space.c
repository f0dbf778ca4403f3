#include "tw_depth.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  return tw_depth_prepare(e, node, TW_OPTIONS_DEPTH_TO_SPACE, tw_output(e, node, 0),
                          tw_input(e, node, 0));
}

static int eval(tw_engine *e, tw_node *node) {
  tw_view_write(node->data, tw_input(e, node, 0)->data, tw_output(e, node, 0)->data);
  return TW_OK;
}

const tw_op tw_op_depth_to_space = {.code = 5, .prepare = prepare, .eval = eval};
