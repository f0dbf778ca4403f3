#include "tw_simd.h"

/* DEPTHWISE_CONV_2D with one filter a channel: eight channels at a time, two taps at a time, up to
 * four neighbouring pixels. The rows of the image under the window are kept widened, with zeros where
 * the window leaves it, eight channels of a row's columns side by side. */

enum { MAX_TAPS = 64, MAX_CHANNELS = 4096 };

typedef struct {
  int32_t channels, depth; /* depth: channels rounded up to 8 */
  int32_t columns;         /* of a row of the ring */
  int32_t taps;
  int16_t *weights;        /* for 8 channels: for two taps: 8 pairs */
  tw_lane_scale *scales;   /* for 4 channels */
  uint32_t shift;
} plan;

/* What the window slides over, and the output. An image of one column is turned into one of a row, of
 * which neighbouring pixels are computed together. */
typedef struct {
  tw_tensor input, output;
  tw_window window;
  int32_t input_dims[4], output_dims[4];
} images;

static void turn(tw_tensor *x, int32_t dims[4]) {
  const int32_t turned[4] = {x->dims[0], x->dims[2], x->dims[1], x->dims[3]};
  memcpy(dims, turned, sizeof turned);
  x->dims = dims;
}

static uint32_t pairs(int32_t taps) { return (uint32_t)(taps + 1) / 2; }

/* Of scales and weights. */
static uint32_t bytes_needed(uint32_t depth, int32_t taps) {
  return depth / 4 * (uint32_t)sizeof(tw_lane_scale) + depth * 4 * pairs(taps);
}

static bool memory_fits(const images *i) {
  const uint32_t depth = ((uint32_t)i->input.dims[3] + 7) & ~7u;
  const uint32_t ring = tw_ring_bytes(&i->output, &i->window, depth);
  return ring <= TW_WORK_BYTES &&
         ring + bytes_needed(depth, i->window.width * i->window.height) <= TW_WORK_BYTES;
}

static void set_images(images *i, const tw_engine *e, const tw_node *node, const tw_window *w) {
  i->input = *tw_input(e, node, 0);
  i->output = *tw_output(e, node, 0);
  i->window = *w;
  if (i->input.dims[2] != 1 || w->width != 1) return;
  const images as_is = *i;
  turn(&i->input, i->input_dims);
  turn(&i->output, i->output_dims);
  i->window = (tw_window){.height = 1, .width = w->height, .stride_h = 1, .stride_w = w->stride_h,
                          .dilation_h = 1, .dilation_w = w->dilation_h, .pad_w = w->pad_h};
  if (!memory_fits(i)) *i = as_is;
}

static bool fits(const tw_engine *e, const tw_node *node, const tw_window *w, const tw_requant *q) {
  const tw_tensor *filter = tw_input(e, node, 1);
  const int32_t channels = filter->dims[3];
  if (filter->type != TW_INT8 || channels != tw_input(e, node, 0)->dims[3] || channels > MAX_CHANNELS ||
      w->width * w->height > MAX_TAPS || w->dilation_h != 1 || w->dilation_w != 1) {
    return false;
  }
  images i;
  set_images(&i, e, node, w);
  return memory_fits(&i) && tw_scales_fit(q, channels);
}

tw_status tw_fast_depthwise_prepare(tw_engine *e, const tw_node *node, const tw_window *w,
                                    const tw_requant *q, void **work) {
  if (fits(e, node, w, q)) *work = tw_work;
  return TW_OK;
}

