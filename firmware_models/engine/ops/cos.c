#include "tw_elementwise.h"
#include "tw_math.h"

static int eval(tw_engine *e, tw_node *node) { return tw_map_f32(e, node, tw_cosf); }

const tw_op tw_op_cos = {.code = 108, .prepare = tw_unary_f32_prepare, .eval = eval};
