#include "tw_packed.h"
#include "tw_pairs.h"

/* DEPTHWISE_CONV_2D with one filter a channel. A dot product takes two taps of four channels: the
 * image is widened in pairs of neighbours, one below the other or, for windows of one row, one beside
 * the other, with zeros where the window leaves it. Windows of an odd number of rows that move by one
 * begin in the upper row of a pair or in the lower one, so there are two sets of weights for them and
 * each row is widened once. */

enum { MAX_TAPS = 64, MAX_SIDE = 4096, SEGMENT = 128 };
/* Pairs that are kept for more lines of output than one. */
enum { CACHE_BYTES = 20480 };

/* What the window slides over, and the output. An image of one column is turned into one of a row. */
typedef struct {
  tw_tensor input, output;
  tw_window window;
  int32_t input_dims[4], output_dims[4];
} images;

typedef struct {
  int32_t channels, depth; /* depth: channels rounded up to 8 */
  int32_t columns;         /* under the windows of a row */
  int32_t rows, taps;      /* of pairs, in a window */
  int32_t sets;            /* of weights: one, or by the row of a pair that a window begins in */
  int32_t tap_step;        /* columns from one pair to the next */
  int32_t lines;           /* of output at a time */
  int32_t capacity;        /* rows of pairs that are kept */
  int32_t row_step;        /* elements from one of them to the next */
  int16_t *weights;        /* for 4 channels: set by set, pair by pair, 4 times two */
  tw_scale4 *scales;       /* for 4 channels */
  int32_t *sums;           /* [SEGMENT, 4], and three pixels more */
  const int16_t **starts;  /* [lines, rows] */
  int32_t *kept;           /* which row of pairs is in a place; -1: none */
  int16_t *zeros, *pairs;  /* for 4 channels: column by column 4 pairs */
  uint32_t bytes;
} plan;

static void turn(tw_tensor *x, int32_t dims[4]) {
  const int32_t turned[4] = {x->dims[0], x->dims[2], x->dims[1], x->dims[3]};
  memcpy(dims, turned, sizeof turned);
  x->dims = dims;
}

static bool is_flat(const tw_window *w) { return w->height == 1; }

/* 32 bits hold all sizes: see memory_fits. */
static plan make_plan(const images *i, void *work) {
  const tw_window *w = &i->window;
  const int32_t width = w->width, height = w->height;
  plan p = {.channels = i->input.dims[3], .depth = (i->input.dims[3] + 7) & ~7, .bytes = 0};
  p.rows = is_flat(w) ? 1 : (height + 1) / 2;
  p.taps = is_flat(w) ? (width + 1) / 2 : width;
  p.tap_step = is_flat(w) ? 2 : 1;
  p.sets = !is_flat(w) && w->stride_h == 1 && height % 2 == 1 ? 2 : 1;
  p.columns = (i->output.dims[2] - 1) * w->stride_w + p.taps * p.tap_step;
  p.row_step = p.columns * p.depth * 2;
  const int32_t room = CACHE_BYTES / 2 / p.row_step, least = p.sets == 2 ? p.rows : 2 * p.rows - 1;
  const int32_t more = tw_max(room - least, 0); /* rows for more lines than one */
  p.lines = tw_min(p.sets == 2 ? 2 * more + 1 : more / w->stride_h + 1, i->output.dims[1]);
  p.lines = tw_max(tw_min(p.lines, SEGMENT / i->output.dims[2]), 1);
  p.capacity = least + (p.sets == 2 ? p.lines / 2 : (p.lines - 1) * w->stride_h);
  const int32_t fours = p.depth / 4;
  p.scales = tw_take_work(work, &p.bytes, fours * (int32_t)sizeof *p.scales);
  p.weights = tw_take_work(work, &p.bytes, fours * p.sets * p.rows * p.taps * 16);
  p.sums = tw_take_work(work, &p.bytes, (SEGMENT + 3) * 16);
  p.starts = tw_take_work(work, &p.bytes, p.lines * p.rows * (int32_t)sizeof *p.starts);
  p.kept = tw_take_work(work, &p.bytes, p.capacity * (int32_t)sizeof *p.kept);
  p.zeros = tw_take_work(work, &p.bytes, p.columns * 16);
  p.pairs = tw_take_work(work, &p.bytes, p.row_step * p.capacity * 2);
  return p;
}

/* Whether there is one output pixel an image: nothing is packed then, as it would be used once. */
static bool is_single(const images *i) {
  return i->output.dims[1] * i->output.dims[2] == 1 && i->input.dims[3] % 8 == 0 &&
         i->input.type == TW_INT8;
}

