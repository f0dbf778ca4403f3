#include "tw_elementwise.h"
#include "tw_move.h"

/* SQUARED_DIFFERENCE: quantized inputs are brought to a common scale first. */

typedef struct {
  tw_binary binary;
  tw_scale inputs[2], output;
  int16_t zero_points[2], out_zero_point;
  int8_t left_shift;
} squared_difference;

static int32_t quantized(int32_t x, int32_t y, const squared_difference *s) {
  x = (x - s->zero_points[0]) * (1 << s->left_shift);
  y = (y - s->zero_points[1]) * (1 << s->left_shift);
  int32_t difference = tw_scaled(x, s->inputs[0]) - tw_scaled(y, s->inputs[1]);
  return tw_scaled(difference * difference, s->output) + s->out_zero_point;
}

static int8_t quantized_i8(int32_t x, int32_t y, const squared_difference *s) {
  return (int8_t)tw_clamp(quantized(x, y, s), INT8_MIN, INT8_MAX);
}

static int16_t quantized_i16(int32_t x, int32_t y, const squared_difference *s) {
  return (int16_t)tw_clamp(quantized(x, y, s), INT16_MIN, INT16_MAX);
}

TW_SMALL TW_ROW(row_f32, squared_difference, float, float, (x - y) * (x - y))
TW_SMALL TW_ROW(row_i32, squared_difference, int32_t, int32_t, (x - y) * (x - y))
TW_SMALL TW_ROW(row_i8, squared_difference, int8_t, int8_t, quantized_i8(x, y, p))
TW_SMALL TW_ROW(row_i16, squared_difference, int16_t, int16_t, quantized_i16(x, y, p))

static tw_status prepare_quantized(tw_engine *e, const tw_node *node, squared_difference *s) {
  tw_affine in[2], out;
  bool wide = tw_output(e, node, 0)->type == TW_INT16;
  for (uint32_t i = 0; i < 2; i++) {
    TW_TRY(tw_input_affine(e, node, i, &in[i]));
    s->zero_points[i] = (int16_t)in[i].zero_point;
  }
  TW_TRY(tw_output_affine(e, node, 0, &out));
  TW_VERIFY(e, !wide || (in[0].zero_point == 0 && in[1].zero_point == 0 && out.zero_point == 0),
            TW_E_PARAM, "INT16 has a zero point");
  s->out_zero_point = (int16_t)out.zero_point;
  s->left_shift = wide ? 0 : 7;
  double twice = 2.0 * (double)(in[0].scale > in[1].scale ? in[0].scale : in[1].scale);
  for (uint32_t i = 0; i < 2; i++) {
    TW_TRY(tw_scale_of(e, (double)in[i].scale / twice, &s->inputs[i]));
    TW_VERIFY(e, s->inputs[i].multiplier > 0, TW_E_PARAM, "ratio of scales out of range");
  }
  double unit = (double)(1 << 2 * s->left_shift) * (double)out.scale;
  return tw_scale_of(e, twice * twice / unit, &s->output);
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  uint32_t bytes = sizeof(squared_difference);
  TW_TRY(tw_binary_prepare(e, node, TW_TYPES_F_I8_I16_I32, false, bytes));
  squared_difference *s = node->data;
  switch (tw_output(e, node, 0)->type) {
    case TW_FLOAT32: s->binary.row = row_f32; return TW_OK;
    case TW_INT32: s->binary.row = row_i32; return TW_OK;
    case TW_INT8: s->binary.row = row_i8; break;
    case TW_INT16: s->binary.row = row_i16; break;
  }
  return prepare_quantized(e, node, s);
}

const tw_op tw_op_squared_difference = {.code = 99, .prepare = prepare, .eval = tw_binary_eval};
