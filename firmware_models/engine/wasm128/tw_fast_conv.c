#include "tw_gemm.h"

/* CONV_2D as a matrix product: the elements under the windows of some output pixels are laid out as
 * rows of int16, which the filters are multiplied with. */

enum { MAX_DEPTH = 4096, PANEL_BYTES = 20480 }; /* panels that stay in the first cache */

static int32_t round_up(int32_t n) { return (n + 7) & ~7; }

/* The parts of the working memory, in elements of int16. */
typedef struct {
  int32_t width, depth, channels; /* of the product */
  int32_t rows;                   /* that are multiplied at a time */
  int16_t *widened, *windows, *panels, *ring;
  int8_t *apart, *constants;
  int32_t window_step;            /* from one window to the next */
} plan;

static plan make_plan(const tw_tensor *filter, void *work) {
  const int32_t width = (int32_t)(tw_elements(filter) / (uint32_t)filter->dims[0]);
  const int32_t depth = round_up(width);
  plan p = {.width = width, .depth = depth, .channels = filter->dims[0],
            .rows = tw_max(PANEL_BYTES / 2 / depth / TW_PANEL_ROWS, 1) * TW_PANEL_ROWS};
  p.widened = work;
  p.window_step = depth + 8;
  p.windows = p.widened + 4 * depth;
  p.panels = p.windows + TW_PANEL_ROWS * p.window_step;
  p.apart = (int8_t *)(p.panels + p.rows * depth);
  p.constants = p.apart + p.rows * TW_GROUP;
  p.ring = (int16_t *)(void *)(p.constants + (p.channels <= TW_CONSTANTS ? round_up(p.channels) : 0));
  return p;
}

static bool fits(const tw_engine *e, const tw_node *node, const tw_window *w, const tw_requant *q) {
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1);
  if (filter->type != TW_INT8 || filter->dims[3] != input->dims[3] ||
      tw_elements(filter) / (uint32_t)filter->dims[0] > MAX_DEPTH) {
    return false;
  }
  const uint32_t taken = (uint32_t)((uint8_t *)make_plan(filter, tw_work).ring - tw_work);
  return taken <= TW_WORK_BYTES && tw_scales_fit(q, filter->dims[0]) &&
         tw_ring_bytes(tw_output(e, node, 0), w, (uint32_t)input->dims[3]) <= TW_WORK_BYTES - taken;
}

tw_status tw_fast_conv_prepare(tw_engine *e, const tw_node *node, const tw_window *w,
                               const tw_requant *q, void **work) {
  if (fits(e, node, w, q)) *work = tw_work;
  return TW_OK;
}

/* A window that is one pixel, moved by one: its rows are the input as it lies there. */
static bool is_pointwise(const tw_window *w, int32_t depth) {
  return w->height == 1 && w->width == 1 && w->stride_h == 1 && w->stride_w == 1 && depth % 8 == 0;
}

/* `count` pixels to panels; the last one stands for those that its panel lacks. */
static void put_pixels(const int8_t *x, int32_t count, int32_t zero, int32_t depth, int16_t *out) {
  const v128_t zeros = wasm_i16x8_splat((int16_t)zero);
  for (; count > 0; count -= TW_PANEL_ROWS, x += TW_PANEL_ROWS * depth) {
    const int32_t last = count - 1;
    const int8_t *const b = x + tw_min(1, last) * depth, *const c = x + tw_min(2, last) * depth,
                 *const d = x + tw_min(3, last) * depth;
    for (int32_t k = 0; k < depth; k += 8, out += TW_PANEL_STEP) {
      const v128_t p = wasm_i16x8_load8x8(x + k), q = wasm_i16x8_load8x8(b + k),
                   r = wasm_i16x8_load8x8(c + k), s = wasm_i16x8_load8x8(d + k);
      wasm_v128_store(out, wasm_i16x8_sub(p, zeros));
      wasm_v128_store(out + 8, wasm_i16x8_sub(q, zeros));
      wasm_v128_store(out + 16, wasm_i16x8_sub(r, zeros));
      wasm_v128_store(out + 24, wasm_i16x8_sub(s, zeros));
    }
  }
}