static bool memory_fits(const images *i) {
  const int64_t columns = (int64_t)i->output.dims[2] * i->window.stride_w + MAX_TAPS;
  return tw_elements(&i->output) > 0 && columns * i->input.dims[3] <= TW_WORK_BYTES &&
         make_plan(i, NULL).bytes <= TW_WORK_BYTES;
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
  const tw_tensor *input = tw_input(e, node, 0);
  const int32_t channels = tw_input(e, node, 1)->dims[3];
  if (channels != input->dims[3] || channels > MAX_SIDE || w->width * w->height > MAX_TAPS ||
      w->dilation_h != 1 || w->dilation_w != 1) {
    return false;
  }
  images i;
  set_images(&i, e, node, w);
  return memory_fits(&i) && (input->type == TW_INT16 || tw_scales_fit(q, channels));
}

/* ---- layers ---- */

typedef struct {
  images images;
  plan plan;
  tw_scales scales; /* `is_single` alone: its sums are scaled lane by lane */
} layer;

/* Put what a layer keeps from run to run behind it in `memory`, which may be NULL; return how much that
 * is, with the layer. */
static uint32_t keep(const images *i, void *memory, plan *p, tw_scales *s) {
  const int32_t fours = p->depth / 4;
  uint32_t bytes = 0;
  (void)tw_take_work(memory, &bytes, (int32_t)sizeof(layer));
  if (is_single(i)) {
    s->lanes = tw_take_work(memory, &bytes, fours * (int32_t)sizeof *s->lanes);
    return bytes;
  }
  p->scales = tw_take_work(memory, &bytes, fours * (int32_t)sizeof *p->scales);
  p->weights = tw_take_work(memory, &bytes, fours * p->sets * p->rows * p->taps * 16);
  return bytes;
}

static uint32_t kept_bytes(const tw_engine *e, const tw_node *node, const tw_window *w) {
  if (!tw_packed_is_fixed(tw_input(e, node, 1), tw_input(e, node, 2))) return 0;
  images i;
  set_images(&i, e, node, w);
  plan p = make_plan(&i, NULL);
  tw_scales s;
  return keep(&i, NULL, &p, &s);
}

tw_status tw_fast_depthwise_prepare(tw_engine *e, const tw_node *node, const tw_window *w,
                                    const tw_requant *q, void **work) {
  if (fits(e, node, w, q)) *work = tw_packed_request(e, kept_bytes(e, node, w));
  return TW_OK;
}

/* ---- weights ---- */

/* Pairs of eight channels, to those of the first four and `next` behind. */
TW_INLINE void put_pair(v128_t x, v128_t y, int32_t next, int16_t *out) {
  wasm_v128_store(out, wasm_i16x8_shuffle(x, y, 0, 8, 1, 9, 2, 10, 3, 11));
  wasm_v128_store(out + next, wasm_i16x8_shuffle(x, y, 4, 12, 5, 13, 6, 14, 7, 15));
}

/* Eight weights of a tap, from channel `c` on, as int16 and times their gains; zeros for a tap or
 * channels that the filter lacks. */
TW_INLINE v128_t eight_weights(const int8_t *weights, const tw_window *w, int32_t channels, int32_t y,
                               int32_t x, int32_t c, v128_t gains) {
  if (y >= w->height || x >= w->width) return wasm_i16x8_splat(0);
  const int8_t *from = weights + (y * w->width + x) * channels + c;
  if (c + 8 <= channels) return wasm_i16x8_mul(wasm_i16x8_load8x8(from), gains);
  int8_t some[8] = {0};
  for (int32_t i = 0; i < channels - c; i++) some[i] = from[i];
  return wasm_i16x8_mul(wasm_i16x8_load8x8(some), gains);
}

static void pack_weights(const int8_t *weights, const tw_window *w, const plan *p) {
  const int32_t set = p->rows * p->taps * 8, next = p->sets * set;
  const bool flat = is_flat(w);
  int16_t *out = p->weights;
  for (int32_t c = 0; c < p->depth; c += 8, out += 2 * next) {
    const tw_scale4 *s = &p->scales[c / 4];
    const v128_t gains = wasm_v128_load64_lane(s[1].gains, wasm_v128_load64_zero(s[0].gains), 1);
    for (int32_t x = 0; x < p->taps; x++) {
      const int32_t column = x * p->tap_step;
      v128_t before = wasm_i16x8_splat(0);
      for (int32_t i = 0; i < p->rows; i++) {
        const v128_t a = eight_weights(weights, w, p->channels, 2 * i, column, c, gains),
                     b = eight_weights(weights, w, p->channels, 2 * i + !flat, column + flat, c, gains);
        int16_t *const to = out + (i * p->taps + x) * 8;
        put_pair(a, b, next, to);
        if (p->sets == 2) put_pair(before, a, next, to + set);
        before = b;
      }
    }
  }
}

