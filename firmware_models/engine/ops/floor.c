#include "tw_elementwise.h"

static float f(float x) { return __builtin_floorf(x); }

static int eval(tw_engine *e, tw_node *node) { return tw_map_f32(e, node, f); }

const tw_op tw_op_floor = {.code = 8, .prepare = tw_unary_f32_prepare, .eval = eval};
