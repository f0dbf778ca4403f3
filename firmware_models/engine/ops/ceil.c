#include "tw_elementwise.h"

static float f(float x) { return __builtin_ceilf(x); }

static int eval(tw_engine *e, tw_node *node) { return tw_map_f32(e, node, f); }

const tw_op tw_op_ceil = {.code = 104, .prepare = tw_unary_f32_prepare, .eval = eval};
