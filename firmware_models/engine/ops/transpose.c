#include "tw_move.h"

enum { MAX_TRANSPOSED_RANK = 5 }; /* TFLM's limit */

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const tw_tensor *order = tw_input(e, node, 1);
  TW_TRY(tw_expect_moved(e, input, output, TW_TYPES_F_I8_I16));
  TW_VERIFY(e, input->rank <= MAX_TRANSPOSED_RANK, TW_E_SHAPE, "%u dimensions", input->rank);
  const int32_t *from;
  TW_TRY(tw_const_i32(e, node, 1, input->rank, &from));
  TW_VERIFY(e, order->rank == 1 && order->dims[0] == input->rank && output->rank == input->rank,
            TW_E_SHAPE, "%u dimensions to %u", input->rank, output->rank);
  tw_axis axes[MAX_TRANSPOSED_RANK];
  uint32_t seen = 0;
  for (uint32_t i = 0; i < input->rank; i++) {
    TW_VERIFY(e, from[i] >= 0 && from[i] < input->rank && (seen >> from[i] & 1) == 0, TW_E_PARAM,
              "dimension %d in the permutation", (int)from[i]);
    seen |= 1u << from[i];
    axes[i] = (tw_axis){input->dims[from[i]], tw_step(input, (uint32_t)from[i])};
    TW_VERIFY(e, output->dims[i] == axes[i].count, TW_E_SHAPE, "dimension %u is %d, not %d",
              (unsigned)i, (int)output->dims[i], (int)axes[i].count);
  }
  return tw_view_make(e, input, output, 0, axes, input->rank, &node->data);
}

const tw_op tw_op_transpose = {.code = 39, .prepare = prepare, .eval = tw_view_eval};
