#include "tw_elementwise.h"
#include "tw_move.h"

TW_SMALL TW_ROW(row, tw_binary, uint8_t, bool, (x | y) != 0)

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_binary_prepare(e, node, TW_TYPE(TW_BOOL), true, sizeof(tw_binary)));
  ((tw_binary *)node->data)->row = row;
  return TW_OK;
}

const tw_op tw_op_logical_or = {.code = 84, .prepare = prepare, .eval = tw_binary_eval};
