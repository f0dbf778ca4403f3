#include "tw_elementwise.h"
#include "tw_quant.h"

/* RELU: negative values become 0; quantized ones are rescaled too. */

typedef struct {
  int32_t multiplier, shift;
  int32_t in_zero_point, out_zero_point;
} relu;

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect_unary_f_i8_i16(e, node));
  uint8_t type = tw_input(e, node, 0)->type;
  if (type == TW_FLOAT32) return TW_OK;
  tw_affine in, out;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  TW_VERIFY(e, type == TW_INT8 || (in.zero_point == 0 && out.zero_point == 0), TW_E_PARAM,
            "INT16 has a zero point");
  relu *r = node->data = tw_alloc(e, sizeof *r);
  if (r == NULL) return TW_E_ARENA;
  r->in_zero_point = in.zero_point;
  r->out_zero_point = out.zero_point;
  /* As the oracle does it; TFLM's sources of August 2026 round the ratio to float. */
  double ratio = (double)in.scale / (double)out.scale;
  TW_VERIFY(e, tw_quantize_multiplier(ratio, &r->multiplier, &r->shift), TW_E_PARAM,
            "ratio of scales too large");
  return TW_OK;
}

static int32_t quantized(const void *params, int32_t x) {
  const relu *r = params;
  int32_t y = tw_rescale(x - r->in_zero_point, r->multiplier, r->shift) + r->out_zero_point;
  return tw_max(y, r->out_zero_point);
}

static float real(float x) { return x < 0.0f ? 0.0f : x; }

static int eval(tw_engine *e, tw_node *node) {
  if (tw_input(e, node, 0)->type == TW_FLOAT32) return tw_map_f32(e, node, real);
  return tw_map_int(e, node, quantized);
}

const tw_op tw_op_relu = {.code = 19, .prepare = prepare, .eval = eval};