/* Weights of two taps side by side, channel by channel, as the dot product takes them. */
static void pack_weights(const tw_tensor *filter, plan *p) {
  const int8_t *w = filter->data;
  int16_t *out = p->weights;
  if (p->depth == p->channels) {
    for (int32_t c = 0; c < p->depth; c += 8) {
      for (int32_t t = 0; t < p->taps; t += 2, out += 16) {
        const v128_t a = wasm_i16x8_load8x8(w + t * p->channels + c);
        const v128_t b = t + 1 == p->taps ? wasm_i16x8_splat(0)
                                          : wasm_i16x8_load8x8(w + (t + 1) * p->channels + c);
        wasm_v128_store(out, wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
        wasm_v128_store(out + 8, wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15));
      }
    }
    return;
  }
  for (int32_t c = 0; c < p->depth; c += 8) {
    for (int32_t t = 0; t < p->taps; t += 2) {
      for (int32_t i = c; i < c + 8; i++) {
        *out++ = i < p->channels ? w[t * p->channels + i] : 0;
        *out++ = i < p->channels && t + 1 < p->taps ? w[(t + 1) * p->channels + i] : 0;
      }
    }
  }
}

/* Two taps' products with `pixels` neighbouring pixels, `step` apart. */
TW_INLINE void sum_pair(const int16_t *const taps[], int32_t offset, int32_t step, const int16_t *w,
                        int32_t pixels, v128_t low[], v128_t high[]) {
  const v128_t w_low = wasm_v128_load(w), w_high = wasm_v128_load(w + 8);
  const int16_t *a = taps[0] + offset, *b = taps[1] + offset;
#pragma clang loop unroll(full)
  for (int32_t i = 0; i < pixels; i++) {
    const v128_t x = wasm_v128_load(a + i * step), y = wasm_v128_load(b + i * step);
    low[i] = tw_add_dot(low[i], wasm_i16x8_shuffle(x, y, 0, 8, 1, 9, 2, 10, 3, 11), w_low);
    high[i] = tw_add_dot(high[i], wasm_i16x8_shuffle(x, y, 4, 12, 5, 13, 6, 14, 7, 15), w_high);
  }
}

/* The next pair, unless there is none. See docs/adr/0016 for why loops are written so. */
#define PAIR(k)                                                            \
  sum_pair(taps + 2 * (k), offset, step, w + 16 * (k), pixels, low, high); \
  if (left <= 2 * (k) + 2) return;

/* `low` and `high` hold the biases, and then the sums. */
TW_INLINE void sum_taps(const int16_t *const taps[], int32_t left, int32_t offset, int32_t step,
                        const int16_t *w, int32_t pixels, v128_t low[], v128_t high[]) {
  PAIR(0) PAIR(1) PAIR(2) PAIR(3) PAIR(4)
  for (;;) {
    left -= 10, taps += 10, w += 80;
    PAIR(0) PAIR(1) PAIR(2) PAIR(3) PAIR(4)
  }
}

