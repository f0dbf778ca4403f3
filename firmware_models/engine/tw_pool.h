/* What AVERAGE_POOL_2D and MAX_POOL_2D share. */
#ifndef TW_POOL_H
#define TW_POOL_H

#include "tw_conv.h"

typedef struct {
  tw_window window;
  union {
    struct {
      int16_t low, high; /* of the fused activation */
    };
    tw_range_f32 range;
  };
} tw_pool;

/* Check types, shapes, options and that input and output are quantized alike; sets node->data. */
tw_status tw_pool_prepare(tw_engine *e, tw_node *node);

#endif
