#include "tw_mcu.h"

/* DEPTHWISE_CONV_2D: four output channels at a time, where the image lies; each has an input channel of
 * its own, or all four have the same. */

tw_status tw_fast_depthwise_prepare(tw_engine *e, const tw_node *node, const tw_window *window,
                                    const tw_requant *q, void **work) {
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1);
  const int32_t channels = filter->dims[3], multiplier = channels / input->dims[3];
  const uint32_t taps = (uint32_t)window->height * window->width;
  if (input->type == TW_INT8 && filter->type == TW_INT8 &&
      (multiplier == 1 ? channels : multiplier) % 4 == 0 &&
      window->dilation_h == 1 && window->dilation_w == 1 &&
      tw_mcu_fits(tw_input(e, node, 2), q, channels, taps)) {
    *work = work; /* not NULL; no memory is needed */
  }
  return TW_OK;
}

#ifdef TW_DSP

/* One tap of four channels. */
TW_INLINE tw_sums tap(tw_place x, tw_place w, tw_zero zero, tw_sums s) {
  const uint32_t a = tw_get4(x), b = tw_get4(w);
  const tw_pair even = tw_sxtab16(zero, a), odd = tw_sxtab16_ror8(zero, a);
  const tw_pair w_even = tw_sxtb16(b), w_odd = tw_sxtb16_ror8(b);
  s.a = tw_smlabb(even, w_even, s.a);
  s.b = tw_smlabb(odd, w_odd, s.b);
  s.c = tw_smlatt(even, w_even, s.c);
  s.d = tw_smlatt(odd, w_odd, s.d);
  return s;
}

/* The same of one input channel. */
TW_INLINE tw_sums tap_shared(tw_place x, tw_place w, tw_zero zero, tw_sums s) {
  const tw_pair value = (uint32_t)tw_get_i8(x) + (zero & 0xFFFF); /* in the low half */
  const uint32_t b = tw_get4(w);
  const tw_pair w_even = tw_sxtb16(b), w_odd = tw_sxtb16_ror8(b);
  s.a = tw_smlabb(value, w_even, s.a);
  s.b = tw_smlabb(value, w_odd, s.b);
  s.c = tw_smlabt(value, w_even, s.c);
  s.d = tw_smlabt(value, w_odd, s.d);
  return s;
}

#else

TW_INLINE tw_sums tap(tw_place x, tw_place w, tw_zero zero, tw_sums s) {
  s.a += tw_get_i8(w) * (tw_get_i8(x) - zero);
  s.b += tw_get_i8(w + 1) * (tw_get_i8(x + 1) - zero);
  s.c += tw_get_i8(w + 2) * (tw_get_i8(x + 2) - zero);
  s.d += tw_get_i8(w + 3) * (tw_get_i8(x + 3) - zero);
  return s;
}

TW_INLINE tw_sums tap_shared(tw_place x, tw_place w, tw_zero zero, tw_sums s) {
  const int32_t value = tw_get_i8(x) - zero;
  s.a += tw_get_i8(w) * value;
  s.b += tw_get_i8(w + 1) * value;
  s.c += tw_get_i8(w + 2) * value;
  s.d += tw_get_i8(w + 3) * value;
  return s;
}

#endif

/* The taps of one output pixel that are inside the image; steps are in elements. */
typedef struct {
  tw_place x, w;
  int32_t rows, columns;
  uint32_t x_row_step, x_step, w_row_step, w_step;
} taps;

#ifdef TW_MVE

/* Eight channels at a time, as long as there are so many; `c`, the taps and `out` go on by them. */
TW_INLINE tw_place eights(tw_channel *c, tw_zero zero, taps *t, tw_place out, tw_place end) {
  const uint32_t columns = (uint32_t)t->columns;
  const int32_t add = (int16_t)(zero & 0xFFFF);
  for (; end - out >= 8; out += 8, t->x += 8, t->w += 8) {
    const tw_sums a = tw_take_biases(c), b = tw_take_biases(c);
    int32_t sums[8] = {a.a, a.c, b.a, b.c, a.b, a.d, b.b, b.d};
    tw_place x = t->x, w = t->w;
    for (int32_t y = t->rows; y != 0; y--, x += t->x_row_step, w += t->w_row_step) {
      tw_taps8(tw_at(x), tw_at(w), columns, t->x_step, t->w_step, add, sums);
    }
    tw_put_four((tw_sums){sums[0], sums[4], sums[1], sums[5]}, c, out);
    tw_put_four((tw_sums){sums[2], sums[6], sums[3], sums[7]}, c, out + 4);
  }
  return out;
}