static void set_scales(const tw_requant *q, const tw_tensor *bias, bool is_i16, const plan *p) {
  if (is_i16) {
    for (int32_t c = 0; c < p->depth; c += 4) {
      wasm_v128_store64_lane(p->scales[c / 4].gains, wasm_i16x8_splat(1), 0);
    }
    return;
  }
  const uint32_t most = 2 * (uint32_t)(p->rows * p->taps) * 255 * 128;
  const tw_scales all = tw_scales_of(q, bias, p->channels, most);
  for (int32_t c = 0; c < p->depth; c += 4) {
    const int32_t first = tw_min(c, p->channels - 1);
    const int32_t four[4] = {first, first + 1, first + 2, first + 3};
    tw_scale4_set(&p->scales[c / 4], &all, four, tw_min(p->channels - first, 4));
  }
}

/* ---- rows of pairs ---- */

/* Eight elements of int8 or int16. */
TW_INLINE v128_t load(const int8_t *x, bool is_i16, v128_t zeros) {
  return is_i16 ? wasm_v128_load(x) : wasm_i16x8_sub(wasm_i16x8_load8x8(x), zeros);
}

/* Of which some may be behind the end. */
TW_INLINE v128_t load_some(const int8_t *x, bool is_i16, const int8_t *end, v128_t zeros) {
  int8_t some[16] = {0};
  const int32_t bytes = is_i16 ? 16 : 8, room = (int32_t)(end - x);
  for (int32_t i = 0; i < tw_min(room, bytes); i++) some[i] = x[i];
  return load(some, is_i16, zeros);
}

/* Pairs of `columns` columns, the first ones from a on and the second ones from b on, where there is
 * such. `end` is that of the image. */
TW_INLINE void put_pairs_of(const int8_t *a, const int8_t *b, bool has_a, bool has_b, bool is_i16,
                            const int8_t *end, int32_t columns, const plan *p, v128_t zeros,
                            int16_t *out) {
  const v128_t none = wasm_i16x8_splat(0);
  const int32_t size = is_i16 ? 2 : 1, step = p->channels * size, next = p->columns * 8;
  for (int32_t c = 0; c < p->depth; c += 8, out += 2 * next) {
    const int8_t *s = (has_a ? a : b) + c * size, *t = (has_b ? b : a) + c * size;
    const int8_t *const later = s < t ? t : s;
    int32_t i = columns;
    int16_t *to = out;
    if (end - later >= (columns - 1) * step + 8 * size) {
      for (; i > 0; i--, s += step, t += step, to += 8) {
        put_pair(has_a ? load(s, is_i16, zeros) : none, has_b ? load(t, is_i16, zeros) : none, next, to);
      }
    }
    for (; i > 0; i--, s += step, t += step, to += 8) {
      put_pair(has_a ? load_some(s, is_i16, end, zeros) : none,
               has_b ? load_some(t, is_i16, end, zeros) : none, next, to);
    }
  }
}

static TW_NOINLINE void put_pairs(const int8_t *a, const int8_t *b, bool is_i16, const int8_t *end,
                                  int32_t columns, const plan *p, v128_t zeros, int16_t *out) {
  if (is_i16) {
    put_pairs_of(a, b, a != NULL, b != NULL, true, end, columns, p, zeros, out);
  } else if (a != NULL && b != NULL) {
    put_pairs_of(a, b, true, true, false, end, columns, p, zeros, out);
  } else {
    put_pairs_of(a, b, a != NULL, b != NULL, false, end, columns, p, zeros, out);
  }
}

