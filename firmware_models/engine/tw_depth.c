#include "tw_depth.h"

tw_status tw_depth_prepare(tw_engine *e, tw_node *node, uint8_t expected, const tw_tensor *space,
                           const tw_tensor *deep) {
  TW_TRY(tw_expect_moved(e, space, deep, TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8)));
  TW_VERIFY(e, space->rank == 4 && deep->rank == 4, TW_E_SHAPE, "%u and %u dimensions",
            space->rank, deep->rank);
  tw_fb_table options;
  TW_TRY(tw_options(e, node, expected, &options));
  int32_t block = tw_fb_i32(&e->fb, options, 0, 0);
  TW_VERIFY(e, block > 0, TW_E_PARAM, "block size %d", (int)block);
  int64_t pixels = (int64_t)block * block;
  bool fits = space->dims[0] == deep->dims[0] &&
              space->dims[1] == (int64_t)deep->dims[1] * block &&
              space->dims[2] == (int64_t)deep->dims[2] * block &&
              deep->dims[3] % pixels == 0 && deep->dims[3] / pixels == space->dims[3];
  TW_VERIFY(e, fits, TW_E_SHAPE, "the shapes do not differ by blocks of %d", (int)block);
  int32_t row = tw_step(space, 1), column = tw_step(space, 2);
  tw_axis axes[] = {
      {deep->dims[0], tw_step(space, 0)}, {deep->dims[1], block * row},
      {deep->dims[2], block * column},    {block, row},
      {block, column},                    {space->dims[3], tw_step(space, 3)},
  };
  return tw_view_make(e, space, deep, 0, axes, TW_COUNT(axes), &node->data);
}
