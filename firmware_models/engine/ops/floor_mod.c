#include "tw_elementwise.h"
#include "tw_math.h"
#include "tw_move.h"

/* FLOOR_MOD: the remainder, with the divisor's sign. */

static float floor_mod(float x, float y) {
  float rest = tw_fmodf(x, y);
  return rest != 0.0f && (y < 0.0f) != (rest < 0.0f) ? rest + y : rest;
}

TW_SMALL TW_ROW(row, tw_binary, float, float, floor_mod(x, y))

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_binary_prepare(e, node, TW_TYPE(TW_FLOAT32), false, sizeof(tw_binary)));
  ((tw_binary *)node->data)->row = row;
  return TW_OK;
}

const tw_op tw_op_floor_mod = {.code = 95, .prepare = prepare, .eval = tw_binary_eval};