/* Row `y` of an image and what is beside it or below. Pairs of the padding are zeros already. */
static void put_row(const images *i, const plan *p, int32_t zero, int32_t image, int32_t y,
                    int16_t *out) {
  const tw_window *w = &i->window;
  const bool is_i16 = i->input.type == TW_INT16;
  const int32_t height = i->input.dims[1], width = i->input.dims[2], pad = w->pad_w;
  const int32_t pixel = p->channels * (is_i16 ? 2 : 1); /* bytes */
  const int8_t *const first = i->input.data, *const end = first + i->input.bytes;
  const int8_t *const row = first + (image * height + y) * width * pixel;
  const v128_t zeros = wasm_i16x8_splat((int16_t)zero);
  if (!is_flat(w)) {
    put_pairs(y < 0 ? NULL : row, y + 1 < height ? row + width * pixel : NULL, is_i16, end,
              tw_min(width, p->columns - pad), p, zeros, out + pad * 8);
    return;
  }
  if (pad > 0) put_pairs(NULL, row, is_i16, end, 1, p, zeros, out + (pad - 1) * 8);
  const int32_t inside = tw_min(width - 1, p->columns - pad);
  put_pairs(row, row + pixel, is_i16, end, inside, p, zeros, out + pad * 8);
  if (inside == width - 1 && pad + inside < p->columns) {
    put_pairs(row + inside * pixel, NULL, is_i16, end, 1, p, zeros, out + (pad + inside) * 8);
  }
}

/* The set of weights for a line of output. */
static int32_t set_of(const images *of, const plan *p, int32_t y) {
  return p->sets == 2 ? (y - of->window.pad_h) & 1 : 0;
}

/* Set where the pairs of a line of output begin, with those of the first four channels. Rows are asked
 * for in order. */
static void set_starts(const images *of, const plan *p, int32_t zero, int32_t image, int32_t y,
                       const int16_t **starts) {
  const int32_t height = of->input.dims[1];
  const int32_t top = y * of->window.stride_h - of->window.pad_h - set_of(of, p, y);
  for (int32_t i = 0; i < p->rows; i++) {
    const int32_t row = top + 2 * i;
    if (row < (is_flat(&of->window) ? 0 : -1) || row >= height) {
      starts[i] = p->zeros;
      continue;
    }
    const int32_t number =
        p->sets == 2 ? image * ((height + 1) / 2) + row / 2 : image * (height + 1) + row + 1;
    const int32_t place = number % p->capacity;
    int16_t *const pairs = p->pairs + place * p->row_step;
    starts[i] = pairs;
    if (p->kept[place] == number) continue;
    p->kept[place] = number;
    put_row(of, p, zero, image, row, pairs);
  }
}

/* ---- lines ---- */

/* Lines of output from number `y` of an image on, four channels at a time; `first` is the number of their
 * first pixel. */
static void run_lines(const images *of, const plan *p, int32_t y, int32_t lines, const tw_requant *q,
                      const tw_tensor *bias, int32_t first) {
  const int32_t width = of->output.dims[2], step = of->window.stride_w * 8;
  const tw_pairs form = {p->rows, p->taps, p->tap_step, p->zeros};
  tw_pairs_sum *const sum = tw_pairs_sum_for(&form, is_flat(&of->window) && of->window.stride_w == 1);
  for (int32_t c = 0; c < p->channels; c += 4) {
    const int16_t *const w = p->weights + c / 4 * p->sets * p->rows * p->taps * 8;
    for (int32_t x = 0; x < width; x += SEGMENT) {
      const int32_t beside = tw_min(width - x, SEGMENT), offset = c / 4 * p->columns * 8 + x * step;
      for (int32_t i = 0; i < tw_min(p->sets, lines); i++) {
        const tw_pairs_part some = {p->starts + i * p->rows, (lines - i + p->sets - 1) / p->sets, p->sets,
                                    beside, offset, step};
        sum(&form, &some, w + set_of(of, p, y + i) * p->rows * p->taps * 8, p->sums + i * beside * 4);
      }
      const int32_t pixels = lines * beside, count = tw_min(p->channels - c, 4),
                    at = (first + x) * p->channels + c;
      if (of->input.type == TW_INT16) {
        tw_finish_i16(p->sums, false, pixels, q, bias, c, count, p->channels,
                      (int16_t *)of->output.data + at);
      } else {
        tw_finish(p->sums, pixels, &p->scales[c / 4], q, false, count, p->channels,
                  (int8_t *)of->output.data + at);
      }
    }
  }
}

TW_INLINE void store(v128_t x, int8_t *out) {
  wasm_v128_store64_lane(out, wasm_i8x16_narrow_i16x8(x, x), 0);
}

