#include "tw_mcu.h"

/* CONV_2D: the elements under the windows of two output pixels are widened into rows, which are
 * multiplied with the filters. */

static int32_t row_width(const tw_tensor *filter) {
  return filter->dims[1] * filter->dims[2] * filter->dims[3];
}

/* Pixels whose depth is no multiple of a group are gathered as bytes first. */
static bool is_staged(const tw_tensor *filter) { return filter->dims[3] % TW_GROUP != 0; }

tw_status tw_fast_conv_prepare(tw_engine *e, const tw_node *node, const tw_requant *q,
                               void **work) {
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1);
  const uint32_t terms = tw_elements(filter) / (uint32_t)filter->dims[0];
  if (filter->type != TW_INT8 || filter->dims[3] != input->dims[3] ||
      !tw_mcu_fits(tw_input(e, node, 2), q, filter->dims[0], terms)) {
    return TW_OK;
  }
  const uint32_t row = (uint32_t)tw_padded((int32_t)terms);
  return tw_request_scratch(e, row * (is_staged(filter) ? 5 : 4), work);
}

/* ---- windows to rows ---- */

typedef struct {
  const tw_window *window;
  const tw_tensor *input;
  int32_t zero;
  int16_t *row;   /* where elements go */
  int8_t *staged; /* where bytes go first, or NULL */
} patch;

static void put(patch *p, const int8_t *x, int32_t n) {
  if (p->staged == NULL) {
    p->row = tw_widen(x, n, p->zero, p->row);
    return;
  }
  for (int32_t i = 0; i < n; i++) *p->staged++ = x[i];
}

static void put_padding(patch *p, int32_t n) {
  if (p->staged == NULL) {
    memset(p->row, 0, (uint32_t)n * sizeof *p->row);
    p->row += n;
    return;
  }
  for (int32_t i = 0; i < n; i++) *p->staged++ = (int8_t)p->zero;
}

/* The elements under one row of a window whose first column is `x`; `row` is a row of the image. */
static void put_row(patch *p, const int8_t *row, int32_t x) {
  const tw_window *w = p->window;
  const int32_t width = p->input->dims[2], depth = p->input->dims[3];
  if (w->dilation_w == 1) {
    const int32_t from = tw_clamp(-x, 0, w->width), to = tw_clamp(width - x, from, w->width);
    if (from > 0) put_padding(p, from * depth);
    put(p, row + (x + from) * depth, (to - from) * depth);
    if (to < w->width) put_padding(p, (w->width - to) * depth);
    return;
  }
  for (int32_t i = 0; i < w->width; i++, x += w->dilation_w) {
    if (x >= 0 && x < width) {
      put(p, row + x * depth, depth);
    } else {
      put_padding(p, depth);
    }
  }
}

/* The elements under the window of output pixel (y, x) of an image. */
TW_NOINLINE static void put_window(patch p, const int8_t *image, int32_t y, int32_t x,
                                   int32_t width) {
  const tw_window *w = p.window;
  const int32_t height = p.input->dims[1], row_elements = p.input->dims[2] * p.input->dims[3];
  const int8_t *const staged = p.staged;
  y = y * w->stride_h - w->pad_h;
  x = x * w->stride_w - w->pad_w;
  for (int32_t i = 0; i < w->height; i++, y += w->dilation_h) {
    if (y >= 0 && y < height) {
      put_row(&p, image + y * row_elements, x);
    } else {
      put_padding(&p, w->width * p.input->dims[3]);
    }
  }
  if (staged != NULL) tw_widen(staged, width, p.zero, p.row);
}

/* ---- rows to pixels ---- */

typedef struct {
  tw_channel_scales scaling;
  const int8_t *filter;
  int32_t width, channels;
} layer;

static void two_pixels(const layer *l, const int16_t *rows, int8_t *out) {
  const int32_t channels = l->channels, zero_point = l->scaling.zero_point;
  const int8_t *w = l->filter;
  int32_t c = 0;
  for (; c + 2 <= channels; c += 2, w += 2 * l->width, out += 2) {
    const int32_t a = tw_bias_of(&l->scaling, c), b = tw_bias_of(&l->scaling, c + 1);
    int32_t sums[4] = {a, a, b, b};
    tw_dot_2x2(w, rows, l->width, sums);
    const tw_channel_scale first = tw_channel_scale_of(&l->scaling, c), second = tw_channel_scale_of(&l->scaling, c + 1);
    out[0] = tw_to_i8(sums[0], first, zero_point);
    out[channels] = tw_to_i8(sums[1], first, zero_point);
    out[1] = tw_to_i8(sums[2], second, zero_point);
    out[channels + 1] = tw_to_i8(sums[3], second, zero_point);
  }
  if (c == channels) return;
  tw_mcu_channels(&l->scaling, w, rows, l->width, c, channels, out);
  tw_mcu_channels(&l->scaling, w, rows + tw_padded(l->width), l->width, c, channels,
                  out + channels);
}

void tw_fast_conv(const tw_engine *e, const tw_node *node, const tw_window *window,
                  const tw_requant *q, void *work) {
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1),
                  *output = tw_output(e, node, 0);
  const layer l = {tw_channel_scales_of(tw_input(e, node, 2), q), filter->data, row_width(filter),
                   filter->dims[0]};
  const int32_t padded = tw_padded(l.width), image = input->dims[1] * input->dims[2] * input->dims[3];
  int16_t *const rows = work;
  patch p = {window, input, q->input_zero_point, rows, NULL};
  if (is_staged(filter)) p.staged = (int8_t *)(rows + 2 * padded);
  int8_t *out = output->data;
  int32_t y = 0, x = 0, filled = 0;
  const int8_t *in = input->data;
  for (const int8_t *const end = out + output->bytes; out + filled * l.channels < end;) {
    p.row = rows + filled * padded;
    put_window(p, in, y, x, l.width);
    filled++;
    if (++x == output->dims[2]) {
      x = 0;
      if (++y == output->dims[1]) {
        y = 0;
        in += image;
      }
    }
    if (filled < 2) continue;
    two_pixels(&l, rows, out);
    out += 2 * l.channels;
    filled = 0;
  }
  if (filled > 0) tw_mcu_channels(&l.scaling, l.filter, rows, l.width, 0, l.channels, out);
  tw_mcu_activate(output, q);
}
