#include "tw_move.h"

/* DYNAMIC_UPDATE_SLICE: the operand with a part of it replaced by the update. The part begins where
 * input 2 says, or as near to that as lets it lie inside. */

enum { OPERAND, UPDATE, START };
enum { MAX_UPDATED_RANK = 6 }; /* TFLM's limit */

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 3, 3, 1));
  const tw_tensor *operand = tw_input(e, node, OPERAND), *update = tw_input(e, node, UPDATE);
  const tw_tensor *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_moved(e, operand, output, TW_TYPES_F_I8_I16_I32));
  TW_VERIFY(e, update->type == operand->type, TW_E_TYPE, "%s in %s", tw_type_name(update->type),
            tw_type_name(operand->type));
  TW_VERIFY(e, operand->rank >= 1 && operand->rank <= MAX_UPDATED_RANK, TW_E_SHAPE,
            "%u dimensions", operand->rank);
  TW_VERIFY(e, tw_same_shape(operand, output) && update->rank == operand->rank, TW_E_SHAPE,
            "the shapes do not fit");
  TW_TRY(tw_expect_indices(e, node, START, operand->rank));
  tw_axis axes[MAX_UPDATED_RANK];
  for (uint32_t i = 0; i < update->rank; i++) {
    TW_VERIFY(e, update->dims[i] <= operand->dims[i], TW_E_SHAPE, "%d in %d",
              (int)update->dims[i], (int)operand->dims[i]);
    axes[i] = (tw_axis){update->dims[i], tw_step(output, i)};
  }
  return tw_view_make(e, output, update, 0, axes, update->rank, &node->data);
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *update = tw_input(e, node, UPDATE), *output = tw_output(e, node, 0);
  int32_t offset = 0;
  for (uint32_t i = 0; i < output->rank; i++) {
    int64_t start = tw_index_at(tw_input(e, node, START), i);
    int32_t last = output->dims[i] - update->dims[i];
    start = start < 0 ? 0 : start > last ? last : start;
    offset += (int32_t)start * tw_step(output, i);
  }
  tw_copy_eval(e, node);
  tw_view_write(node->data, update->data, (uint8_t *)output->data + offset);
  return TW_OK;
}

const tw_op tw_op_dynamic_update_slice = {.code = 151, .prepare = prepare, .eval = eval};