static void run_single(const images *of, const int8_t *weights, const tw_scales *scales) {
  const tw_tensor *const input = &of->input, *const output = &of->output;
  const tw_window *const w = &of->window;
  const tw_requant *const q = scales->q;
  const int32_t channels = input->dims[3], width = input->dims[2], height = input->dims[1];
  const int32_t top = -w->pad_h, left = -w->pad_w;
  const int32_t first_row = tw_max(0, -top), rows = tw_min(w->height, height - top);
  const int32_t first_column = tw_max(0, -left), columns = tw_min(w->width, width - left);
  const v128_t zero = wasm_i16x8_splat(q->input_zero_point);
  const tw_range range = tw_range_of(q);
  const int8_t *image = input->data;
  int8_t *out = output->data;
  for (int32_t b = 0; b < output->dims[0]; b++, image += height * width * channels) {
    for (int32_t c = 0; c < channels; c += 8, out += 8) {
      tw_lane_scale room[2];
      const tw_lane_scale *const s0 = tw_lane_scale_of(scales, c, &room[0]),
                          *const s1 = tw_lane_scale_of(scales, c + 4, &room[1]);
      v128_t low = s0->bias, high = s1->bias;
      for (int32_t y = first_row; y < rows; y++) {
        const int8_t *x = image + ((top + y) * width + left) * channels + c;
        const int8_t *f = weights + y * w->width * channels + c;
        for (int32_t i = first_column * channels; i < columns * channels; i += channels) {
          const v128_t u = wasm_i16x8_sub(wasm_i16x8_load8x8(x + i), zero),
                       v = wasm_i16x8_load8x8(f + i);
          low = wasm_i32x4_add(low, wasm_i32x4_extmul_low_i16x8(u, v));
          high = wasm_i32x4_add(high, wasm_i32x4_extmul_high_i16x8(u, v));
        }
      }
      store(tw_to_range(tw_rescale_lanes(low, s0, scales->shift),
                        tw_rescale_lanes(high, s1, scales->shift), &range), out);
    }
  }
}

static void run_all(const images *of, const plan *p, const tw_requant *q, const tw_tensor *bias) {
  const tw_tensor *const output = &of->output;
  memset(p->kept, -1, (size_t)p->capacity * sizeof *p->kept);
  memset(p->zeros, 0, (size_t)(p->columns * 8 + p->row_step * p->capacity) * sizeof *p->zeros);
  const int32_t zero = of->input.type == TW_INT16 ? 0 : q->input_zero_point; /* of int16 it counts as 0 */
  int32_t first = 0;
  for (int32_t b = 0; b < output->dims[0]; b++) {
    for (int32_t y = 0, lines; y < output->dims[1]; y += lines) {
      lines = tw_min(p->lines, output->dims[1] - y);
      for (int32_t i = 0; i < lines; i++) {
        set_starts(of, p, zero, b, y + i, p->starts + i * p->rows);
      }
      run_lines(of, p, y, lines, q, bias, first);
      first += lines * output->dims[2];
    }
  }
}

/* A layer in `memory`, if that is not NULL: else it is for one run. */
static void set_layer(const tw_engine *e, const tw_node *node, const tw_window *w, const tw_requant *q,
                      const int8_t *weights, void *memory, layer *l) {
  const tw_tensor *const bias = tw_input(e, node, 2);
  images *const i = &l->images;
  set_images(i, e, node, w);
  l->plan = make_plan(i, tw_work);
  if (is_single(i)) {
    const uint32_t most = (uint32_t)(i->window.width * i->window.height) * 255 * 128;
    l->scales = tw_scales_of(q, bias, i->input.dims[3], most);
    if (memory == NULL) return;
    (void)keep(i, memory, &l->plan, &l->scales);
    tw_scales_fill(&l->scales);
    return;
  }
  if (memory != NULL) (void)keep(i, memory, &l->plan, &l->scales);
  set_scales(q, bias, i->input.type == TW_INT16, &l->plan);
  pack_weights(weights, &i->window, &l->plan);
}

void tw_fast_depthwise(const tw_engine *e, const tw_node *node, const tw_window *w,
                       const tw_requant *q, const int8_t *weights, void *work) {
  tw_packed *const packed = work;
  void *const memory = tw_packed_memory(e, packed);
  layer for_now, *const l = memory != NULL ? memory : &for_now;
  if (!packed->ready) set_layer(e, node, w, q, weights, memory, l);
  if (is_single(&l->images)) {
    run_single(&l->images, weights, &l->scales);
  } else {
    run_all(&l->images, &l->plan, q, tw_input(e, node, 2));
  }
  packed->ready = memory != NULL;
}
