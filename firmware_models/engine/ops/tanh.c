#include "tw_elementwise.h"
#include "tw_fixed.h"
#include "tw_math.h"
#include "tw_sigmoid.h"

/* TANH. */

static tw_status prepare(tw_engine *e, tw_node *node) { return tw_sigmoid_prepare(e, node, 1); }

static int32_t of_i8(const void *params, int32_t x) {
  const tw_sigmoid *s = params;
  x -= s->zero_point;
  if (x <= -s->radius) return INT8_MIN;
  if (x >= s->radius) return INT8_MAX;
  int32_t scaled = tw_sigmoid_scale_i8(s, x);
  return tw_rounding_shift_right(tw_fixed_tanh(scaled, 4), 24);
}

static int32_t of_i16(const void *params, int32_t x) {
  const tw_sigmoid *s = params;
  return tw_tanh_i16(s->table, tw_sigmoid_scale(s, (int16_t)x));
}

static int eval(tw_engine *e, tw_node *node) {
  switch (tw_input(e, node, 0)->type) {
    case TW_INT8: return tw_map_int(e, node, of_i8);
    case TW_INT16: return tw_map_int(e, node, of_i16);
    case TW_FLOAT32: return tw_map_f32(e, node, tw_tanhf);
  }
  return TW_OK;
}

const tw_op tw_op_tanh = {.code = 28, .prepare = prepare, .eval = eval};
