#include "tw_variables.h"

/* The first assignment that prepares sizes the variable. A handle that isn't known yet, as one that
 * comes from another subgraph, is left to eval. */
static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 2, 0));
  TW_TRY(tw_expect_handle(e, node));
  const tw_tensor *value = tw_input(e, node, 1);
  if (value->type == TW_RESOURCE) return tw_fail_type(e, "input 1", value);
  tw_variable *v = tw_variable_of(e, node);
  if (v == NULL) return TW_OK;
  if (v->data == NULL) {
    v->data = tw_alloc(e, value->bytes);
    if (v->data == NULL) return TW_E_ARENA;
    v->bytes = value->bytes;
    v->fill = (uint8_t)tw_quant_zero_point(tw_quant_of(e, node->inputs[1]), 0);
  }
  TW_VERIFY(e, v->bytes == value->bytes, TW_E_SHAPE, "the variable has %u bytes, not %u",
            (unsigned)v->bytes, (unsigned)value->bytes);
  return TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *value = tw_input(e, node, 1);
  tw_variable *v;
  TW_TRY(tw_variable_for(e, node, value, &v));
  memcpy(v->data, value->data, v->bytes);
  return TW_OK;
}

const tw_op tw_op_assign_variable = {.code = 144, .prepare = prepare, .eval = eval};
