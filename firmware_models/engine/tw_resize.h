/* What RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR share: images, [batch, height, width, channels],
 * of another height and width. */
#ifndef TW_RESIZE_H
#define TW_RESIZE_H

#include "tw_kernel.h"

typedef struct {
  float scale[2]; /* input rows (columns) for one of the output */
  bool align_corners, half_pixel_centers;
} tw_resize;

/* Check types, of the set, shapes and the constant size of input 1, and read the two flags, fields
 * `first` and `first` + 1 of the options. */
tw_status tw_resize_prepare(tw_engine *e, const tw_node *node, uint32_t types, tw_fb_table options,
                            uint32_t first, tw_resize *r);

#endif
