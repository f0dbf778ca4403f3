#include "tw_variables.h"

/* Whether the variable has its storage shows only in eval: its ASSIGN_VARIABLE may prepare later. */
static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  const tw_tensor *value = tw_output(e, node, 0);
  if (value->type == TW_RESOURCE) return tw_fail_type(e, "output", value);
  return tw_expect_handle(e, node);
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *value = tw_output(e, node, 0);
  tw_variable *v;
  TW_TRY(tw_variable_for(e, node, value, &v));
  memcpy(value->data, v->data, v->bytes);
  return TW_OK;
}

const tw_op tw_op_read_variable = {.code = 143, .prepare = prepare, .eval = eval};
