#include "tw_total.h"

static tw_status prepare(tw_engine *e, tw_node *node) { return tw_total_prepare(e, node, true); }

const tw_op tw_op_mean = {.code = 40, .prepare = prepare, .eval = tw_total_eval};
