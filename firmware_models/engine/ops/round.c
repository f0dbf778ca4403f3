#include "tw_elementwise.h"

/* ROUND: to the nearest integer, halves to even; as in TFLM what rounds up to 0 is +0. */
static float f(float x) {
  float low = __builtin_floorf(x), part = x - low;
  bool even = __builtin_floorf(low / 2.0f) * 2.0f == low;
  return part < 0.5f || (part == 0.5f && even) ? low : low + 1.0f;
}

static int eval(tw_engine *e, tw_node *node) { return tw_map_f32(e, node, f); }

const tw_op tw_op_round = {.code = 116, .prepare = tw_unary_f32_prepare, .eval = eval};
