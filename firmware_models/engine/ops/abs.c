#include "tw_elementwise.h"

/* ABS: quantized values are rescaled; int16 may also be plain, and then -32768 stays. */

typedef struct {
  tw_scale scale;
  int16_t in_zero_point, out_zero_point;
} absolute;

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect_unary_f_i8_i16(e, node));
  uint8_t type = tw_input(e, node, 0)->type;
  node->data = NULL;
  if (type == TW_FLOAT32) return TW_OK;
  if (type == TW_INT16 && tw_quant_of(e, node->inputs[0]).count == 0) return TW_OK;
  tw_affine in, out;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  TW_VERIFY(e, type == TW_INT8 || (in.zero_point == 0 && out.zero_point == 0), TW_E_PARAM,
            "INT16 has a zero point");
  absolute *a = node->data = tw_alloc(e, sizeof *a);
  if (a == NULL) return TW_E_ARENA;
  a->in_zero_point = (int16_t)in.zero_point;
  a->out_zero_point = (int16_t)out.zero_point;
  return tw_scale_of(e, (double)in.scale / (double)out.scale, &a->scale);
}

static float real(float x) { return __builtin_fabsf(x); }

static int32_t plain(const void *params, int32_t x) {
  (void)params;
  return x == INT16_MIN || x >= 0 ? x : -x;
}

static int32_t quantized(const void *params, int32_t x) {
  const absolute *a = params;
  x -= a->in_zero_point;
  return tw_scaled(x < 0 ? -x : x, a->scale) + a->out_zero_point;
}

static int eval(tw_engine *e, tw_node *node) {
  if (tw_input(e, node, 0)->type == TW_FLOAT32) return tw_map_f32(e, node, real);
  return tw_map_int(e, node, node->data == NULL ? plain : quantized);
}

const tw_op tw_op_abs = {.code = 101, .prepare = prepare, .eval = eval};
