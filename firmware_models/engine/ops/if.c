#include "tw_control.h"

/* IF: the first input chooses one of two subgraphs, which takes the other inputs and gives the
 * outputs. */

typedef struct {
  int32_t branches[2]; /* then, else */
  int32_t taken;       /* the one that runs */
} branch;

TW_SMALL static tw_status prepare(tw_engine *e, tw_node *node) {
  const tw_tensor *condition = tw_input(e, node, 0);
  uint32_t count;
  TW_VERIFY(e, condition != NULL, TW_E_MODEL, "no condition");
  if (condition->type != TW_BOOL) return tw_fail_type(e, "the condition", condition);
  TW_VERIFY(e, tw_elements(condition) == 1, TW_E_SHAPE, "%u conditions",
            (unsigned)tw_elements(condition));
  branch *b = node->data = tw_alloc(e, sizeof *b);
  if (b == NULL) return TW_E_ARENA;
  TW_TRY(tw_callees(e, node, b->branches, &count));
  const tw_list inputs = tw_inputs_from(e, node, 1), outputs = tw_outputs_of(e, node);
  for (uint32_t i = 0; i < count; i++) {
    const tw_list taken = tw_taken_by(e, b->branches[i]), given = tw_given_by(e, b->branches[i]);
    TW_TRY(tw_expect_copyable(e, i == 0 ? "inputs of then" : "inputs of else", &taken, &inputs));
    TW_TRY(tw_expect_copyable(e, i == 0 ? "outputs of then" : "outputs of else", &outputs, &given));
  }
  return TW_OK;
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  branch *b = node->data;
  if (e->phase > 0) {
    const tw_list outputs = tw_outputs_of(e, node), given = tw_given_by(e, b->taken);
    tw_copy_list(&outputs, &given);
    return TW_OK;
  }
  b->taken = b->branches[*(const uint8_t *)tw_input(e, node, 0)->data != 0 ? 0 : 1];
  const tw_list inputs = tw_inputs_from(e, node, 1), taken = tw_taken_by(e, b->taken);
  tw_copy_list(&taken, &inputs);
  e->callee = b->taken;
  return TW_CALL;
}

const tw_op tw_op_if = {.code = 118, .prepare = prepare, .eval = eval};
