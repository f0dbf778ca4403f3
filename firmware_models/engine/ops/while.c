#include "tw_control.h"

/* WHILE: as long as the condition, a subgraph, gives true for the outputs, which are the inputs at
 * first, the body, another one, makes new outputs of them. */

enum { CONDITION, BODY };

/* The condition is true when its first output starts with a byte that is not 0: as in TFLM the
 * output may have any type and size. */
static tw_status prepare(tw_engine *e, tw_node *node) {
  uint32_t count;
  int32_t *callees = node->data = tw_alloc(e, 2 * sizeof *callees);
  if (callees == NULL) return TW_E_ARENA;
  TW_TRY(tw_callees(e, node, callees, &count));
  const tw_list inputs = tw_inputs_from(e, node, 0), outputs = tw_outputs_of(e, node),
                condition = tw_given_by(e, callees[CONDITION]);
  TW_TRY(tw_expect_copyable(e, "inputs to outputs", outputs, inputs));
  TW_TRY(tw_expect_copyable(e, "inputs of the condition", tw_taken_by(e, callees[CONDITION]),
                            outputs));
  TW_TRY(tw_expect_copyable(e, "inputs of the body", tw_taken_by(e, callees[BODY]), outputs));
  TW_TRY(tw_expect_copyable(e, "outputs of the body", outputs, tw_given_by(e, callees[BODY])));
  TW_VERIFY(e, condition.count > 0, TW_E_MODEL, "the condition gives nothing");
  const tw_tensor *first = &condition.tensors[condition.indices[0]];
  if (first->type == TW_RESOURCE) return tw_fail_type(e, "the condition", first);
  TW_VERIFY(e, first->bytes > 0, TW_E_SHAPE, "the condition is empty");
  return TW_OK;
}

/* Odd phases come from the condition, even ones from the body. */
static int eval(tw_engine *e, tw_node *node) {
  const int32_t *callees = node->data;
  const tw_list outputs = tw_outputs_of(e, node);
  int which = CONDITION;
  if (e->phase == 0) {
    tw_copy_list(tw_taken_by(e, callees[CONDITION]), tw_inputs_from(e, node, 0));
    tw_copy_list(outputs, tw_inputs_from(e, node, 0));
  } else if (e->phase % 2 == 0) {
    tw_copy_list(outputs, tw_given_by(e, callees[BODY]));
    tw_copy_list(tw_taken_by(e, callees[CONDITION]), outputs);
  } else {
    const tw_list condition = tw_given_by(e, callees[CONDITION]);
    if (*(const uint8_t *)condition.tensors[condition.indices[0]].data == 0) return TW_OK;
    TW_VERIFY(e, e->rounds < TW_MAX_ROUNDS, TW_E_RUNTIME, "more than %d rounds of loops in a run",
              TW_MAX_ROUNDS);
    e->rounds++;
    tw_copy_list(tw_taken_by(e, callees[BODY]), outputs);
    which = BODY;
  }
  e->callee = callees[which];
  return TW_CALL;
}

const tw_op tw_op_while = {.code = 119, .prepare = prepare, .eval = eval};
