#include "tw_move.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  tw_may_overwrite(e, 1, 0);
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, output, TW_TYPES_F_I8_I16));
  const int32_t *given;
  TW_TRY(tw_const_i32(e, node, 1, 1, &given));
  TW_VERIFY(e, tw_input(e, node, 1)->rank <= 1, TW_E_SHAPE, "the axis is no scalar");
  TW_VERIFY(e, output->rank == input->rank + 1, TW_E_SHAPE, "%u dimensions to %u", input->rank,
            output->rank);
  int32_t axis = *given;
  TW_TRY(tw_expect_axis(e, &axis, output->rank));
  for (int32_t i = 0; i < output->rank; i++) {
    int32_t expected = i == axis ? 1 : input->dims[i < axis ? i : i - 1];
    TW_VERIFY(e, output->dims[i] == expected, TW_E_SHAPE, "dimension %d is %d, not %d", (int)i,
              (int)output->dims[i], (int)expected);
  }
  return TW_OK;
}

const tw_op tw_op_expand_dims = {.code = 70, .prepare = prepare, .eval = tw_copy_eval};
