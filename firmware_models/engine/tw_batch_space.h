/* SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: each batch holds the pixels at one place of all blocks.
 * As in TFLM [batch, height, width, depth] or [batch, height, depth], the latter being 1 wide. */
#ifndef TW_BATCH_SPACE_H
#define TW_BATCH_SPACE_H

#include "tw_move.h"

/* Blocks of `block` pixels, the first `before` pixels of which lie outside of the space; along
 * height and width. */
typedef struct {
  int32_t block[2], before[2];
  bool padded; /* there are pixels in batches that are not in space */
} tw_blocks;

/* Check types and shapes, and the values of inputs 1 and 2 when they are constant. */
tw_status tw_batch_space_prepare(tw_engine *e, const tw_node *node, const tw_tensor *space,
                                 const tw_tensor *batches, tw_blocks *blocks);

/* Read inputs 1 and 2, which must fit both shapes; else `status`. */
tw_status tw_batch_space_find(tw_engine *e, const tw_node *node, const tw_tensor *space,
                              const tw_tensor *batches, tw_status status, tw_blocks *blocks);

/* Copy all pixels that lie in both, to batches or from there. */
void tw_batch_space_copy(const tw_blocks *blocks, const tw_tensor *space, const tw_tensor *batches,
                         bool to_batches);

#endif