/* Four channels of up to four pixels. */
TW_INLINE void put_half(const v128_t sums[], int32_t pixels, const tw_lane_scale *scale, uint32_t shift,
                        const tw_range *range, int32_t channels, int8_t *out) {
  const tw_lane_scale s = *scale;
  v128_t x[4];
#pragma clang loop unroll(full)
  for (int32_t i = 0; i < 4; i++) x[i] = i < pixels ? tw_rescale_lanes(sums[i], &s, shift) : x[0];
  const v128_t bytes =
      wasm_i8x16_narrow_i16x8(tw_to_range(x[0], x[1], range), tw_to_range(x[2], x[3], range));
  wasm_v128_store32_lane(out, bytes, 0);
  if (pixels > 1) wasm_v128_store32_lane(out + channels, bytes, 1);
  if (pixels > 2) wasm_v128_store32_lane(out + 2 * channels, bytes, 2);
  if (pixels > 3) wasm_v128_store32_lane(out + 3 * channels, bytes, 3);
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

/* Of `pixels` pixels from `x` on, in whole groups of eight channels. Where channels shift by
 * different amounts, `same` is false. */
TW_INLINE void outputs(const int16_t *const taps[], const plan *p, int32_t x, int32_t stride,
                       int32_t pixels, bool same, const tw_range *where, int8_t *out) {
  const int32_t channels = p->channels, step = stride * 8, count = p->taps, next = p->columns * 8;
  const int16_t *w = p->weights;
  const tw_lane_scale *scale = p->scales;
  const tw_range range = *where;
  const uint32_t shift = same ? p->shift : 0;
  if (same && shift == 0) __builtin_unreachable();
  int32_t offset = x * step;
  for (int8_t *const end = out + (channels & ~7); out != end; out += 8, scale += 2, offset += next) {
    v128_t low[4], high[4];
    for (int32_t i = 0; i < pixels; i++) low[i] = scale[0].bias, high[i] = scale[1].bias;
    sum_taps(taps, count, offset, step, w, pixels, low, high);
    put_half(low, pixels, scale, shift, &range, channels, out);
    put_half(high, pixels, scale + 1, shift, &range, channels, out + 4);
    w += 16 * pairs(count);
  }
}

/* The channels behind those groups. */
static void last_outputs(const int16_t *const taps[], const plan *p, int32_t width, int32_t stride,
                         const tw_range *range, int8_t *out) {
  const int32_t first = p->channels & ~7;
  const tw_lane_scale *scale = p->scales + first / 4;
  const int16_t *w = p->weights + first / 8 * 16 * (int32_t)pairs(p->taps);
  for (int32_t x = 0; x < width; x++, out += p->channels) {
    v128_t low[1] = {scale[0].bias}, high[1] = {scale[1].bias};
    sum_taps(taps, p->taps, first * p->columns + x * stride * 8, 0, w, 1, low, high);
    const v128_t a = tw_rescale_lanes(low[0], scale, p->shift),
                 b = tw_rescale_lanes(high[0], scale + 1, p->shift);
    store(tw_to_range(a, b, range), p->channels - first, out + first);
  }
}

typedef void pixels_of(const int16_t *const taps[], const plan *p, int32_t x, int32_t stride,
                       const tw_range *range, int8_t *out);

#define PIXELS(name, stride, count, same)                                                      \
  static TW_NOINLINE void name(const int16_t *const taps[], const plan *p, int32_t x,          \
                               int32_t any_stride, const tw_range *range, int8_t *out) {       \
    (void)any_stride;                                                                          \
    outputs(taps, p, x, (stride), (count), (same), range, out);                                \
  }

PIXELS(any, any_stride, 1, false)
PIXELS(one, any_stride, 1, true)
PIXELS(two, 1, 2, true)
PIXELS(three, 1, 3, true)
PIXELS(four, 1, 4, true)
PIXELS(two_apart, 2, 2, true)
PIXELS(three_apart, 2, 3, true)
PIXELS(four_apart, 2, 4, true)

static void output_row(const int16_t *const taps[], const plan *p, int32_t width, int32_t stride,
                       const tw_range *range, int8_t *out) {
  static pixels_of *const of[2][5] = {{NULL, one, two, three, four},
                                      {NULL, one, two_apart, three_apart, four_apart}};
  const int32_t most = p->shift == 0 || stride > 2 ? 1 : 4;
  pixels_of *const *kernels = of[stride == 2];
  for (int32_t x = 0; x < width;) {
    const int32_t left = width - x; /* 5 are 3 and 2 */
    const int32_t count = tw_min(left, left > 4 && left < 7 ? tw_min(most, 3) : most);
    (p->shift == 0 ? any : kernels[count])(taps, p, x, stride, range, out + x * p->channels);
    x += count;
  }
  if (p->channels % 8 != 0) last_outputs(taps, p, width, stride, range, out);
}

static plan make_plan(const tw_engine *e, const tw_node *node, const tw_window *w,
                      const tw_requant *q, void *work) {
  const tw_tensor *filter = tw_input(e, node, 1);
  plan p = {.channels = filter->dims[3], .depth = (filter->dims[3] + 7) & ~7,
            .taps = w->width * w->height};
  p.scales = work;
  p.weights = (int16_t *)(void *)(p.scales + p.depth / 4);
  pack_weights(filter, &p);
  const tw_tensor *bias = tw_input(e, node, 2);
  p.shift = tw_lane_shift_of(q, bias, p.channels, (uint32_t)p.taps * 255 * 128);
  for (int32_t c = 0; c < p.depth; c += 4) {
    p.scales[c / 4] = tw_lane_scale_of(q, bias, p.channels, c, p.shift);
  }
  return p;
}

/* One output pixel a image: nothing is prepared, as it would be used once. */
static void run_single(const tw_tensor *input, const tw_tensor *filter, const tw_tensor *output,
                       const tw_tensor *bias, const tw_window *w, const tw_requant *q) {
  const int32_t channels = input->dims[3], width = input->dims[2], height = input->dims[1];
  const int32_t top = -w->pad_h, left = -w->pad_w;
  const int32_t first_row = tw_max(0, -top), rows = tw_min(w->height, height - top);
  const int32_t first_column = tw_max(0, -left), columns = tw_min(w->width, width - left);
  const v128_t zero = wasm_i16x8_splat(q->input_zero_point);
  const tw_range range = tw_range_of(q);
  const uint32_t shift =
      tw_lane_shift_of(q, bias, channels, (uint32_t)(w->width * w->height) * 255 * 128);
  const int8_t *image = input->data;
  int8_t *out = output->data;
  for (int32_t b = 0; b < output->dims[0]; b++, image += height * width * channels) {
    for (int32_t c = 0; c < channels; c += 8, out += 8) {
      const tw_lane_scale s0 = tw_lane_scale_of(q, bias, channels, c, shift),
                          s1 = tw_lane_scale_of(q, bias, channels, c + 4, shift);
      v128_t low = s0.bias, high = s1.bias;
      for (int32_t y = first_row; y < rows; y++) {
        const int8_t *x = image + ((top + y) * width + left) * channels + c;
        const int8_t *f = (const int8_t *)filter->data + y * w->width * channels + c;
        for (int32_t i = first_column * channels; i < columns * channels; i += channels) {
          const v128_t u = wasm_i16x8_sub(wasm_i16x8_load8x8(x + i), zero),
                       v = wasm_i16x8_load8x8(f + i);
          low = wasm_i32x4_add(low, wasm_i32x4_extmul_low_i16x8(u, v));
          high = wasm_i32x4_add(high, wasm_i32x4_extmul_high_i16x8(u, v));
        }
      }
      store(tw_to_range(tw_rescale_lanes(low, &s0, shift), tw_rescale_lanes(high, &s1, shift), &range), 8,
            out);
    }
  }
}

void tw_fast_depthwise(const tw_engine *e, const tw_node *node, const tw_window *w,
                       const tw_requant *q, void *work) {
  images of;
  set_images(&of, e, node, w);
  w = &of.window;
  const tw_tensor *input = &of.input, *output = &of.output;
  if (output->dims[1] * output->dims[2] == 1 && input->dims[3] % 8 == 0) {
    run_single(input, tw_input(e, node, 1), output, tw_input(e, node, 2), w, q);
    return;
  }
  plan p = make_plan(e, node, w, q, work);
  int16_t *const memory = p.weights + (uint32_t)p.depth * 2 * pairs(p.taps);
  tw_ring ring = tw_ring_start(input, output, w, q->input_zero_point, true, memory);
  p.columns = ring.columns;
  const tw_range range = tw_range_of(q);
  int8_t *out = output->data;
  for (int32_t b = 0; b < output->dims[0]; b++) {
    for (int32_t y = 0; y < output->dims[1]; y++) {
      tw_ring_move(&ring, b, y);
      const int16_t *taps[MAX_TAPS + 1];
      int32_t t = 0;
      for (int32_t i = 0; i < w->height; i++) {
        const int16_t *row = tw_ring_row(&ring, i);
        for (int32_t k = 0; k < w->width; k++) taps[t++] = row + k * 8;
      }
      taps[t] = taps[t - 1];
      output_row(taps, &p, output->dims[2], w->stride_w, &range, out);
      out += output->dims[2] * p.channels;
    }
  }
}
