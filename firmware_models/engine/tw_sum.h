/* ADD and SUB, which differ in a sign. Scales are computed in double precision for both, as the
 * oracle does (TFLM's sources of August 2026 have single precision in SUB). */
#ifndef TW_SUM_H
#define TW_SUM_H

#include "tw_elementwise.h"

tw_status tw_sum_prepare(tw_engine *e, tw_node *node, bool subtract);

#endif
