/* The largest or smallest along axes: REDUCE_MAX and REDUCE_MIN; its place: ARG_MAX and ARG_MIN. */
#ifndef TW_EXTREME_H
#define TW_EXTREME_H

#include "tw_kernel.h"

tw_status tw_reduce_extreme_prepare(tw_engine *e, tw_node *node, bool largest);
int tw_reduce_extreme_eval(tw_engine *e, tw_node *node);

tw_status tw_arg_extreme_prepare(tw_engine *e, tw_node *node, bool largest);
int tw_arg_extreme_eval(tw_engine *e, tw_node *node);

#endif
