#include "tw_elementwise.h"

#include "tw_move.h"

tw_status tw_expect_unary(tw_engine *e, const tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  uint32_t in = tw_elements(tw_input(e, node, 0)), out = tw_elements(tw_output(e, node, 0));
  TW_VERIFY(e, in == out, TW_E_SHAPE, "%u elements to %u", (unsigned)in, (unsigned)out);
  return TW_OK;
}

tw_status tw_expect_unary_f_i8_i16(tw_engine *e, const tw_node *node) {
  TW_TRY(tw_expect_unary(e, node));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  tw_may_overwrite(e, 1, 0);
  return tw_expect_moved(e, input, output, TW_TYPES_F_I8_I16);
}

tw_status tw_unary_f32_prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, output, TW_TYPE(TW_FLOAT32)));
  TW_VERIFY(e, tw_same_shape(input, output), TW_E_SHAPE, "output is not of the input's shape");
  tw_may_overwrite(e, 1, 0);
  return TW_OK;
}

TW_SMALL int tw_map_f32(tw_engine *e, tw_node *node, float (*f)(float x)) {
  const tw_tensor *output = tw_output(e, node, 0);
  const float *in = tw_input(e, node, 0)->data;
  float *out = output->data;
  const uint32_t count = tw_elements(output);
  for (uint32_t i = 0; i < count; i++) out[i] = f(in[i]);
  return TW_OK;
}

TW_SMALL int tw_map_int(tw_engine *e, tw_node *node, int32_t (*f)(const void *params, int32_t x)) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const uint32_t count = tw_elements(output);
  if (output->type == TW_INT8) {
    const int8_t *in = input->data;
    int8_t *out = output->data;
    for (uint32_t i = 0; i < count; i++) {
      out[i] = (int8_t)tw_clamp(f(node->data, in[i]), INT8_MIN, INT8_MAX);
    }
  } else {
    const int16_t *in = input->data;
    int16_t *out = output->data;
    for (uint32_t i = 0; i < count; i++) {
      out[i] = (int16_t)tw_clamp(f(node->data, in[i]), INT16_MIN, INT16_MAX);
    }
  }
  return TW_OK;
}

tw_status tw_binary_prepare(tw_engine *e, tw_node *node, uint32_t types, bool to_bool,
                            uint32_t bytes) {
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  const tw_tensor *a = tw_input(e, node, 0), *b = tw_input(e, node, 1);
  const tw_tensor *out = tw_output(e, node, 0);
  TW_TRY(tw_expect_type(e, "input 0", a, types));
  TW_TRY(tw_expect_type(e, "input 1", b, TW_TYPE(a->type)));
  TW_TRY(tw_expect_type(e, "output 0", out, TW_TYPE(to_bool ? TW_BOOL : a->type)));
  tw_binary *op = node->data = tw_alloc(e, bytes);
  if (op == NULL) return TW_E_ARENA;
  memset(op, 0, bytes);
  TW_TRY(tw_broadcast_prepare(e, node, &op->plan));
  /* An input that does not repeat is read element by element, in the output's order. */
  const uint32_t count = tw_elements(out);
  tw_may_overwrite(e, (tw_elements(a) == count ? 1u : 0u) | (tw_elements(b) == count ? 2u : 0u), 0);
  return TW_OK;
}

int tw_binary_eval(tw_engine *e, tw_node *node) {
  const tw_binary *op = node->data;
  tw_broadcast_run(e, node, op->plan, op->row, op);
  return TW_OK;
}

void tw_activation_range_i32(int32_t activation, int32_t *low, int32_t *high) {
  *low = INT32_MIN;
  *high = INT32_MAX;
  switch (activation) {
    case TW_ACT_RELU: *low = 0; break;
    case TW_ACT_RELU6: *low = 0; *high = 6; break;
    case TW_ACT_RELU_N1_TO_1: *low = -1; *high = 1; break;
    default: break;
  }
}
