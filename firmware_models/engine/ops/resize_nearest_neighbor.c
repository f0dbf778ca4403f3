#include "tw_math.h"
#include "tw_move.h"
#include "tw_resize.h"

/* RESIZE_NEAREST_NEIGHBOR: each pixel is one of the input's. */

static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  TW_TRY(tw_options(e, node, TW_OPTIONS_RESIZE_NEAREST_NEIGHBOR, &options));
  tw_resize *r = node->data = tw_alloc(e, sizeof *r);
  if (r == NULL) return TW_E_ARENA;
  return tw_resize_prepare(e, node, TW_TYPES_F_I8_I16, options, 0, r);
}

/* Which of `size` rows (axis 0) or columns (axis 1) becomes number `i` of the output. */
static uint32_t nearest(const tw_resize *r, uint32_t axis, int32_t i, int32_t size) {
  float at = ((float)i + (r->half_pixel_centers ? 0.5f : 0.0f)) * r->scale[axis];
  int32_t whole = tw_f32_to_i32(r->align_corners ? tw_roundf(at) : __builtin_floorf(at));
  return (uint32_t)tw_min(whole, size - 1);
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_resize *r = node->data;
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const int32_t *from = input->dims, *to = output->dims;
  const uint32_t pixel = (uint32_t)from[3] * tw_type_bytes(input->type);
  const uint32_t row = (uint32_t)from[2] * pixel, image = (uint32_t)from[1] * row;
  const uint8_t *in = input->data;
  uint8_t *out = output->data;
  for (int32_t b = 0; b < to[0]; b++, in += image) {
    for (int32_t y = 0; y < to[1]; y++) {
      const uint8_t *in_row = in + nearest(r, 0, y, from[1]) * row;
      for (int32_t x = 0; x < to[2]; x++, out += pixel) {
        memcpy(out, in_row + nearest(r, 1, x, from[2]) * pixel, pixel);
      }
    }
  }
  return TW_OK;
}

const tw_op tw_op_resize_nearest_neighbor = {.code = 97, .prepare = prepare, .eval = eval};
