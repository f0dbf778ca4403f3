/* SPACE_TO_DEPTH and DEPTH_TO_SPACE: a block of pixels in space is one pixel in depth. */
#ifndef TW_DEPTH_H
#define TW_DEPTH_H

#include "tw_move.h"

/* Check types, shapes and the block, which is the first field of the options; node->data then
 * views `space` in the order of `deep`. */
tw_status tw_depth_prepare(tw_engine *e, tw_node *node, uint8_t options, const tw_tensor *space,
                           const tw_tensor *deep);

#endif
