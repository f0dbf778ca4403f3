#include "tw_move.h"

enum { MAX_BROADCAST_RANK = 5 }; /* TFLM's limit */

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  const tw_tensor *input = tw_input(e, node, 0), *shape = tw_input(e, node, 1);
  const tw_tensor *output = tw_output(e, node, 0);
  bool sized = input->type != TW_RESOURCE && input->type != TW_INT4;
  TW_TRY(tw_expect_moved(e, input, output, sized ? TW_TYPE(input->type) : 0));
  TW_TRY(tw_expect_indices(e, node, 1, output->rank));
  TW_VERIFY(e, tw_is_const(shape), TW_E_PARAM, "input 1 is not constant");
  TW_VERIFY(e, input->rank <= output->rank && output->rank <= MAX_BROADCAST_RANK, TW_E_SHAPE,
            "%u dimensions to %u", input->rank, output->rank);
  uint32_t added = (uint32_t)output->rank - input->rank;
  tw_axis axes[MAX_BROADCAST_RANK];
  for (uint32_t i = 0; i < output->rank; i++) {
    int32_t size = output->dims[i], from = i < added ? 1 : input->dims[i - added];
    TW_VERIFY(e, size == tw_index_at(shape, i), TW_E_SHAPE, "dimension %u is %d, not %d",
              (unsigned)i, (int)size, (int)tw_index_at(shape, i));
    TW_VERIFY(e, from == size || from == 1, TW_E_SHAPE, "%d to %d along dimension %u", (int)from,
              (int)size, (unsigned)i);
    axes[i] = (tw_axis){size, from == 1 ? 0 : tw_step(input, i - added)};
  }
  return tw_view_make(e, input, output, 0, axes, output->rank, &node->data);
}

const tw_op tw_op_broadcast_to = {.code = 130, .prepare = prepare, .eval = tw_view_eval};
