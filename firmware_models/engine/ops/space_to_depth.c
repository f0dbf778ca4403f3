#include "tw_depth.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  return tw_depth_prepare(e, node, TW_OPTIONS_SPACE_TO_DEPTH, tw_input(e, node, 0),
                          tw_output(e, node, 0));
}

const tw_op tw_op_space_to_depth = {.code = 26, .prepare = prepare, .eval = tw_view_eval};