#endif

/* `shared`: how many times four channels see the same input channel; 0: each has its own. */
TW_INLINE void fours(tw_channel c, tw_zero zero, const taps *t, int32_t shared, tw_place out,
                     tw_place end) {
  const int32_t columns = t->columns;
  const uint32_t x_step = t->x_step, w_step = t->w_step;
  const uint32_t x_next = t->x_row_step - (uint32_t)columns * x_step,
                 w_next = t->w_row_step - (uint32_t)columns * w_step;
  tw_place x_first = t->x, w_first = t->w;
  for (int32_t left = shared; out != end; w_first += 4, out += 4) {
    tw_sums sums = tw_take_biases(&c);
    tw_place x = x_first, w = w_first;
    for (int32_t y = t->rows; y != 0; y--, x += x_next, w += w_next) {
      for (int32_t n = columns; n != 0; n--, x += x_step, w += w_step) {
        sums = shared == 0 ? tap(x, w, zero, sums) : tap_shared(x, w, zero, sums);
      }
    }
    tw_put_four(sums, &c, out);
    if (shared == 0) {
      x_first += 4;
    } else if (--left == 0) {
      x_first++;
      left = shared;
    }
  }
}

TW_NOINLINE static void pixel(const tw_channel *first, tw_zero zero, const taps *t, tw_place out,
                              tw_place end) {
#ifdef TW_MVE
  tw_channel c = *first;
  taps at = *t;
  out = eights(&c, zero, &at, out, end);
  fours(c, zero, &at, 0, out, end);
#else
  fours(*first, zero, t, 0, out, end);
#endif
}

TW_NOINLINE static void pixel_shared(const tw_channel *first, tw_zero zero, const taps *t,
                                     int32_t multiplier, tw_place out, tw_place end) {
  fours(*first, zero, t, multiplier / 4, out, end);
}

void tw_fast_depthwise(const tw_engine *e, const tw_node *node, const tw_window *w,
                       const tw_requant *q, const int8_t *own, void *work) {
  (void)own, (void)work;
  const tw_tensor *const tensors = tw_tensors(e);
  const tw_tensor *input = &tensors[node->inputs[0]], *filter = &tensors[node->inputs[1]],
                  *output = &tensors[node->outputs[0]];
  const int32_t height = input->dims[1], width = input->dims[2], depth = input->dims[3],
                channels = filter->dims[3], multiplier = channels / depth;
  const tw_channel first = tw_first_channel(tw_input(e, node, 2), q);
  const tw_zero zero = tw_zero_of(q->input_zero_point);
  const tw_place weights = tw_place_of(filter->data);
  tw_place image = tw_place_of(input->data), out = tw_place_of(output->data);
  taps t = {.x_row_step = (uint32_t)(width * depth), .x_step = (uint32_t)depth,
            .w_row_step = (uint32_t)(w->width * channels), .w_step = (uint32_t)channels};
  if (w->width == 1) t.x_step = t.x_row_step; /* one column is like one row */
  for (int32_t b = 0; b < output->dims[0]; b++, image += (uint32_t)(height * width * depth)) {
    for (int32_t out_y = 0; out_y < output->dims[1]; out_y++) {
      const int32_t y = out_y * w->stride_h - w->pad_h, row = tw_max(-y, 0);
      const int32_t rows = tw_min(height - y, w->height) - row;
      for (int32_t out_x = 0; out_x < output->dims[2]; out_x++, out += (uint32_t)channels) {
        const int32_t x = out_x * w->stride_w - w->pad_w, column = tw_max(-x, 0);
        t.x = image + (uint32_t)(((y + row) * width + x + column) * depth);
        t.w = weights + (uint32_t)((row * w->width + column) * channels);
        t.rows = rows;
        t.columns = tw_min(width - x, w->width) - column;
        if (w->width == 1) {
          t.columns = rows;
          t.rows = 1;
        }
        const tw_place end = out + (uint32_t)channels;
        if (multiplier == 1) {
          pixel(&first, zero, &t, out, end);
        } else {
          pixel_shared(&first, zero, &t, multiplier, out, end);
        }
      }
    }
  }
  tw_mcu_activate(output, q);
}
