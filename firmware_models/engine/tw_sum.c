#include "tw_sum.h"

#include "tw_fast.h"
#include "tw_move.h"

typedef tw_sum sum;

/* ---- eval ---- */

static inline int32_t scale_down(int32_t x, int32_t multiplier, int32_t right) {
  return tw_rounding_shift_right(tw_doubling_high_mul(x, multiplier), right);
}

/* Both inputs are brought to a common scale with some bits to spare. */
static inline int32_t quantized(int32_t x, int32_t y, const sum *p) {
  x = (int32_t)((uint32_t)(x - p->zero_points[0]) << p->left_shift);
  y = (int32_t)((uint32_t)(y - p->zero_points[1]) << p->left_shift);
  x = scale_down(x, p->multipliers[0], p->right_shifts[0]);
  y = scale_down(y, p->multipliers[1], p->right_shifts[1]);
  int32_t total = p->subtract ? x - y : x + y;
  total = scale_down(total, p->out_multiplier, p->out_right_shift) + p->out_zero_point;
  return tw_clamp(total, p->low, p->high);
}

TW_ROW(add_f32, sum, float, float, tw_clamp_f32(x + y, p->range))
TW_ROW(sub_f32, sum, float, float, tw_clamp_f32(x - y, p->range))
TW_ROW(add_i32, sum, int32_t, int32_t, x + y)
TW_ROW(sub_i32, sum, int32_t, int32_t, tw_clamp(x - y, p->low, p->high))
TW_ROW(sum_i8, sum, int8_t, int8_t, (int8_t)quantized(x, y, p))
TW_ROW(sum_i16, sum, int16_t, int16_t, (int16_t)quantized(x, y, p))

/* ---- prepare ---- */

/* Split a multiplier in (0, 1). */
static tw_status split(tw_engine *e, double real, int32_t *multiplier, int8_t *right_shift) {
  int32_t shift;
  TW_VERIFY(e, real > 0.0 && real < 1.0 && tw_quantize_multiplier(real, multiplier, &shift) &&
                   shift <= 0, TW_E_PARAM, "ratio of scales out of range");
  *right_shift = (int8_t)-shift;
  return TW_OK;
}

static tw_status prepare_quantized(tw_engine *e, const tw_node *node, int32_t activation, sum *s) {
  uint8_t type = tw_output(e, node, 0)->type;
  tw_affine in[2], out;
  TW_TRY(tw_input_affine(e, node, 0, &in[0]));
  TW_TRY(tw_input_affine(e, node, 1, &in[1]));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  s->left_shift = type == TW_INT16 ? 15 : TW_SUM_LEFT_I8;
  s->out_zero_point = (int16_t)out.zero_point;
  float larger = in[0].scale > in[1].scale ? in[0].scale : in[1].scale;
  double twice = 2.0 * (double)larger;
  for (int32_t i = 0; i < 2; i++) {
    s->zero_points[i] = (int16_t)in[i].zero_point;
    TW_TRY(split(e, (double)in[i].scale / twice, &s->multipliers[i], &s->right_shifts[i]));
  }
  double ratio = twice / ((double)(1 << s->left_shift) * (double)out.scale);
  TW_TRY(split(e, ratio, &s->out_multiplier, &s->out_right_shift));
  return tw_activation_range(e, activation, type, out.scale, out.zero_point, &s->low, &s->high);
}

/* int32 is added as it is, so it must not be quantized. */
static tw_status prepare_i32(tw_engine *e, const tw_node *node, int32_t activation, sum *s) {
  for (uint32_t i = 0; i < 2; i++) {
    TW_VERIFY(e, tw_quant_of(e, node->inputs[i]).count == 0, TW_E_PARAM, "input %u is quantized",
              (unsigned)i);
  }
  TW_VERIFY(e, !s->subtract || tw_quant_of(e, node->outputs[0]).count == 0, TW_E_PARAM,
            "output 0 is quantized");
  tw_activation_range_i32(activation, &s->low, &s->high);
  return TW_OK;
}

tw_status tw_sum_prepare(tw_engine *e, tw_node *node, bool subtract) {
  tw_fb_table options;
  int32_t activation;
  TW_TRY(tw_binary_prepare(e, node, TW_TYPES_F_I8_I16_I32, false, sizeof(sum)));
  TW_TRY(tw_options(e, node, subtract ? TW_OPTIONS_SUB : TW_OPTIONS_ADD, &options));
  TW_TRY(tw_fused_activation(e, options, 0, &activation));
  sum *s = node->data;
  s->subtract = subtract;
  switch (tw_output(e, node, 0)->type) {
    case TW_FLOAT32:
      s->binary.row = subtract ? sub_f32 : add_f32;
      tw_activation_range_f32(activation, &s->range.low, &s->range.high);
      return TW_OK;
    case TW_INT32:
      s->binary.row = subtract ? sub_i32 : add_i32;
      return prepare_i32(e, node, activation, s);
    case TW_INT8:
      s->binary.row = TW_FAST_OR(tw_fast_sum_i8, sum_i8);
      return prepare_quantized(e, node, activation, s);
    case TW_INT16:
      s->binary.row = sum_i16;
      return prepare_quantized(e, node, activation, s);
  }
  return TW_OK;
}
