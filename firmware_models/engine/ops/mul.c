#include "tw_conv.h"
#include "tw_elementwise.h"
#include "tw_move.h"

/* MUL: the product of two tensors that broadcast; int32 wraps and has no scale. */

typedef struct {
  tw_binary binary;
  union {
    tw_range_f32 range;
    struct {
      int32_t multiplier;
      int16_t zero_points[2], out_zero_point;
      int8_t shift;
      int32_t low, high; /* of int32 too */
    };
  };
} mul;

static inline int32_t quantized(int32_t x, int32_t y, const mul *p) {
  int32_t product = (x - p->zero_points[0]) * (y - p->zero_points[1]);
  product = tw_rescale(product, p->multiplier, p->shift) + p->out_zero_point;
  return tw_clamp(product, p->low, p->high);
}

TW_ROW(mul_f32, mul, float, float, tw_clamp_f32(x * y, p->range))
TW_ROW(mul_i32, mul, int32_t, int32_t, tw_clamp(x * y, p->low, p->high))
TW_ROW(mul_i8, mul, int8_t, int8_t, (int8_t)quantized(x, y, p))
TW_ROW(mul_i16, mul, int16_t, int16_t, (int16_t)quantized(x, y, p))

static tw_status prepare_quantized(tw_engine *e, const tw_node *node, int32_t activation, mul *m) {
  uint8_t type = tw_output(e, node, 0)->type;
  tw_affine a, b, out;
  int32_t shift;
  TW_TRY(tw_input_affine_or_0(e, node, 0, &a));
  TW_TRY(tw_input_affine_or_0(e, node, 1, &b));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  TW_VERIFY(e, type == TW_INT8 || (a.zero_point == 0 && b.zero_point == 0 && out.zero_point == 0),
            TW_E_PARAM, "INT16 has a zero point");
  double real = (double)a.scale * (double)b.scale / (double)out.scale;
  TW_VERIFY(e, tw_quantize_multiplier(real, &m->multiplier, &shift), TW_E_PARAM,
            "ratio of scales out of range");
  m->shift = (int8_t)shift;
  m->zero_points[0] = (int16_t)a.zero_point;
  m->zero_points[1] = (int16_t)b.zero_point;
  m->out_zero_point = (int16_t)out.zero_point;
  return tw_activation_range(e, activation, type, out.scale, out.zero_point, &m->low, &m->high);
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  int32_t activation;
  TW_TRY(tw_binary_prepare(e, node, TW_TYPES_F_I8_I16_I32, false, sizeof(mul)));
  TW_TRY(tw_options(e, node, TW_OPTIONS_MUL, &options));
  TW_TRY(tw_fused_activation(e, options, 0, &activation));
  mul *m = node->data;
  switch (tw_output(e, node, 0)->type) {
    case TW_FLOAT32:
      m->binary.row = mul_f32;
      tw_activation_range_f32(activation, &m->range.low, &m->range.high);
      return TW_OK;
    case TW_INT32:
      m->binary.row = mul_i32;
      tw_activation_range_i32(activation, &m->low, &m->high);
      return TW_OK;
    case TW_INT8:
      m->binary.row = mul_i8;
      return prepare_quantized(e, node, activation, m);
    case TW_INT16:
      m->binary.row = mul_i16;
      return prepare_quantized(e, node, activation, m);
  }
  return TW_OK;
}

const tw_op tw_op_mul = {.code = 18, .prepare = prepare, .eval = tw_binary_eval};
