#include "tw_math.h"
#include "tw_move.h"
#include "tw_resize.h"

/* RESIZE_BILINEAR: each pixel is a mean of four, weighted by how near they are; int8 in fixed point
 * with units of 1024. */

enum { OPTION_ALIGN_CORNERS = 2, UNIT = 1 << 10 };

typedef struct {
  tw_resize resize;
  int32_t scale[2]; /* for int8 */
} bilinear;

/* Between which two rows or columns of the input one of the output lies, and how far past the
 * first: for float32 and for int8. */
typedef struct {
  int32_t low, high;
  float real;
  int32_t fixed;
} place;

static place place_f32(const bilinear *p, uint32_t axis, int32_t i, int32_t size) {
  const float scale = p->resize.scale[axis];
  float at = p->resize.half_pixel_centers ? ((float)i + 0.5f) * scale - 0.5f : (float)i * scale;
  int32_t low = tw_max(tw_f32_to_i32(__builtin_floorf(at)), 0);
  int32_t high = tw_min(tw_f32_to_i32(__builtin_ceilf(at)), size - 1);
  return (place){.low = low, .high = high, .real = at - (float)low};
}

static place place_i8(const bilinear *p, uint32_t axis, int32_t i, int32_t size) {
  const int32_t scale = p->scale[axis];
  int32_t at = i * scale + (p->resize.half_pixel_centers ? scale / 2 - UNIT / 2 : 0);
  int32_t low = tw_max(at / UNIT, 0), high = tw_min((at + UNIT - 1) / UNIT, size - 1);
  return (place){.low = low, .high = high, .fixed = at - UNIT * low};
}

/* ---- prepare ---- */

/* Rounding makes some ratios so large that the last place is past the input: TFLM reads on there. */
static tw_status check_axis(tw_engine *e, bool real, int32_t from, int32_t to, uint32_t axis,
                            bilinear *p) {
  int32_t less = p->resize.align_corners && to > 1 ? 1 : 0;
  int64_t rounded = ((int64_t)UNIT * (from - less) + (to - less) / 2) / (to - less);
  bool fits = real || (from <= INT32_MAX / UNIT && rounded * to <= INT32_MAX - UNIT);
  if (fits) {
    p->scale[axis] = (int32_t)rounded;
    place last = real ? place_f32(p, axis, to - 1, from) : place_i8(p, axis, to - 1, from);
    fits = last.low < from;
  }
  TW_VERIFY(e, fits, TW_E_SHAPE, "from %d to %d %s: the last is past the input", (int)from, (int)to,
            axis == 0 ? "rows" : "columns");
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  TW_TRY(tw_options(e, node, TW_OPTIONS_RESIZE_BILINEAR, &options));
  bilinear *p = node->data = tw_alloc(e, sizeof *p);
  if (p == NULL) return TW_E_ARENA;
  TW_TRY(tw_resize_prepare(e, node, TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8), options,
                           OPTION_ALIGN_CORNERS, &p->resize));
  TW_VERIFY(e, !p->resize.align_corners || !p->resize.half_pixel_centers, TW_E_PARAM,
            "both align_corners and half_pixel_centers");
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  for (uint32_t axis = 0; axis < 2; axis++) {
    TW_TRY(check_axis(e, input->type == TW_FLOAT32, input->dims[axis + 1], output->dims[axis + 1],
                      axis, p));
  }
  return TW_OK;
}

/* ---- eval ---- */

/* The pixels around a place: top left, bottom left, top right, bottom right. */
typedef struct {
  const void *at[4];
} corners;

static corners corners_of(const tw_tensor *input, int32_t image, place y, place x) {
  const int32_t height = input->dims[1], width = input->dims[2];
  const int32_t top = (image * height + y.low) * width, bottom = (image * height + y.high) * width;
  const int32_t pixels[] = {top + x.low, bottom + x.low, top + x.high, bottom + x.high};
  const uint32_t bytes = (uint32_t)input->dims[3] * tw_type_bytes(input->type);
  corners c;
  for (uint32_t i = 0; i < 4; i++) {
    c.at[i] = (const uint8_t *)input->data + (uint32_t)pixels[i] * bytes;
  }
  return c;
}

static void pixel_f32(corners c, float y, float x, float *out, int32_t depth) {
  const float *a = c.at[0], *b = c.at[1], *d = c.at[2], *f = c.at[3];
  const float up = 1.0f - y, left = 1.0f - x;
  for (int32_t i = 0; i < depth; i++) {
    out[i] = a[i] * up * left + b[i] * y * left + d[i] * up * x + f[i] * y * x + 0.0f;
  }
}

static void pixel_i8(corners c, int32_t y, int32_t x, int8_t *out, int32_t depth) {
  const int8_t *a = c.at[0], *b = c.at[1], *d = c.at[2], *f = c.at[3];
  const int32_t up = UNIT - y, left = UNIT - x, half = UNIT * UNIT / 2;
  for (int32_t i = 0; i < depth; i++) {
    int32_t sum = a[i] * up * left + b[i] * y * left + d[i] * up * x + f[i] * y * x;
    out[i] = (int8_t)((sum + (sum > 0 ? half : -half)) / (UNIT * UNIT));
  }
}

static int eval(tw_engine *e, tw_node *node) {
  const bilinear *p = node->data;
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const int32_t height = input->dims[1], width = input->dims[2], depth = input->dims[3];
  const int32_t *to = output->dims;
  const bool real = input->type == TW_FLOAT32;
  int32_t out = 0;
  for (int32_t b = 0; b < to[0]; b++) {
    for (int32_t i = 0; i < to[1]; i++) {
      const place y = real ? place_f32(p, 0, i, height) : place_i8(p, 0, i, height);
      for (int32_t k = 0; k < to[2]; k++, out += depth) {
        const place x = real ? place_f32(p, 1, k, width) : place_i8(p, 1, k, width);
        const corners c = corners_of(input, b, y, x);
        if (real) {
          pixel_f32(c, y.real, x.real, (float *)output->data + out, depth);
        } else {
          pixel_i8(c, y.fixed, x.fixed, (int8_t *)output->data + out, depth);
        }
      }
    }
  }
  return TW_OK;
}

const tw_op tw_op_resize_bilinear = {.code = 23, .prepare = prepare, .eval = eval};
