/* MAXIMUM and MINIMUM, and the six comparisons. */
#ifndef TW_COMPARE_H
#define TW_COMPARE_H

#include "tw_elementwise.h"

/* The larger (smaller) of two elements; of float32 the second when one is NaN. */
tw_status tw_extreme_prepare(tw_engine *e, tw_node *node, bool largest);

/* Outcomes of comparing x with y, as a set. */
enum { TW_LESS = 1, TW_EQUAL = 2, TW_GREATER = 4, TW_UNORDERED = 8 };

/* The output is whether the outcome is in the set. `types`: what the op has besides float32, int8,
 * int32 and int64. */
tw_status tw_compare_prepare(tw_engine *e, tw_node *node, uint8_t outcomes, uint32_t types);

#endif
