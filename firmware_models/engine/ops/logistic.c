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

static int32_t of_i8(const void *params, int32_t x) {
  const tw_sigmoid *s = params;
  x -= s->zero_point;
  if (x <= -s->radius) return INT8_MIN;
  if (x >= s->radius) return INT8_MAX;
  int32_t scaled = tw_sigmoid_scale_i8(s, x);
  return tw_rounding_shift_right(tw_fixed_logistic(scaled, 4), 23) + INT8_MIN;
}

static int32_t of_i16(const void *params, int32_t x) {
  const tw_sigmoid *s = params;
  return tw_logistic_i16(s->table, tw_sigmoid_scale(s, (int16_t)x));
}

static int eval(tw_engine *e, tw_node *node) {
  switch (tw_input(e, node, 0)->type) {
    case TW_INT8: return tw_map_int(e, node, of_i8);
    case TW_INT16: return tw_map_int(e, node, of_i16);
    case TW_FLOAT32: return tw_map_f32(e, node, tw_logistic_f32);
  }
  return TW_OK;
}

const tw_op tw_op_logistic = {.code = 14, .prepare = prepare, .eval = eval};
