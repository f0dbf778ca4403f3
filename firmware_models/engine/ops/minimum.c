#include "tw_compare.h"

/* MINIMUM: the smaller of two elements. */
static tw_status prepare(tw_engine *e, tw_node *node) { return tw_extreme_prepare(e, node, false); }

const tw_op tw_op_minimum = {.code = 57, .prepare = prepare, .eval = tw_binary_eval};
