#include "tw_mcu.h"

/* DEPTHWISE_CONV_2D with one filter a channel: four channels at a time, where the image lies. */

tw_status tw_fast_depthwise_prepare(tw_engine *e, const tw_node *node, const tw_window *window,
                                    const tw_requant *q, void **work) {
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1);
  const int32_t channels = filter->dims[3];
  const uint32_t taps = (uint32_t)window->height * window->width;
  if (filter->type == TW_INT8 && channels == input->dims[3] && channels % 4 == 0 &&
      window->dilation_h == 1 && window->dilation_w == 1 &&
      tw_mcu_fits(tw_input(e, node, 2), q, channels, taps)) {
    *work = work; /* not NULL; no memory is needed */
  }
  return TW_OK;
}

/* The input's zero point as `tap` takes it. */
TW_INLINE int32_t tw_zero_of(int32_t zero) {
#ifdef TW_DSP
  return (int32_t)tw_twice(-zero);
#else
  return zero;
#endif
}

/* One tap of four channels. */
TW_INLINE void tap(const int8_t *x, const int8_t *w, int32_t zero, int32_t sums[4]) {
#ifdef TW_DSP
  const uint32_t a = tw_load4(x), b = tw_load4(w), less_zero = (tw_pair)zero;
  const uint32_t a_even = tw_sxtab16(less_zero, a), a_odd = tw_sxtab16_ror8(less_zero, a);
  const uint32_t b_even = tw_sxtb16(b), b_odd = tw_sxtb16_ror8(b);
  sums[0] = tw_smlabb(a_even, b_even, sums[0]);
  sums[1] = tw_smlabb(a_odd, b_odd, sums[1]);
  sums[2] = tw_smlatt(a_even, b_even, sums[2]);
  sums[3] = tw_smlatt(a_odd, b_odd, sums[3]);
#else
  for (int32_t i = 0; i < 4; i++) sums[i] += w[i] * (x[i] - zero);
#endif
}

typedef struct {
  tw_channel_scales scaling;
  int32_t zero, channels;
} layer;

/* The taps of one output pixel that are inside the image: steps are in elements. */
typedef struct {
  const int8_t *x, *w;
  int32_t rows, columns, x_row_step, x_step, w_row_step, w_step;
} taps;

TW_NOINLINE static void pixel(const layer *l, const taps *t, int8_t *out) {
  const int32_t zero = l->zero;
  for (int32_t c = 0; c < l->channels; c += 4) {
    int32_t sums[4];
    for (int32_t i = 0; i < 4; i++) sums[i] = tw_bias_of(&l->scaling, c + i);
    const int8_t *x_row = t->x + c, *w_row = t->w + c;
    for (int32_t y = t->rows; y > 0; y--, x_row += t->x_row_step, w_row += t->w_row_step) {
      const int8_t *x = x_row, *w = w_row;
      for (int32_t n = t->columns; n > 0; n--, x += t->x_step, w += t->w_step) {
        tap(x, w, zero, sums);
      }
    }
    for (int32_t i = 0; i < 4; i++) {
      *out++ = tw_to_i8(sums[i], tw_channel_scale_of(&l->scaling, c + i), l->scaling.zero_point);
    }
  }
}

void tw_fast_depthwise(const tw_engine *e, const tw_node *node, const tw_window *w,
                       const tw_requant *q, void *work) {
  (void)work;
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1),
                  *output = tw_output(e, node, 0);
  const int32_t height = input->dims[1], width = input->dims[2], channels = input->dims[3];
  const layer l = {tw_channel_scales_of(tw_input(e, node, 2), q), tw_zero_of(q->input_zero_point),
                   channels};
  const int8_t *image = input->data;
  int8_t *out = output->data;
  for (int32_t b = 0; b < output->dims[0]; b++, image += height * width * channels) {
    for (int32_t out_y = 0; out_y < output->dims[1]; out_y++) {
      const int32_t y = out_y * w->stride_h - w->pad_h, row = tw_max(-y, 0);
      const int32_t rows = tw_min(height - y, w->height) - row;
      for (int32_t out_x = 0; out_x < output->dims[2]; out_x++, out += channels) {
        const int32_t x = out_x * w->stride_w - w->pad_w, column = tw_max(-x, 0);
        taps t = {.x = image + ((y + row) * width + x + column) * channels,
                  .w = (const int8_t *)filter->data + (row * w->width + column) * channels,
                  .rows = rows, .columns = tw_min(width - x, w->width) - column,
                  .x_row_step = width * channels, .x_step = channels,
                  .w_row_step = w->width * channels, .w_step = channels};
        if (w->width == 1) { /* one column is like one row */
          t.columns = t.rows;
          t.rows = 1;
          t.x_step = t.x_row_step;
        }
        pixel(&l, &t, out);
      }
    }
  }
  tw_mcu_activate(output, q);
}