/* Copies eight at a time, to every `step` elements. */
TW_INLINE int16_t *copy(const int16_t *x, int32_t n, int32_t step, int16_t *out) {
  for (; n > 16; n -= 16, x += 16, out += 2 * step) {
    const v128_t a = wasm_v128_load(x), b = wasm_v128_load(x + 8);
    wasm_v128_store(out, a);
    wasm_v128_store(out + step, b);
  }
  wasm_v128_store(out, wasm_v128_load(x));
  if (n <= 8) return out + step;
  wasm_v128_store(out + step, wasm_v128_load(x + 8));
  return out + 2 * step;
}

/* The elements under the window at column x of the output row that the ring was moved to: to `out`, in
 * steps of TW_PANEL_STEP, when that takes whole steps, else side by side: in order, so that what a
 * copy writes past its end is written again. */
TW_INLINE void put_window(const tw_ring *r, int32_t x, bool whole, int16_t *out) {
  const tw_window *w = r->window;
  const bool dense = w->dilation_w == 1; /* a row's elements lie side by side */
  const int32_t n = dense ? w->width * r->depth : r->depth, runs = dense ? 1 : w->width;
  const int32_t first = x * w->stride_w * r->depth, run_step = w->dilation_w * r->depth;
  for (int32_t i = 0; i < w->height; i++) {
    const int16_t *from = tw_ring_row(r, i * w->dilation_h) + first;
    int32_t k = 0;
    do {
      int16_t *const end = copy(from, n, whole ? TW_PANEL_STEP : 8, out);
      out = whole ? end : out + n;
      from += run_step;
    } while (++k < runs);
  }
}

/* A row of `count` neighbouring windows, `step` apart, of up to 8 elements each, or of up to 16. */
TW_INLINE void put_runs(const int16_t *from, bool two, int32_t step, int32_t count, int32_t next,
                        int16_t *out) {
#pragma clang loop unroll(full)
  for (int32_t k = 0; k < count; k++, from += step, out += next) {
    wasm_v128_store(out, wasm_v128_load(from));
    if (two) wasm_v128_store(out + 8, wasm_v128_load(from + 8));
  }
}

/* The windows of `count` columns from x on, as those of first layers often are: of short rows. */
static void put_short_windows(const tw_ring *r, int32_t x, int32_t count, int32_t next, int16_t *out) {
  const tw_window *w = r->window;
  const int32_t n = w->width * r->depth, step = w->stride_w * r->depth;
  for (int32_t i = 0; i < w->height; i++, out += n) {
    const int16_t *from = tw_ring_row(r, i * w->dilation_h) + x * step;
    if (count == TW_PANEL_ROWS && n > 8) {
      put_runs(from, true, step, TW_PANEL_ROWS, next, out);
    } else {
      put_runs(from, n > 8, step, count, next, out);
    }
  }
}

/* Four neighbouring windows whose rows take whole steps, to a panel. */
static void put_whole_windows(const tw_ring *r, int32_t x, int16_t *out) {
  const tw_window *w = r->window;
  const int32_t n = w->width * r->depth, step = w->stride_w * r->depth;
  for (int32_t i = 0; i < w->height; i++) {
    const int16_t *from = tw_ring_row(r, i * w->dilation_h) + x * step;
    for (const int16_t *const end = from + n; from != end; from += 8, out += TW_PANEL_STEP) {
      const v128_t a = wasm_v128_load(from), b = wasm_v128_load(from + step),
                   c = wasm_v128_load(from + 2 * step), d = wasm_v128_load(from + 3 * step);
      wasm_v128_store(out, a);
      wasm_v128_store(out + 8, b);
      wasm_v128_store(out + 16, c);
      wasm_v128_store(out + 24, d);
    }
  }
}

/* Windows that lie side by side, to a panel. */
static void put_panel(const plan *p, int16_t *panel) {
  for (int32_t i = 0; i < TW_PANEL_ROWS; i++) {
    int16_t *const window = p->windows + i * p->window_step;
    for (int32_t k = p->width; k < p->depth; k++) window[k] = 0;
  }
  for (int32_t i = 0; i < TW_PANEL_ROWS; i++) {
    copy(p->windows + i * p->window_step, p->depth, TW_PANEL_STEP, panel + 8 * i);
  }
}

