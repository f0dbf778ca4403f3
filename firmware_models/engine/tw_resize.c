#include "tw_resize.h"

#include "tw_move.h"

tw_status tw_resize_prepare(tw_engine *e, const tw_node *node, uint32_t types, tw_fb_table options,
                            uint32_t first, tw_resize *r) {
  const int32_t *size;
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, output, types));
  TW_TRY(tw_const_i32(e, node, 1, 2, &size));
  TW_VERIFY(e, tw_input(e, node, 1)->rank == 1 && tw_elements(tw_input(e, node, 1)) == 2,
            TW_E_SHAPE, "input 1 is not a height and a width");
  TW_VERIFY(e, input->rank == 4 && output->rank == 4 && input->bytes > 0, TW_E_SHAPE,
            "ranks %u and %u, not 4, or an empty input", input->rank, output->rank);
  TW_VERIFY(e, output->dims[0] == input->dims[0] && output->dims[1] == size[0] &&
                   output->dims[2] == size[1] && output->dims[3] == input->dims[3],
            TW_E_SHAPE, "output is not %d images of %d x %d with %d channels",
            (int)input->dims[0], (int)size[0], (int)size[1], (int)input->dims[3]);
  r->align_corners = tw_fb_u8(&e->fb, options, first, 0) != 0;
  r->half_pixel_centers = tw_fb_u8(&e->fb, options, first + 1, 0) != 0;
  for (uint32_t i = 0; i < 2; i++) {
    int32_t less = r->align_corners && size[i] > 1 ? 1 : 0;
    r->scale[i] = (float)(input->dims[i + 1] - less) / (float)(size[i] - less);
  }
  return TW_OK;
}
