#include "tw_elementwise.h"

/* DEQUANTIZE: integers to float32, multiplied in double precision. */

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect_unary(e, node));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  if (input->type != TW_INT8 && input->type != TW_INT16 && input->type != TW_UINT8) {
    return tw_fail_type(e, "input 0", input);
  }
  if (output->type != TW_FLOAT32) return tw_fail_type(e, "output 0", output);
  tw_affine *q = node->data = tw_alloc(e, sizeof *q);
  if (q == NULL) return TW_E_ARENA;
  return tw_input_affine(e, node, 0, q);
}

#define DEQUANTIZE(name, type)                                                            \
  static void name(const tw_affine *q, const type *in, float *out, uint32_t count) {      \
    for (uint32_t i = 0; i < count; i++) {                                                \
      out[i] = (float)((double)q->scale * (double)(in[i] - q->zero_point));               \
    }                                                                                     \
  }

DEQUANTIZE(dequantize_i8, int8_t)
DEQUANTIZE(dequantize_u8, uint8_t)
DEQUANTIZE(dequantize_i16, int16_t)

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  uint32_t count = tw_elements(output);
  switch (input->type) {
    case TW_INT8: dequantize_i8(node->data, input->data, output->data, count); break;
    case TW_UINT8: dequantize_u8(node->data, input->data, output->data, count); break;
    case TW_INT16: dequantize_i16(node->data, input->data, output->data, count); break;
  }
  return TW_OK;
}

const tw_op tw_op_dequantize = {.code = 6, .prepare = prepare, .eval = eval};
