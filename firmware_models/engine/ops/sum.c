#include "tw_total.h"

static tw_status prepare(tw_engine *e, tw_node *node) { return tw_total_prepare(e, node, false); }

const tw_op tw_op_sum = {.code = 74, .prepare = prepare, .eval = tw_total_eval};
