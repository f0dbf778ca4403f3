#include "tw_elementwise.h"
#include "tw_fixed.h"

/* RSQRT: 1 / sqrt x. Integers saturate at 0; below it is an error. */

enum { EXTRA_BITS = 20 };

typedef struct {
  tw_scale scale;
  int16_t in_zero_point, out_zero_point;
} rsqrt;

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect_unary_f_i8_i16(e, node));
  const tw_tensor *input = tw_input(e, node, 0);
  if (input->type == TW_FLOAT32) return TW_OK;
  tw_affine in, out;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  TW_VERIFY(e, input->type == TW_INT8 || (in.zero_point == 0 && out.zero_point == 0), TW_E_PARAM,
            "INT16 has a zero point");
  rsqrt *r = node->data = tw_alloc(e, sizeof *r);
  if (r == NULL) return TW_E_ARENA;
  r->in_zero_point = (int16_t)in.zero_point;
  r->out_zero_point = (int16_t)out.zero_point;
  TW_TRY(tw_scale_of(e, 1.0 / (double)(__builtin_sqrtf(in.scale) * out.scale), &r->scale));
  TW_VERIFY(e, r->scale.shift >= EXTRA_BITS - 31, TW_E_PARAM, "ratio of scales too small");
  r->scale.shift = (int8_t)(r->scale.shift - EXTRA_BITS);
  return TW_OK;
}

static float real(float x) { return 1.0f / __builtin_sqrtf(x); }

static int32_t quantized(const void *params, int32_t x) {
  const rsqrt *r = params;
  x -= r->in_zero_point;
  if (x <= 0) return INT16_MAX;
  int32_t multiplier, shift;
  tw_fixed_inverse_sqrt(x, &multiplier, &shift);
  int32_t root = tw_rescale(1, multiplier, shift + EXTRA_BITS);
  return tw_scaled(root, r->scale) + r->out_zero_point;
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0);
  if (input->type == TW_FLOAT32) return tw_map_f32(e, node, real);
  const int32_t zero = ((const rsqrt *)node->data)->in_zero_point;
  const uint32_t count = tw_elements(input);
  for (uint32_t i = 0; i < count; i++) {
    int32_t x = input->type == TW_INT8 ? ((const int8_t *)input->data)[i]
                                       : ((const int16_t *)input->data)[i];
    TW_VERIFY(e, x >= zero, TW_E_RUNTIME, "a negative value");
  }
  return tw_map_int(e, node, quantized);
}

const tw_op tw_op_rsqrt = {.code = 76, .prepare = prepare, .eval = eval};
