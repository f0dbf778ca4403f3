#include "tw_simd.h"

/* DEPTHWISE_CONV_2D with one filter a channel: eight channels at a time, two taps at a time. The
 * rows of the image under the window are kept widened, with zeros where the window leaves it. */

enum { MAX_TAPS = 64 };

typedef struct {
  int32_t channels, depth; /* depth: channels rounded up to 8 */
  int32_t taps, columns;   /* columns: of a widened row */
  int16_t *weights;        /* for 8 channels: for two taps: 8 pairs */
  tw_lane_scale *scales;   /* for 4 channels */
  int16_t *rows, *zeros;   /* the window's height rows, in a ring, and one of zeros */
} plan;

static uint32_t pairs(int32_t taps) { return (uint32_t)(taps + 1) / 2; }

static uint32_t bytes_needed(uint32_t depth, uint32_t taps, uint32_t height, uint32_t columns) {
  return depth * 4 * pairs((int32_t)taps) + depth * (uint32_t)sizeof(tw_lane_scale) / 4 +
         (height + 1) * columns * depth * 2 + 16;
}

static int32_t columns_of(const tw_tensor *output, const tw_window *w) {
  return (output->dims[2] - 1) * w->stride_w + w->width;
}

tw_status tw_fast_depthwise_prepare(tw_engine *e, const tw_node *node, const tw_window *w,
                                    const tw_requant *q, void **work) {
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1),
                  *output = tw_output(e, node, 0);
  const uint32_t columns = (uint32_t)columns_of(output, w), taps = (uint32_t)w->width * w->height;
  if (filter->type != TW_INT8 || filter->dims[3] != input->dims[3] || taps > MAX_TAPS ||
      w->dilation_h != 1 || w->dilation_w != 1) {
    return TW_OK;
  }
  if (input->dims[3] > 4096 || columns > 4096) return TW_OK; /* so that nothing overflows */
  const uint32_t depth = ((uint32_t)input->dims[3] + 7) & ~7u;
  if (bytes_needed(depth, taps, w->height, columns) <= TW_WORK_BYTES &&
      tw_lane_scales_fit(q, filter->dims[3])) {
    *work = tw_work;
  }
  return TW_OK;
}

/* Weights of two taps side by side, channel by channel, as the dot product takes them. */
static void pack_weights(const tw_tensor *filter, plan *p) {
  const int8_t *w = filter->data;
  int16_t *out = p->weights;
  for (int32_t c = 0; c < p->depth; c += 8) {
    for (int32_t t = 0; t < p->taps; t += 2) {
      for (int32_t i = c; i < c + 8; i++) {
        *out++ = i < p->channels ? w[t * p->channels + i] : 0;
        *out++ = i < p->channels && t + 1 < p->taps ? w[(t + 1) * p->channels + i] : 0;
      }
    }
  }
}

/* Row `y` of an image into the ring; `left` columns of zeros in front. */
static void widen_row(const tw_tensor *input, const int8_t *image, int32_t y, int32_t left,
                      int32_t zero, const plan *p, int16_t *out) {
  const int32_t width = input->dims[2];
  const int8_t *const end = (const int8_t *)input->data + input->bytes;
  const int8_t *in = image + y * width * p->channels;
  if (p->depth == p->channels) {
    const int32_t count = tw_min(width, p->columns - left) * p->depth;
    tw_widen(in, zero, count, (int32_t)(end - in), out + left * p->depth);
    return;
  }
  for (int32_t x = left; x < tw_min(left + width, p->columns); x++, in += p->channels) {
    tw_widen(in, zero, p->channels, tw_min((int32_t)(end - in), p->depth), out + x * p->depth);
  }
}

/* Sums of `pixels` neighbouring outputs in 8 channels. `offset` is where the first one's window
 * begins in the rows, `step` is from one to the next. */
TW_INLINE void sum_taps(const int16_t *const taps[], const plan *p, int32_t offset, int32_t step,
                        const int16_t *w, int32_t pixels, v128_t low[], v128_t high[]) {
  for (int32_t i = 0; i < pixels; i++) low[i] = high[i] = wasm_i32x4_splat(0);
  for (int32_t t = 0; t < p->taps; t += 2, w += 16) {
    const v128_t w_low = wasm_v128_load(w), w_high = wasm_v128_load(w + 8);
    const int16_t *a = taps[t] + offset, *b = taps[t + 1] + offset;
    for (int32_t i = 0; i < pixels; i++) {
      const v128_t x = wasm_v128_load(a + i * step), y = wasm_v128_load(b + i * step);
      low[i] = tw_add_dot(low[i], wasm_i16x8_shuffle(x, y, 0, 8, 1, 9, 2, 10, 3, 11), w_low);
      high[i] = tw_add_dot(high[i], wasm_i16x8_shuffle(x, y, 4, 12, 5, 13, 6, 14, 7, 15), w_high);
    }
  }
}

