#include "tw_move.h"

/* RESHAPE: the same bytes under another shape. The shape input is not read: as in TFLM the output's
 * own shape counts. Shapes are static; tw_load has put a number where the output's has -1. */
static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 2, 1));
  tw_may_overwrite(e, 1, 0);
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_VERIFY(e, input->type == output->type, TW_E_TYPE, "%s to %s", tw_type_name(input->type),
            tw_type_name(output->type));
  TW_VERIFY(e, tw_elements(input) == tw_elements(output), TW_E_SHAPE, "%u elements to %u",
            (unsigned)tw_elements(input), (unsigned)tw_elements(output));
  return TW_OK;
}

const tw_op tw_op_reshape = {.code = 22, .prepare = prepare, .eval = tw_copy_eval};