/* Few pixels: their windows are multiplied as they are. */
static void run_few(tw_ring *ring, const plan *p, tw_gemm *g, const tw_tensor *output) {
  g->x = p->windows;
  g->rows = 1;
  for (int32_t b = 0; b < output->dims[0]; b++) {
    for (int32_t y = 0; y < output->dims[1]; y++) {
      tw_ring_move(ring, b, y);
      for (int32_t x = 0; x < output->dims[2]; x++, g->out += g->channels) {
        put_window(ring, x, false, p->windows);
        tw_gemv_run(g);
      }
    }
  }
}

static void run_pointwise(const tw_tensor *input, const plan *p, int32_t pixels, tw_gemm *g) {
  const int8_t *x = input->data;
  for (int32_t first = 0; first < pixels; first += g->rows) {
    g->rows = tw_min(p->rows, pixels - first);
    put_pixels(x + first * p->depth, g->rows, g->q->input_zero_point, p->depth, p->panels);
    tw_gemm_run(g);
    g->out += g->rows * p->channels;
  }
}

static void run_windows(tw_ring *ring, const plan *p, const tw_tensor *output, tw_gemm *g) {
  const tw_window *w = ring->window;
  const bool dense = w->dilation_w == 1;
  const int32_t run = (dense ? w->width : 1) * ring->depth; /* elements side by side */
  const bool whole = run % 8 == 0, is_short = dense && run <= 16;
  const int32_t pixels = output->dims[0] * output->dims[1] * output->dims[2];
  int32_t b = 0, y = 0, x = 0;
  for (int32_t first = 0; first < pixels; first += g->rows) {
    g->rows = tw_min(p->rows, pixels - first);
    for (int32_t i = 0; i < g->rows;) {
      if (x == 0) tw_ring_move(ring, b, y);
      const int32_t k = i % TW_PANEL_ROWS;
      int32_t count = 1;
      if (whole && dense && k == 0 && x + 4 <= output->dims[2] && i + 4 <= g->rows) {
        put_whole_windows(ring, x, tw_panel_row(p->panels, i, p->depth));
        count = 4;
      } else if (whole) {
        put_window(ring, x, true, tw_panel_row(p->panels, i, p->depth));
      } else if (is_short) {
        count = tw_min(tw_min(TW_PANEL_ROWS - k, output->dims[2] - x), g->rows - i);
        put_short_windows(ring, x, count, p->window_step, p->windows + k * p->window_step);
      } else {
        put_window(ring, x, false, p->windows + k * p->window_step);
      }
      i += count;
      x += count;
      if (!whole && (k + count == TW_PANEL_ROWS || i == g->rows)) {
        put_panel(p, tw_panel_row(p->panels, i - k - count, p->depth));
      }
      if (x < output->dims[2]) continue;
      x = 0;
      if (++y < output->dims[1]) continue;
      y = 0;
      b++;
    }
    tw_gemm_run(g);
    g->out += g->rows * p->channels;
  }
}

void tw_fast_conv(const tw_engine *e, const tw_node *node, const tw_window *w,
                  const tw_requant *q, void *work) {
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1),
                  *output = tw_output(e, node, 0);
  const plan p = make_plan(filter, work);
  const int32_t pixels = output->dims[0] * output->dims[1] * output->dims[2];
  tw_gemm g = {.x = p.panels, .weights = filter->data, .width = p.width, .depth = p.depth,
               .channels = p.channels, .q = q, .bias = tw_input(e, node, 2),
               .widened = p.widened, .out = output->data, .apart = p.apart,
               .constants = p.constants};
  if (is_pointwise(w, p.width) && pixels >= TW_GEMV_ROWS) {
    run_pointwise(input, &p, pixels, &g);
    return;
  }
  tw_ring ring = tw_ring_start(input, output, w, q->input_zero_point, false, p.ring);
  if (pixels < TW_GEMV_ROWS) {
    run_few(&ring, &p, &g, output);
  } else {
    run_windows(&ring, &p, output, &g);
  }
}
