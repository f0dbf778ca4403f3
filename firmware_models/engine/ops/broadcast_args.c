#include "tw_move.h"

/* BROADCAST_ARGS: the shape to which tensors of the shapes in inputs 0 and 1 broadcast. As in TFLM
 * int64 is cut to int32, and the output's own length counts. */

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  const tw_tensor *a = tw_input(e, node, 0), *b = tw_input(e, node, 1);
  const tw_tensor *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_moved(e, a, output, TW_TYPE(TW_INT32) | TW_TYPE(TW_INT64)));
  TW_TRY(tw_expect_moved(e, b, output, TW_TYPE(output->type)));
  TW_VERIFY(e, a->rank == 1 && b->rank == 1 && output->rank == 1, TW_E_SHAPE, "not a vector");
  return TW_OK;
}

/* Value `i` from the end. */
static int32_t value(const tw_tensor *shape, int32_t i) {
  int32_t count = shape->dims[0];
  return i < count ? (int32_t)tw_index_at(shape, (uint32_t)(count - 1 - i)) : 1;
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *output = tw_output(e, node, 0);
  int32_t count = output->dims[0];
  for (int32_t i = 0; i < count; i++) {
    int32_t a = value(tw_input(e, node, 0), i), b = value(tw_input(e, node, 1), i);
    TW_VERIFY(e, a == 1 || b == 1 || a == b, TW_E_RUNTIME, "%d and %d do not broadcast", (int)a,
              (int)b);
    int64_t size = a == 1 ? b : a;
    uint32_t bytes = tw_type_bytes(output->type);
    memcpy((uint8_t *)output->data + (uint32_t)(count - 1 - i) * bytes, &size, bytes);
  }
  return TW_OK;
}

const tw_op tw_op_broadcast_args = {.code = 145, .prepare = prepare, .eval = eval};
