#include "tw_control.h"

typedef struct {
  int32_t callee;
  bool has_run; /* survives tw_engine_reset, as in TFLM */
} call_data;

/* The planner checks that calls don't nest too deep. */
static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 0, 0, 0));
  int32_t callees[2];
  uint32_t count;
  TW_TRY(tw_callees(e, node, callees, &count));
  TW_VERIFY(e, tw_taken_by(e, callees[0]).count == 0, TW_E_MODEL,
            "subgraph %d has inputs, which nothing gives it", (int)callees[0]);
  call_data *data = tw_alloc(e, sizeof *data);
  if (data == NULL) return TW_E_ARENA;
  *data = (call_data){callees[0], false};
  node->data = data;
  return TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  call_data *data = node->data;
  if (data->has_run) return TW_OK;
  if (e->phase == 0) {
    e->callee = data->callee;
    return TW_CALL;
  }
  data->has_run = true;
  return TW_OK;
}

const tw_op tw_op_call_once = {.code = 129, .prepare = prepare, .eval = eval};
