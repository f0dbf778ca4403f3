#include "tw_gemm.h"

/* CONV_2D as a matrix product: the elements under the windows of some output pixels are laid out as
 * rows of int16, which the filters are multiplied with. */

enum { MAX_DEPTH = 4096, ROWS_BYTES = 20480 }; /* rows that stay in the first cache */

static int32_t round_up(int32_t n) { return (n + 7) & ~7; }

static int32_t row_width(const tw_tensor *filter) {
  return filter->dims[1] * filter->dims[2] * filter->dims[3];
}

tw_status tw_fast_conv_prepare(tw_engine *e, const tw_node *node, const tw_requant *q,
                               void **work) {
  (void)q;
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1);
  if (filter->type == TW_INT8 && filter->dims[3] == input->dims[3] &&
      tw_elements(filter) / (uint32_t)filter->dims[0] <= MAX_DEPTH) {
    *work = tw_work;
  }
  return TW_OK;
}

typedef struct {
  const tw_tensor *input;
  const tw_window *window;
  int32_t zero;
  const int8_t *end; /* of the input */
} source;

static int16_t *put_zeros(int16_t *out, int32_t n) {
  for (int32_t i = 0; i < n; i++) out[i] = 0;
  return out + n;
}

/* Everything is written in order, so what a copy writes past its end is written again. */
static int16_t *put(const source *s, const int8_t *x, int32_t n, int16_t *out) {
  tw_widen(x, s->zero, n, (int32_t)(s->end - x), out);
  return out + n;
}

/* The elements under one row of a window whose first column is `x`; `row` is a row of the image. */
static int16_t *put_row(const source *s, const int8_t *row, int32_t x, int16_t *out) {
  const tw_window *w = s->window;
  const int32_t width = s->input->dims[2], depth = s->input->dims[3];
  if (w->dilation_w == 1) {
    const int32_t from = tw_max(x, 0), to = tw_min(x + w->width, width);
    if (from >= to) return put_zeros(out, w->width * depth);
    out = put_zeros(out, (from - x) * depth);
    out = put(s, row + from * depth, (to - from) * depth, out);
    return put_zeros(out, (x + w->width - to) * depth);
  }
  for (int32_t i = 0; i < w->width; i++, x += w->dilation_w) {
    out = x >= 0 && x < width ? put(s, row + x * depth, depth, out) : put_zeros(out, depth);
  }
  return out;
}

/* The elements under the window of output pixel (y, x) of an image. */
static void put_window(const source *s, const int8_t *image, int32_t y, int32_t x, int16_t *out) {
  const tw_window *w = s->window;
  const int32_t height = s->input->dims[1], row_elements = s->input->dims[2] * s->input->dims[3];
  const int16_t *const start = out;
  y = y * w->stride_h - w->pad_h;
  x = x * w->stride_w - w->pad_w;
  for (int32_t i = 0; i < w->height; i++, y += w->dilation_h) {
    out = y >= 0 && y < height ? put_row(s, image + y * row_elements, x, out)
                               : put_zeros(out, w->width * s->input->dims[3]);
  }
  const int32_t width = (int32_t)(out - start);
  put_zeros(out, round_up(width) - width);
}

/* A window that is one pixel, moved by one: its rows are the input as it lies there. */
static bool is_pointwise(const tw_window *w, int32_t depth) {
  return w->height == 1 && w->width == 1 && w->stride_h == 1 && w->stride_w == 1 && depth % 8 == 0;
}

void tw_fast_conv(const tw_engine *e, const tw_node *node, const tw_window *w,
                  const tw_requant *q, void *work) {
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1),
                  *output = tw_output(e, node, 0);
  const int32_t depth = round_up(row_width(filter)), channels = filter->dims[0];
  const int32_t height = output->dims[1], width = output->dims[2];
  const int32_t pixels = output->dims[0] * height * width;
  const int32_t image = input->dims[1] * input->dims[2] * input->dims[3];
  const int32_t most = tw_max((ROWS_BYTES / 2 / depth) & ~3, 4);
  int16_t *const widened = work, *const rows = widened + 2 * depth;
  const source s = {input, w, q->input_zero_point, (const int8_t *)input->data + input->bytes};
  tw_gemm g = {.x = rows, .weights = filter->data, .width = row_width(filter), .depth = depth,
               .channels = channels, .q = q, .bias = tw_input(e, node, 2), .widened = widened,
               .out = output->data};
  int32_t b = 0, y = 0, x = 0;
  for (int32_t first = 0; first < pixels; first += g.rows) {
    g.rows = tw_min(most, pixels - first);
    if (is_pointwise(w, g.width)) {
      put(&s, (const int8_t *)input->data + first * depth, g.rows * depth, rows);
    } else {
      for (int32_t i = 0; i < g.rows; i++) {
        put_window(&s, (const int8_t *)input->data + b * image, y, x, rows + i * depth);
        if (++x < width) continue;
        x = 0;
        if (++y < height) continue;
        y = 0;
        b++;
      }
    }
    tw_gemm_run(&g);
    g.out += g.rows * channels;
  }
}