TW_INLINE void store(v128_t x, int32_t count, int8_t *out) {
  x = wasm_i8x16_narrow_i16x8(x, x);
  if (count >= 8) {
    wasm_v128_store64_lane(out, x, 0);
    return;
  }
  int8_t bytes[16];
  wasm_v128_store(bytes, x);
  for (int32_t i = 0; i < count; i++) out[i] = bytes[i];
}

TW_INLINE void outputs(const int16_t *const taps[], const plan *p, int32_t x, int32_t stride,
                       int32_t pixels, const tw_requant *q, int8_t *out) {
  const int16_t *w = p->weights;
  const tw_lane_scale *scale = p->scales;
  for (int32_t c = 0; c < p->depth; c += 8, w += 16 * pairs(p->taps), scale += 2) {
    v128_t low[4], high[4];
    sum_taps(taps, p, x * stride * p->depth + c, stride * p->depth, w, pixels, low, high);
    for (int32_t i = 0; i < pixels; i++) {
      const v128_t a = tw_rescale_lanes(low[i], scale), b = tw_rescale_lanes(high[i], scale + 1);
      store(tw_to_range(a, b, q), p->channels - c, out + i * p->channels + c);
    }
  }
}

static void output_row(const int16_t *const taps[], const plan *p, int32_t width, int32_t stride,
                       const tw_requant *q, int8_t *out) {
  int32_t x = 0;
  for (; x + 4 <= width; x += 4) outputs(taps, p, x, stride, 4, q, out + x * p->channels);
  for (; x < width; x++) outputs(taps, p, x, stride, 1, q, out + x * p->channels);
}

static plan make_plan(const tw_engine *e, const tw_node *node, const tw_window *w,
                      const tw_requant *q, void *work) {
  const tw_tensor *filter = tw_input(e, node, 1), *output = tw_output(e, node, 0);
  plan p = {.channels = filter->dims[3], .depth = (filter->dims[3] + 7) & ~7,
            .taps = w->width * w->height, .columns = columns_of(output, w)};
  p.scales = work;
  p.weights = (int16_t *)(void *)(p.scales + p.depth / 4);
  p.zeros = p.weights + (uint32_t)p.depth * 2 * pairs(p.taps);
  p.rows = p.zeros + p.columns * p.depth;
  memset(p.zeros, 0, (size_t)(w->height + 1) * (size_t)(p.columns * p.depth) * 2);
  pack_weights(filter, &p);
  for (int32_t c = 0; c < p.depth; c += 4) {
    p.scales[c / 4] = tw_lane_scale_of(q, tw_input(e, node, 2), p.channels, c);
  }
  return p;
}

void tw_fast_depthwise(const tw_engine *e, const tw_node *node, const tw_window *w,
                       const tw_requant *q, void *work) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const int32_t height = input->dims[1], image = height * input->dims[2] * input->dims[3];
  const plan p = make_plan(e, node, w, q, work);
  const int32_t row_elements = p.columns * p.depth;
  int8_t *out = output->data;
  for (int32_t b = 0; b < output->dims[0]; b++) {
    int32_t widened = 0; /* rows of the image in the ring, so far */
    for (int32_t y = 0; y < output->dims[1]; y++) {
      const int32_t top = y * w->stride_h - w->pad_h;
      const int16_t *taps[MAX_TAPS + 1];
      widened = tw_max(widened, top);
      for (; widened < tw_min(top + w->height, height); widened++) {
        widen_row(input, (const int8_t *)input->data + b * image, widened, w->pad_w,
                  q->input_zero_point, &p, p.rows + widened % w->height * row_elements);
      }
      for (int32_t t = 0; t < p.taps; t++) {
        const int32_t row = top + t / w->width;
        const int16_t *at = row >= 0 && row < height ? p.rows + row % w->height * row_elements
                                                     : p.zeros;
        taps[t] = at + t % w->width * p.depth;
      }
      taps[p.taps] = taps[p.taps - 1];
      output_row(taps, &p, output->dims[2], w->stride_w, q, out);
      out += output->dims[2] * p.channels;
    }
  }
}
