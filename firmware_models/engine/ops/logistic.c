#include "tw_elementwise.h"
#include "tw_fixed.h"
#include "tw_sigmoid.h"

/* LOGISTIC: 1 / (1 + e^-x). */

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_sigmoid_prepare(e, node, 0));
  if (tw_input(e, node, 0)->type != TW_INT8) return TW_OK;
  tw_affine output;
  TW_TRY(tw_output_affine(e, node, 0, &output));
  TW_VERIFY(e, output.zero_point == INT8_MIN, TW_E_PARAM, "output zero point %d, not -128",
            (int)output.zero_point);
  return TW_OK;
}

static void eval_i8(const tw_sigmoid *s, const int8_t *in, int8_t *out, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    int32_t x = in[i] - s->zero_point;
    if (x <= -s->radius) {
      out[i] = INT8_MIN;
    } else if (x >= s->radius) {
      out[i] = INT8_MAX;
    } else {
      int32_t y = tw_fixed_logistic(tw_sigmoid_scale_i8(s, x), 4);
      out[i] = (int8_t)tw_min(tw_rounding_shift_right(y, 23) + INT8_MIN, INT8_MAX);
    }
  }
}

static void eval_i16(const tw_sigmoid *s, const int16_t *in, int16_t *out, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    out[i] = tw_logistic_i16(s->table, tw_sigmoid_scale(s, in[i]));
  }
}

static void eval_f32(const float *in, float *out, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) out[i] = tw_logistic_f32(in[i]);
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  uint32_t count = tw_elements(output);
  switch (input->type) {
    case TW_INT8: eval_i8(node->data, input->data, output->data, count); break;
    case TW_INT16: eval_i16(node->data, input->data, output->data, count); break;
    default: eval_f32(input->data, output->data, count); break;
  }
  return TW_OK;
}

const tw_op tw_op_logistic = {14, prepare, eval};
