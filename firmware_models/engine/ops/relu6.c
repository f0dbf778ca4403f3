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

static int32_t quantized(const void *params, int32_t x) {
  const relu6 *r = params;
  return tw_clamp(x, r->zero, r->six);
}

static float real(float x) { return x > 6.0f ? 6.0f : x < 0.0f ? 0.0f : x; }

static int eval(tw_engine *e, tw_node *node) {
  if (tw_input(e, node, 0)->type == TW_FLOAT32) return tw_map_f32(e, node, real);
  return tw_map_int(e, node, quantized);
}

const tw_op tw_op_relu6 = {.code = 21, .prepare = prepare, .eval = eval};
