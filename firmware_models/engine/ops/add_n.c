#include "tw_move.h"
#include "tw_tally.h"

/* ADD_N: the sum of two tensors or more of the same shape and, if int8, the same quantization. */

static tw_status check_input(tw_engine *e, const tw_node *node, uint32_t i) {
  const tw_tensor *first = tw_input(e, node, 0), *input = tw_input(e, node, i);
  TW_VERIFY(e, input->type == first->type, TW_E_TYPE, "inputs 0 and %u differ in type",
            (unsigned)i);
  TW_VERIFY(e, tw_same_shape(first, input), TW_E_SHAPE, "inputs 0 and %u differ in shape",
            (unsigned)i);
  if (first->type == TW_FLOAT32) return TW_OK;
  tw_affine a, b;
  TW_TRY(tw_input_affine(e, node, 0, &a));
  TW_TRY(tw_input_affine(e, node, i, &b));
  TW_VERIFY(e, a.scale == b.scale && a.zero_point == b.zero_point, TW_E_PARAM,
            "inputs 0 and %u are quantized differently", (unsigned)i);
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  TW_VERIFY(e, node->input_count >= 2, TW_E_MODEL, "%u inputs", node->input_count);
  TW_TRY(tw_expect(e, node, node->input_count, node->input_count, 1));
  TW_TRY(tw_options(e, node, TW_OPTIONS_ADD_N, &options));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, output, TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8)));
  for (uint32_t i = 1; i < node->input_count; i++) TW_TRY(check_input(e, node, i));
  TW_VERIFY(e, tw_elements(input) == tw_elements(output), TW_E_SHAPE, "%u elements to %u",
            (unsigned)tw_elements(input), (unsigned)tw_elements(output));
  if (input->type == TW_FLOAT32) return TW_OK;
  tw_tally *t = node->data = tw_alloc(e, sizeof *t);
  return t == NULL ? TW_E_ARENA : tw_tally_prepare(e, node, t);
}

TW_SMALL static void add_f32(tw_engine *e, const tw_node *node, float *out, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    float sum = 0.0f;
    for (uint32_t n = 0; n < node->input_count; n++) {
      sum += ((const float *)tw_input(e, node, n)->data)[i];
    }
    out[i] = sum;
  }
}

TW_SMALL static void add_i8(tw_engine *e, const tw_node *node, int8_t *out, uint32_t count) {
  const tw_tally *t = node->data;
  for (uint32_t i = 0; i < count; i++) {
    int32_t sum = tw_tally_term(t, 0);
    for (uint32_t n = 0; n < node->input_count; n++) {
      sum += tw_tally_term(t, ((const int8_t *)tw_input(e, node, n)->data)[i]);
    }
    out[i] = tw_tally_result(t, sum);
  }
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *output = tw_output(e, node, 0);
  const uint32_t count = tw_elements(output);
  if (output->type == TW_FLOAT32) {
    add_f32(e, node, output->data, count);
  } else {
    add_i8(e, node, output->data, count);
  }
  return TW_OK;
}

const tw_op tw_op_add_n = {.code = 106, .prepare = prepare, .eval = eval};
