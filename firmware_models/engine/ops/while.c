#include "tw_control.h"

/* WHILE: as long as the condition, a subgraph, gives true for the outputs, which are the inputs at
 * first, the body, another one, makes new outputs of them. */

enum { CONDITION, BODY };

static const tw_tensor *first_of(const tw_list *list) { return &list->tensors[list->indices[0]]; }

/* The condition is true when its first output starts with a byte that is not 0: as in TFLM the
 * output may have any type and size. */
TW_SMALL static tw_status prepare(tw_engine *e, tw_node *node) {
  uint32_t count;
  int32_t *callees = node->data = tw_alloc(e, 2 * sizeof *callees);
  if (callees == NULL) return TW_E_ARENA;
  TW_TRY(tw_callees(e, node, callees, &count));
  const tw_list inputs = tw_inputs_from(e, node, 0), outputs = tw_outputs_of(e, node),
                condition_takes = tw_taken_by(e, callees[CONDITION]),
                condition_gives = tw_given_by(e, callees[CONDITION]),
                body_takes = tw_taken_by(e, callees[BODY]),
                body_gives = tw_given_by(e, callees[BODY]);
  TW_TRY(tw_expect_copyable(e, "inputs to outputs", &outputs, &inputs));
  TW_TRY(tw_expect_copyable(e, "inputs of the condition", &condition_takes, &outputs));
  TW_TRY(tw_expect_copyable(e, "inputs of the body", &body_takes, &outputs));
  TW_TRY(tw_expect_copyable(e, "outputs of the body", &outputs, &body_gives));
  TW_VERIFY(e, condition_gives.count > 0, TW_E_MODEL, "the condition gives nothing");
  const tw_tensor *first = first_of(&condition_gives);
  if (first->type == TW_RESOURCE) return tw_fail_type(e, "the condition", first);
  TW_VERIFY(e, first->bytes > 0, TW_E_SHAPE, "the condition is empty");
  return TW_OK;
}

/* Odd phases come from the condition, even ones from the body. */
TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  const int32_t *callees = node->data;
  const tw_list inputs = tw_inputs_from(e, node, 0), outputs = tw_outputs_of(e, node);
  const bool from_condition = e->phase % 2 == 1;
  const tw_list given = tw_given_by(e, callees[from_condition ? CONDITION : BODY]);
  if (from_condition) {
    if (*(const uint8_t *)first_of(&given)->data == 0) return TW_OK;
    TW_VERIFY(e, e->rounds < TW_MAX_ROUNDS, TW_E_RUNTIME, "more than %d rounds of loops in a run",
              TW_MAX_ROUNDS);
    e->rounds++;
  }
  e->callee = callees[from_condition ? BODY : CONDITION];
  const tw_list taken = tw_taken_by(e, e->callee);
  if (e->phase == 0) { /* in front of the outputs: these may be inputs too */
    tw_copy_list(&taken, &inputs);
    tw_copy_list(&outputs, &inputs);
  } else {
    if (!from_condition) tw_copy_list(&outputs, &given);
    tw_copy_list(&taken, &outputs);
  }
  return TW_CALL;
}

const tw_op tw_op_while = {.code = 119, .prepare = prepare, .eval = eval};
