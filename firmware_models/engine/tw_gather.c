#include "tw_gather.h"

#include "tw_move.h"

tw_status tw_gather_types(tw_engine *e, const tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  TW_TRY(tw_expect_moved(e, tw_input(e, node, 0), tw_output(e, node, 0),
                         TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8)));
  return tw_expect_type(e, "input 1", tw_input(e, node, 1), TW_TYPE(TW_INT32));
}

void tw_shape_append(tw_shape_check *check, const tw_tensor *t, int32_t from, int32_t to) {
  for (int32_t i = from; i < to; i++, check->rank++) {
    if (check->rank >= check->output->rank || check->output->dims[check->rank] != t->dims[i]) {
      check->fits = false;
    }
  }
}

tw_status tw_shape_done(tw_engine *e, const tw_node *node, const tw_shape_check *check) {
  TW_VERIFY(e, check->fits && check->rank == check->output->rank, TW_E_SHAPE,
            "output has another shape");
  TW_VERIFY(e, check->output->bytes > 0 && tw_input(e, node, 0)->bytes > 0, TW_E_SHAPE, "empty");
  return TW_OK;
}

uint32_t tw_dims_product(const tw_tensor *t, int32_t from, int32_t to) {
  uint32_t product = 1;
  for (int32_t i = from; i < to; i++) product *= (uint32_t)t->dims[i];
  return product;
}
