#include "tw_elementwise.h"
#include "tw_math.h"

static int eval(tw_engine *e, tw_node *node) { return tw_map_f32(e, node, tw_sinf); }

const tw_op tw_op_sin = {66, tw_unary_f32_prepare, eval};
