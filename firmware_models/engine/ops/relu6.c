#include "tw_elementwise.h"
#include "tw_math.h"
#include "tw_quant.h"

/* RELU6: values clamped to 0..6; quantized ones are not rescaled, the output's scale is ignored. */

typedef struct {
  int32_t zero, six;
} relu6;

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect_unary_f_i8_i16(e, node));
  uint8_t type = tw_input(e, node, 0)->type;
  if (type == TW_FLOAT32) return TW_OK;
  tw_affine in;
  int32_t low, high;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  relu6 *r = node->data = tw_alloc(e, sizeof *r);
  if (r == NULL) return TW_E_ARENA;
  (void)tw_type_range(type, &low, &high);
  float six = tw_roundf(6.0f / in.scale);
  r->zero = in.zero_point;
  r->six = six < 65536.0f ? tw_min((int32_t)six + in.zero_point, high) : high;
  return TW_OK;
}

static void eval_i8(const relu6 *r, const int8_t *in, int8_t *out, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) out[i] = (int8_t)tw_clamp(in[i], r->zero, r->six);
}

static void eval_i16(const relu6 *r, const int16_t *in, int16_t *out, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) out[i] = (int16_t)tw_clamp(in[i], r->zero, r->six);
}

static void eval_f32(const float *in, float *out, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    out[i] = in[i] > 6.0f ? 6.0f : in[i] < 0.0f ? 0.0f : in[i];
  }
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

const tw_op tw_op_relu6 = {21, prepare, eval};
