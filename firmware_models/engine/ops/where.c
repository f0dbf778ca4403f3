#include "tw_move.h"

/* WHERE: the coordinates of all elements that are not 0, a row for each. How many there are depends
 * on data, but shapes are static: there must be as many as the output has rows. */

static bool is_set(const tw_tensor *t, uint32_t i) {
  switch (tw_type_bytes(t->type)) {
    case 1: return ((const uint8_t *)t->data)[i] != 0;
    case 4: break;
    default: return ((const int64_t *)t->data)[i] != 0;
  }
  uint32_t bits = ((const uint32_t *)t->data)[i];
  return (t->type == TW_FLOAT32 ? bits << 1 : bits) != 0; /* -0 is 0 */
}

static tw_status check_count(tw_engine *e, const tw_node *node, tw_status status) {
  const tw_tensor *condition = tw_input(e, node, 0);
  int32_t set = 0, rows = tw_output(e, node, 0)->dims[0];
  for (uint32_t i = 0; i < tw_elements(condition); i++) set += is_set(condition, i);
  TW_VERIFY(e, set == rows, status, "%d elements are set; shapes are static, and the output has %d",
            (int)set, (int)rows);
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  const tw_tensor *condition = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_type(e, "input", condition,
                        TW_TYPE(TW_BOOL) | TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT64) |
                            TW_TYPE(TW_INT32) | TW_TYPE(TW_INT8) | TW_TYPE(TW_UINT8) |
                            TW_TYPE(TW_UINT32)));
  TW_TRY(tw_expect_type(e, "output", output, TW_TYPE(TW_INT64)));
  TW_VERIFY(e, condition->rank > 0 && output->rank == 2 && output->dims[1] == condition->rank,
            TW_E_SHAPE, "the output does not have %u coordinates in a row", condition->rank);
  return tw_is_const(condition) ? check_count(e, node, TW_E_SHAPE) : TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *condition = tw_input(e, node, 0);
  int64_t *out = tw_output(e, node, 0)->data;
  int32_t rows = tw_output(e, node, 0)->dims[0];
  TW_TRY(check_count(e, node, TW_E_RUNTIME));
  for (uint32_t i = 0; i < tw_elements(condition) && rows > 0; i++) {
    if (!is_set(condition, i)) continue;
    rows--;
    uint32_t rest = i;
    for (uint32_t d = condition->rank; d-- > 0;) {
      out[d] = rest % (uint32_t)condition->dims[d];
      rest /= (uint32_t)condition->dims[d];
    }
    out += condition->rank;
  }
  return TW_OK;
}

const tw_op tw_op_where = {.code = 109, .prepare = prepare, .eval = eval, .beyond = true};
