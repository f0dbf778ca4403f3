/* SUM and MEAN: sums along axes. A mean is divided by the count; quantized types fold that into
 * their multiplier. */
#ifndef TW_TOTAL_H
#define TW_TOTAL_H

#include "tw_kernel.h"

tw_status tw_total_prepare(tw_engine *e, tw_node *node, bool mean);
int tw_total_eval(tw_engine *e, tw_node *node);

#endif
