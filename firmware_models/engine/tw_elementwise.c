#include "tw_elementwise.h"

tw_status tw_expect_unary(tw_engine *e, const tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  uint32_t in = tw_elements(tw_input(e, node, 0)), out = tw_elements(tw_output(e, node, 0));
  TW_VERIFY(e, in == out, TW_E_SHAPE, "%u elements to %u", (unsigned)in, (unsigned)out);
  return TW_OK;
}

tw_status tw_expect_unary_f_i8_i16(tw_engine *e, const tw_node *node) {
  TW_TRY(tw_expect_unary(e, node));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  if (input->type != TW_FLOAT32 && input->type != TW_INT8 && input->type != TW_INT16) {
    return tw_fail_type(e, "input 0", input);
  }
  if (output->type != input->type) return tw_fail_type(e, "output 0", output);
  return TW_OK;
}

tw_status tw_expect_binary(tw_engine *e, const tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  const tw_tensor *a = tw_input(e, node, 0), *b = tw_input(e, node, 1);
  const tw_tensor *out = tw_output(e, node, 0);
  if (a->type != TW_FLOAT32 && a->type != TW_INT8 && a->type != TW_INT16 && a->type != TW_INT32) {
    return tw_fail_type(e, "input 0", a);
  }
  if (b->type != a->type) return tw_fail_type(e, "input 1", b);
  return out->type == a->type ? TW_OK : tw_fail_type(e, "output 0", out);
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
