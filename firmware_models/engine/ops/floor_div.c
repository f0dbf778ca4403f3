#include "tw_elementwise.h"
#include "tw_move.h"

/* FLOOR_DIV: the quotient rounded down; a divisor of 0 is an error. */

TW_SMALL TW_ROW(row, tw_binary, float, float, (float)__builtin_floor((double)x / (double)y))

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_binary_prepare(e, node, TW_TYPE(TW_FLOAT32), false, sizeof(tw_binary)));
  ((tw_binary *)node->data)->row = row;
  return TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *divisors = tw_input(e, node, 1);
  const uint32_t count = tw_elements(divisors);
  for (uint32_t i = 0; i < count; i++) {
    TW_VERIFY(e, ((const float *)divisors->data)[i] != 0.0f, TW_E_RUNTIME, "division by 0");
  }
  return tw_binary_eval(e, node);
}

const tw_op tw_op_floor_div = {.code = 90, .prepare = prepare, .eval = eval};
