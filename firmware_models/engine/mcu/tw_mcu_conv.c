#include "tw_mcu.h"

/* CONV_2D: the elements under the windows of two output pixels are widened into rows, which are
 * multiplied with the filters. */

static int32_t row_width(const tw_tensor *filter) {
  return filter->dims[1] * filter->dims[2] * filter->dims[3];
}

/* Pixels whose depth is no multiple of a group are gathered as bytes first. */
static bool is_staged(const tw_tensor *filter) { return filter->dims[3] % TW_GROUP != 0; }

tw_status tw_fast_conv_prepare(tw_engine *e, const tw_node *node, const tw_window *w,
                               const tw_requant *q, void **work) {
  (void)w;
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1);
  const uint32_t terms = tw_elements(filter) / (uint32_t)filter->dims[0];
  if (input->type != TW_INT8 || filter->type != TW_INT8 || filter->dims[3] != input->dims[3] ||
      !tw_mcu_fits(tw_input(e, node, 2), q, filter->dims[0], terms)) {
    return TW_OK;
  }
  const uint32_t row = (uint32_t)tw_padded((int32_t)terms);
  const uint32_t rows = TW_ONE_BY_ONE ? 1 : is_staged(filter) ? 5 : 4; /* of bytes; int16 are two */
  return tw_request_scratch(e, row * rows, work);
}

/* ---- windows to rows ---- */

typedef struct {
  const tw_window *window;
  const tw_tensor *input;
  int32_t zero_point;
  tw_zero zero;
  tw_place row;   /* where elements go: every other group */
  int8_t *staged; /* where bytes go, if not NULL */
} patch;

static void put(patch *p, const int8_t *x, int32_t n) {
  if (p->staged == NULL) {
    p->row = tw_widen(x, n, p->zero, p->row, 2 * TW_GROUP_BYTES);
    return;
  }
  memmove(p->staged, x, (uint32_t)n);
  p->staged += n;
}

static void put_padding(patch *p, int32_t n) {
  if (p->staged == NULL) {
    for (; n > 0; n -= TW_GROUP, p->row += 2 * TW_GROUP_BYTES) {
      tw_put_zeros(p->row);
    }
    return;
  }
  memset(p->staged, p->zero_point, (uint32_t)n);
  p->staged += n;
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
TW_NOINLINE static void put_window(patch p, const int8_t *image, int32_t y, int32_t x) {
  const tw_window *w = p.window;
  const int32_t height = p.input->dims[1], row_elements = p.input->dims[2] * p.input->dims[3];
  y = y * w->stride_h - w->pad_h;
  x = x * w->stride_w - w->pad_w;
  for (int32_t i = 0; i < w->height; i++, y += w->dilation_h) {
    if (y >= 0 && y < height) {
      put_row(&p, image + y * row_elements, x);
    } else {
      put_padding(&p, w->width * p.input->dims[3]);
    }
  }
}

/* ---- rows to pixels ---- */

typedef struct {
  tw_channel first;
  tw_place filter;
  int32_t width, channels;
} layer;

/* Two pixels whose rows' groups alternate; there are at least two channels. */
TW_NOINLINE static void two_pixels(const layer *l, tw_place rows, tw_place out) {
  const int32_t width = l->width;
  const uint32_t channels = (uint32_t)l->channels;
  tw_channel c = l->first;
  tw_place w = l->filter;
  for (const tw_place end = out + channels; out != end; w += 2 * (uint32_t)width, out += 2) {
    if (out + 1 == end) { /* the last one alone: together with the one before, again */
      tw_step_back(&c);
      w -= (uint32_t)width;
      out--;
    }
    const int32_t bias = tw_take_bias(&c), other = tw_take_bias(&c);
    const tw_sums sums = tw_dot_2x2(w, rows, width, (tw_sums){bias, bias, other, other});
    tw_channel_scale scale = tw_take_scale(&c);
    tw_set_i8(out, tw_to_i8(sums.a, scale, c.zero_point));
    tw_set_i8(out + channels, tw_to_i8(sums.b, scale, c.zero_point));
    scale = tw_take_scale(&c);
    tw_set_i8(out + 1, tw_to_i8(sums.c, scale, c.zero_point));
    tw_set_i8(out + channels + 1, tw_to_i8(sums.d, scale, c.zero_point));
  }
}

/* A pixel alone: from bytes, where they lie if the window is one pixel. */
TW_NOINLINE static void one_pixel(const layer *l, const patch *p, const int8_t *image, int32_t y,
                                  int32_t x, int8_t *bytes, tw_place out) {
  const tw_window *w = p->window;
  const int8_t *from = bytes;
  if (w->height == 1 && w->width == 1) {
    from = image + (y * w->stride_h * p->input->dims[2] + x * w->stride_w) * p->input->dims[3];
  } else {
    patch to_bytes = *p;
    to_bytes.staged = bytes;
    put_window(to_bytes, image, y, x);
  }
  tw_mcu_channels(l->first, l->channels, l->filter, tw_place_of(from), l->width, p->zero, out);
}

void tw_fast_conv(const tw_engine *e, const tw_node *node, const tw_window *window,
                  const tw_requant *q, const int8_t *weights, void *work) {
  (void)weights; /* the filter's own */
  const tw_tensor *const tensors = tw_tensors(e);
  const tw_tensor *input = &tensors[node->inputs[0]], *filter = &tensors[node->inputs[1]],
                  *output = &tensors[node->outputs[0]];
  const layer l = {tw_first_channel(tw_input(e, node, 2), q), tw_place_of(filter->data),
                   row_width(filter), filter->dims[0]};
  const int32_t image = input->dims[1] * input->dims[2] * input->dims[3];
  const tw_place rows = tw_place_of(work);
  int8_t *const bytes = (int8_t *)work + 4 * tw_padded(l.width);
  const bool staged = is_staged(filter);
  patch p = {window, input, q->input_zero_point, tw_zero_of(q->input_zero_point), rows, NULL};
  const int8_t *in = input->data;
  tw_place out = tw_place_of(output->data);
  uint32_t left = output->bytes / (uint32_t)l.channels, filled = 0;
  for (int32_t b = 0; b < output->dims[0]; b++, in += image) {
    for (int32_t y = 0; y < output->dims[1]; y++) {
      for (int32_t x = 0; x < output->dims[2]; x++, left--) {
        if (TW_ONE_BY_ONE || l.channels == 1 || (left == 1 && filled == 0)) {
          one_pixel(&l, &p, in, y, x, work, out);
          out += (uint32_t)l.channels;
          continue;
        }
        p.row = rows + filled * TW_GROUP_BYTES;
        p.staged = staged ? bytes : NULL;
        put_window(p, in, y, x);
        if (staged) tw_widen(bytes, l.width, p.zero, p.row, 2 * TW_GROUP_BYTES);
        filled ^= 1;
        if (filled != 0) continue;
        two_pixels(&l, rows, out);
        out += 2 * (uint32_t)l.channels;
      }
    }
  }
  tw_mcu_activate(output, q);
}
