#include "tw_move.h"

/* FILL: the scalar of input 1 everywhere. Input 0, constant, is the output's shape. */

enum { DIMS, VALUE };

static int64_t dimension(const tw_tensor *dims, uint32_t i) {
  const uint8_t *data = dims->data; /* constants may be unaligned */
  switch (dims->type) {
    case TW_INT8: return (int8_t)data[i];
    case TW_INT16: return (int16_t)tw_load_u16(data + 2 * i);
    case TW_INT32: return tw_load_i32(data + 4 * i);
    default: return tw_load_i64(data + 8 * i);
  }
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  const tw_tensor *dims = tw_input(e, node, DIMS), *value = tw_input(e, node, VALUE);
  const tw_tensor *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_type(e, "input 0", dims, TW_TYPE(TW_INT8) | TW_TYPE(TW_INT16) |
                                                TW_TYPE(TW_INT32) | TW_TYPE(TW_INT64)));
  TW_TRY(tw_expect_moved(e, value, output,
                         TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8) | TW_TYPE(TW_INT32)));
  TW_VERIFY(e, dims->bytes == 0 || tw_is_const(dims), TW_E_PARAM, "input 0 is not constant");
  TW_VERIFY(e, value->rank == 0, TW_E_SHAPE, "input 1 is no scalar");
  TW_VERIFY(e, dims->rank == 1 && dims->dims[0] == output->rank, TW_E_SHAPE,
            "output of %u dimensions", output->rank);
  for (uint32_t i = 0; i < output->rank; i++) {
    TW_VERIFY(e, dimension(dims, i) == output->dims[i], TW_E_SHAPE, "output dimension %u",
              (unsigned)i);
  }
  return TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *value = tw_input(e, node, VALUE), *output = tw_output(e, node, 0);
  uint8_t *out = output->data;
  for (uint32_t i = 0; i < output->bytes; i++) {
    out[i] = ((const uint8_t *)value->data)[i & (value->bytes - 1)];
  }
  return TW_OK;
}

const tw_op tw_op_fill = {.code = 94, .prepare = prepare, .eval = eval};
