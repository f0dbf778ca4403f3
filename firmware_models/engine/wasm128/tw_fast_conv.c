#include "tw_packed.h"
#include "tw_strip.h"
#include "tw_winograd.h"

/* CONV_2D as products of filters with what lies under their windows, widened to int16. */

enum { MAX_WIDTH = 4096, MAX_SIDE = 4096 };
/* Of a layer that is kept: 31 bits hold what it takes. */
enum { MOST_KEPT_CHANNELS = 65536 };
/* What is widened at a time stays in the first cache. */
enum { CACHE_BYTES = 20480, TILE_BYTES = 40960 };

static int32_t round_up(int32_t n) { return (n + 7) & ~7; }

/* ---- plans ---- */

/* POINTS: windows of one pixel: those of the input, widened, are what filters are multiplied with.
 * ROWS: rows of windows lie in rows of the image. WINDOWS: they are short, so that those of a window
 * are first put side by side. TILES: rows by Winograd's algorithm. FEW: as WINDOWS, one pixel at a
 * time. */
typedef enum { POINTS, ROWS, WINDOWS, TILES, FEW } way;

typedef struct {
  way way;
  int32_t height, run; /* of filters */
  int32_t depth;       /* elements from one pixel to the next, where they lie side by side */
  int32_t pixels;      /* of those at a time; WINDOWS and POINTS */
  bool turned, splatted;
  int32_t lines;       /* of output at a time, or of tiles; ROWS and TILES */
  tw_tiles tiles;      /* TILES */
  int32_t columns, step, capacity; /* of the strip */
  int32_t group;       /* elements that the filters of a group take */
  tw_group *groups;
  int16_t *widened, *side_by_side, *turned_points, *rows;
  const int16_t **starts;
  int32_t *sums;
  int8_t *apart, *constants;
  bool *is_constant;
  uint32_t bytes;
} plan;

static bool is_3x3(const tw_window *w) {
  return w->height == 3 && w->width == 3 && w->stride_h == 1 && w->stride_w == 1 &&
         w->dilation_h == 1 && w->dilation_w == 1;
}

static bool has_tiles(const tw_tensor *input, const tw_tensor *output, const tw_window *w) {
  const int32_t depth = input->dims[3], height = output->dims[1], width = output->dims[2];
  return is_3x3(w) && input->type == TW_INT8 && depth % 8 == 0 && depth >= 16 &&
         output->dims[3] >= 8 && height >= 4 && width >= 4 && width <= TW_SEGMENT;
}

static way way_of(const tw_tensor *input, const tw_tensor *output, const tw_window *w) {
  const int32_t depth = input->dims[3], taps = w->height * w->width;
  if (output->dims[0] * output->dims[1] * output->dims[2] < TW_GEMV_PIXELS) return FEW;
  if (taps == 1 && w->pad_h == 0 && w->pad_w == 0) return POINTS;
  if (w->dilation_w != 1 && w->width != 1) return ROWS;
  if (has_tiles(input, output, w)) return TILES;
  const int32_t run = w->width * depth;
  return round_up(run) * w->height > round_up(run * w->height) * 5 / 4 ? WINDOWS : ROWS;
}

/* `frugal`: nothing is turned, and tiles take half the memory. */
static plan plan_of(way way, bool frugal, const tw_tensor *input, const tw_tensor *filter,
                    const tw_tensor *output, const tw_window *w, void *work) {
  const int32_t depth = input->dims[3], channels = filter->dims[0];
  const int32_t width = w->height * w->width * depth;
  const bool dense = w->dilation_w == 1;
  plan p = {.way = way, .height = 1, .run = width, .depth = round_up(width), .pixels = 1, .lines = 1,
            .bytes = 0};
  if (way == ROWS) {
    p.height = dense ? w->height : w->height * w->width;
    p.run = dense ? w->width * depth : depth;
  }
  if (way == POINTS) p.depth = depth;
  if (way == WINDOWS) p.depth += 8; /* which copies write past the end */
  tw_tiles *const t = &p.tiles;
  t->columns = ((output->dims[2] + 1) / 2 + 3) & ~3;
  p.columns = way == TILES ? 2 * t->columns + 2 : tw_strip_columns(output, w);
  p.step = p.columns * depth + 8;
  p.capacity = tw_window_span(w->height, w->dilation_h);
  const int32_t pixels = output->dims[0] * output->dims[1] * output->dims[2];
  p.turned = !frugal && (way == POINTS || way == WINDOWS) && pixels >= TW_TURN_PIXELS;
  p.splatted = p.turned && pixels >= TW_SPLAT_PIXELS && width <= TW_SPLAT_WIDTH;
  const int32_t taps = way == TILES ? 16 * depth : p.height * round_up(p.run);
  p.group = taps * TW_GROUP * (p.splatted ? 4 : 1);
  p.groups = tw_take_work(work, &p.bytes, (int32_t)sizeof *p.groups);
  p.widened = tw_take_work(work, &p.bytes, p.group * 2);
  p.sums = tw_take_work(work, &p.bytes, (TW_SEGMENT + 3) * TW_GROUP * 4);
  p.apart = tw_take_work(work, &p.bytes, TW_SEGMENT * TW_GROUP);
  p.constants = tw_take_work(work, &p.bytes, channels + 3);
  p.is_constant = tw_take_work(work, &p.bytes, tw_min(channels, TW_CONSTANTS));
  if (way == ROWS) { /* lines share rows: one more takes `stride_h` more */
    const int32_t more = CACHE_BYTES / 2 / tw_max(p.step, 1) - p.capacity;
    p.lines = tw_min(tw_max(more / w->stride_h, 0) + 1, output->dims[1]);
    p.capacity += (p.lines - 1) * w->stride_h;
  } else if (way == TILES) {
    const int32_t tile_bytes = 16 * (depth * 2 + TW_GROUP * 4);
    const int32_t most = tw_max(TILE_BYTES / (frugal ? 2 : 1) / (t->columns * tile_bytes), 1);
    /* Lines that make whole blocks of tiles. */
    const int32_t whole = t->columns % 16 == 0 ? 1 : t->columns % 8 == 0 ? 2 : 4;
    p.lines = tw_min(most < whole ? most : most / whole * whole, (output->dims[1] + 1) / 2);
    p.capacity = 2 * p.lines + 2;
    t->rows = p.lines;
    const int32_t tiles = tw_winograd_tiles(t);
    t->image = tw_take_work(work, &p.bytes, 16 * depth * tiles * 2);
    t->products = tw_take_work(work, &p.bytes, 16 * TW_GROUP * tiles * 4);
    t->sums = tw_take_work(work, &p.bytes, (4 * t->columns + 3) * TW_GROUP * 4);
  } else if (way != FEW) {
    const int32_t most = CACHE_BYTES / 2 / p.depth;
    p.pixels = p.turned ? tw_min(tw_max(most & ~7, 8), round_up(pixels)) : tw_min(tw_max(most, 2), pixels);
  }
  const int32_t starts = way == TILES ? 4 * p.lines : p.lines * p.height;
  p.starts = tw_take_work(work, &p.bytes, starts * (int32_t)sizeof *p.starts);
  const int32_t side_by_side = way == ROWS || way == TILES ? 0 : p.pixels * p.depth + 16;
  p.side_by_side = tw_take_work(work, &p.bytes, side_by_side * 2);
  p.turned_points = tw_take_work(work, &p.bytes, p.turned ? p.pixels * round_up(width) * 2 : 0);
  p.rows = tw_take_work(work, &p.bytes, way == POINTS ? 0 : tw_strip_bytes(p.step, p.capacity));
  return p;
}

/* Whether memory suffices, and blocks of tiles are not mostly empty. */
static bool is_good(const plan *p) {
  return p->bytes <= TW_WORK_BYTES &&
         (p->way != TILES || 4 * p->tiles.rows * p->tiles.columns >= 3 * tw_winograd_tiles(&p->tiles));
}

/* The best plan that there is. */
static plan make_plan(const tw_tensor *input, const tw_tensor *filter, const tw_tensor *output,
                      const tw_window *w, void *work) {
  const way best = way_of(input, output, w);
  plan p = plan_of(best, false, input, filter, output, w, work);
  if (!is_good(&p)) p = plan_of(best, true, input, filter, output, w, work);
  if (!is_good(&p) && best == TILES) p = plan_of(ROWS, false, input, filter, output, w, work);
  return p;
}

static bool fits(const tw_engine *e, const tw_node *node, const tw_window *w, const tw_requant *q) {
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1),
                  *output = tw_output(e, node, 0);
  const uint32_t depth = (uint32_t)input->dims[3], side = MAX_SIDE; /* products of three of them fit */
  const uint32_t columns = (uint32_t)tw_strip_columns(output, w);
  const uint32_t most = input->type == TW_INT8 ? MAX_WIDTH : TW_WIDE_TERMS;
  if (filter->dims[3] != input->dims[3] || tw_elements(output) == 0 ||
      tw_elements(filter) / (uint32_t)filter->dims[0] > most ||
      (uint32_t)output->dims[2] > side || (uint32_t)output->dims[1] > side ||
      (uint32_t)tw_window_span(w->height, w->dilation_h) > side || columns > side ||
      columns * depth > TW_WORK_BYTES) {
    return false;
  }
  return make_plan(input, filter, output, w, NULL).bytes <= TW_WORK_BYTES &&
         (input->type == TW_INT16 || tw_scales_fit(q, filter->dims[0]));
}

/* ---- layers ---- */

typedef struct {
  plan plan;
  tw_gemm gemm;
} layer;

/* Put what a layer keeps from run to run behind it in `memory`, which may be NULL; return how much that
 * is, with the layer. */
static uint32_t keep(const plan *p, int32_t channels, void *memory, tw_gemm *g) {
  const int32_t fours = (channels + TW_GROUP - 1) / TW_GROUP;
  uint32_t bytes = 0;
  (void)tw_take_work(memory, &bytes, (int32_t)sizeof(layer));
  if (p->way == FEW) {
    const int32_t lanes = g->is_i16 ? 0 : fours;
    g->scales.lanes = tw_take_work(memory, &bytes, lanes * (int32_t)sizeof *g->scales.lanes);
    return bytes;
  }
  g->kept = true;
  g->groups = tw_take_work(memory, &bytes, fours * (int32_t)sizeof *g->groups);
  g->constants = tw_take_work(memory, &bytes, channels + 3);
  g->widened = tw_take_work(memory, &bytes, fours * p->group * 2);
  return bytes;
}

/* A layer in `memory`, if that is not NULL: else it is for one run. */
static void set_layer(const tw_tensor *input, const tw_tensor *filter, const tw_tensor *bias,
                      const tw_tensor *output, const tw_window *w, const tw_requant *q,
                      const int8_t *weights, void *memory, layer *l) {
  const int32_t channels = filter->dims[0], width = w->height * w->width * input->dims[3];
  const plan p = make_plan(input, filter, output, w, tw_work);
  tw_gemm g = {.weights = weights, .width = width, .is_i16 = input->type == TW_INT16,
               .scales = tw_scales_of(q, bias, channels, (uint32_t)width * 255 * 128),
               .groups = p.groups, .widened = p.widened, .step = p.group, .sums = p.sums,
               .apart = p.apart, .constants = p.constants, .is_constant = p.is_constant};
  if (memory != NULL) (void)keep(&p, channels, memory, &g);
  if (p.way != FEW) {
    tw_gemm_prepare(&g);
  } else if (memory != NULL && !g.is_i16) {
    tw_scales_fill(&g.scales);
  }
  l->plan = p;
  l->gemm = g;
}

static uint32_t kept_bytes(const tw_tensor *input, const tw_tensor *filter, const tw_tensor *bias,
                           const tw_tensor *output, const tw_window *w) {
  if (!tw_packed_is_fixed(filter, bias) || filter->dims[0] > MOST_KEPT_CHANNELS) return 0;
  const plan p = make_plan(input, filter, output, w, NULL);
  tw_gemm g = {.is_i16 = input->type == TW_INT16};
  return keep(&p, filter->dims[0], NULL, &g);
}

tw_status tw_fast_conv_prepare(tw_engine *e, const tw_node *node, const tw_window *w,
                               const tw_requant *q, void **work) {
  if (!fits(e, node, w, q)) return TW_OK;
  *work = tw_packed_request(e, kept_bytes(tw_input(e, node, 0), tw_input(e, node, 1), tw_input(e, node, 2),
                                          tw_output(e, node, 0), w));
  return TW_OK;
}

/* ---- ways ---- */

/* The pixels under `count` windows, from number `first` of all on. */
static void put_points(const tw_tensor *input, const tw_tensor *output, const tw_window *w,
                       const plan *p, int32_t zero, int32_t first, int32_t count) {
  const int32_t depth = p->depth, width = output->dims[2], height = output->dims[1];
  int16_t *out = p->side_by_side;
  if (w->stride_h == 1 && w->stride_w == 1) {
    tw_take(input, zero, first * depth, count * depth, out);
    return;
  }
  for (int32_t i = first; i < first + count; i++, out += depth) {
    const int32_t row = i / width, image = row / height, y = row % height * w->stride_h;
    const int32_t pixel = (image * input->dims[1] + y) * input->dims[2] + i % width * w->stride_w;
    tw_take(input, zero, pixel * depth, depth, out);
  }
}

/* The outputs of `pixels` pixels, of which those from number `first` on lie side by side: the ones before
 * are turned already. Return what is behind. */
static void *run_side_by_side(const plan *p, tw_gemm *g, int32_t first, int32_t pixels,
                              void *out) {
  if (p->turned) {
    tw_points_turn(p->side_by_side, p->depth, p->run, pixels - first,
                   p->turned_points + first * round_up(p->run));
    tw_points_run(g, &(tw_points){p->turned_points, p->splatted, pixels, out});
  } else {
    const int16_t *const start = p->side_by_side;
    tw_lines_run(g, &(tw_lines){.starts = &start, .height = 1, .run = p->run, .lines = 1,
                                .pixels = pixels, .step = p->depth, .out = out});
  }
  return tw_gemm_next(g, out, pixels);
}

static void run_points(const tw_tensor *input, const tw_tensor *output, const tw_window *w,
                       int32_t zero, const plan *p, tw_gemm *g) {
  const int32_t pixels = output->dims[0] * output->dims[1] * output->dims[2], depth = p->depth;
  const bool turn = p->turned && input->type == TW_INT8 && depth % 8 == 0 && w->stride_h == 1 &&
                    w->stride_w == 1;
  void *out = output->data;
  for (int32_t first = 0, count; first < pixels; first += count) {
    count = tw_min(p->pixels, pixels - first);
    const int32_t turned = turn ? count & ~7 : 0;
    tw_points_turn_i8((const int8_t *)input->data + first * depth, zero, depth, turned, p->turned_points);
    put_points(input, output, w, p, zero, first + turned, count - turned);
    out = run_side_by_side(p, g, turned, count, out);
  }
}

static void run_rows(tw_strip *s, const plan *p, const tw_tensor *output, tw_gemm *g) {
  const tw_window *w = s->window;
  const int32_t depth = s->input->dims[3];
  tw_lines part = {.starts = p->starts, .height = p->height, .run = p->run,
                   .pixels = output->dims[2], .step = w->stride_w * depth, .out = output->data};
  for (int32_t b = 0; b < output->dims[0]; b++) {
    for (int32_t first = 0; first < output->dims[1]; first += part.lines) {
      part.lines = tw_min(p->lines, output->dims[1] - first);
      const int16_t **start = p->starts;
      for (int32_t y = first; y < first + part.lines; y++) {
        tw_strip_move(s, b, y);
        for (int32_t i = 0; i < p->height; i++) {
          const int32_t across = w->height == p->height ? 1 : w->width;
          *start++ = tw_strip_row(s, y, i / across) + i % across * w->dilation_w * depth;
        }
      }
      tw_lines_run(g, &part);
      part.out = tw_gemm_next(g, part.out, part.lines * part.pixels);
    }
  }
}

static void run_tiles(tw_strip *s, const plan *p, const tw_tensor *output, tw_gemm *g) {
  tw_tiles part = p->tiles;
  part.starts = p->starts;
  part.depth = s->input->dims[3];
  part.width = output->dims[2];
  part.out = output->data;
  for (int32_t b = 0; b < output->dims[0]; b++) {
    for (int32_t first = 0; first < output->dims[1]; first += part.height) {
      part.height = tw_min(2 * p->lines, output->dims[1] - first);
      part.rows = (part.height + 1) / 2;
      for (int32_t y = first; y < first + part.height; y++) tw_strip_move(s, b, y);
      for (int32_t i = 0; i < 4 * part.rows; i++) {
        p->starts[i] = tw_strip_row(s, first + 2 * (i / 4), i % 4);
      }
      tw_winograd_run(g, &part);
      part.out += part.height * part.width * g->scales.channels;
    }
  }
}

/* Copies eight at a time, past the end of the last eight. */
TW_INLINE void copy(const int16_t *x, int32_t n, int16_t *out) {
  do {
    wasm_v128_store(out, wasm_v128_load(x));
    x += 8, out += 8;
  } while ((n -= 8) > 0);
}

/* The elements under the window at column x of output row y, in order, so that what a copy writes past
 * its end is written again. */
static void put_window(const tw_strip *s, int32_t y, int32_t x, int16_t *out) {
  const tw_window *w = s->window;
  const int32_t depth = s->input->dims[3];
  const bool dense = w->dilation_w == 1;
  const int32_t n = dense ? w->width * depth : depth, runs = dense ? 1 : w->width;
  for (int32_t i = 0; i < w->height; i++) {
    const int16_t *from = tw_strip_row(s, y, i) + x * w->stride_w * depth;
    for (int32_t k = 0; k < runs; k++, from += w->dilation_w * depth, out += n) copy(from, n, out);
  }
}

/* The windows of `count` columns from x on, `next` apart, whose rows have up to 8 elements, or up to
 * 16. */
TW_INLINE void put_short(const tw_strip *s, int32_t y, int32_t x, int32_t count, bool two, int32_t next,
                         int16_t *out) {
  const tw_window *w = s->window;
  const int32_t n = w->width * s->input->dims[3], step = w->stride_w * s->input->dims[3];
  for (int32_t i = 0; i < w->height; i++, out += n) {
    const int16_t *from = tw_strip_row(s, y, i) + x * step;
    int16_t *to = out;
    for (int32_t k = 0; k < count; k++, from += step, to += next) {
      wasm_v128_store(to, wasm_v128_load(from));
      if (two) wasm_v128_store(to + 8, wasm_v128_load(from + 8));
    }
  }
}

static void put_windows(const tw_strip *s, int32_t y, int32_t x, int32_t count, int32_t next,
                        int16_t *out) {
  const int32_t n = s->window->width * s->input->dims[3];
  if (n <= 8) {
    put_short(s, y, x, count, false, next, out);
  } else if (n <= 16) {
    put_short(s, y, x, count, true, next, out);
  } else {
    for (int32_t k = 0; k < count; k++) put_window(s, y, x + k, out + k * next);
  }
}

static void run_windows(tw_strip *s, const plan *p, const tw_tensor *output, tw_gemm *g) {
  void *out = output->data;
  int32_t pixels = 0;
  for (int32_t b = 0; b < output->dims[0]; b++) {
    for (int32_t y = 0; y < output->dims[1]; y++) {
      tw_strip_move(s, b, y);
      for (int32_t x = 0, count; x < output->dims[2]; x += count) {
        count = tw_min(output->dims[2] - x, p->pixels - pixels);
        put_windows(s, y, x, count, p->depth, p->side_by_side + pixels * p->depth);
        pixels += count;
        if (pixels < p->pixels) continue;
        out = run_side_by_side(p, g, 0, pixels, out);
        pixels = 0;
      }
    }
  }
  if (pixels > 0) run_side_by_side(p, g, 0, pixels, out);
}

/* Whether what lies under a window lies side by side in the image. */
static bool is_contiguous(const tw_tensor *input, const tw_window *w) {
  return w->width == input->dims[2] && w->dilation_w == 1 && w->dilation_h == 1 && w->pad_h == 0 &&
         w->pad_w == 0;
}

static void run_few_contiguous(const tw_tensor *input, const tw_tensor *output, const tw_window *w,
                               int32_t zero, const plan *p, const tw_gemm *g) {
  const int32_t row = input->dims[2] * input->dims[3], height = output->dims[1];
  void *out = output->data;
  for (int32_t i = 0; i < output->dims[0] * height; i++, out = tw_gemm_next(g, out, 1)) {
    const int32_t y = i / height * input->dims[1] + i % height * w->stride_h;
    tw_take(input, zero, y * row, g->width, p->side_by_side);
    tw_gemv_run(g, p->side_by_side, out);
  }
}

static void run_few(tw_strip *s, const plan *p, const tw_tensor *output, const tw_gemm *g) {
  void *out = output->data;
  for (int32_t b = 0; b < output->dims[0]; b++) {
    for (int32_t y = 0; y < output->dims[1]; y++) {
      tw_strip_move(s, b, y);
      for (int32_t x = 0; x < output->dims[2]; x++, out = tw_gemm_next(g, out, 1)) {
        put_window(s, y, x, p->side_by_side);
        tw_gemv_run(g, p->side_by_side, out);
      }
    }
  }
}

/* The zero point of int16 counts as 0. */
static void run(const tw_tensor *input, const tw_tensor *output, const tw_window *w, int32_t zero,
                const plan *p, tw_gemm *g) {
  if (p->way == POINTS) {
    run_points(input, output, w, zero, p, g);
    return;
  }
  if (p->way == FEW && is_contiguous(input, w)) {
    run_few_contiguous(input, output, w, zero, p, g);
    return;
  }
  tw_strip s = {.input = input, .window = w, .zero = zero, .columns = p->columns,
                .step = p->step, .capacity = p->capacity, .paired = p->way == TILES,
                .zeros = p->rows, .rows = p->rows + p->step};
  memset(p->rows, 0, (size_t)tw_strip_bytes(p->step, p->capacity));
  switch (p->way) {
    case ROWS: run_rows(&s, p, output, g); break;
    case TILES: run_tiles(&s, p, output, g); break;
    case WINDOWS: run_windows(&s, p, output, g); break;
    default: run_few(&s, p, output, g); break;
  }
}

void tw_fast_conv(const tw_engine *e, const tw_node *node, const tw_window *w,
                  const tw_requant *q, const int8_t *weights, void *work) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  tw_packed *const packed = work;
  void *const memory = tw_packed_memory(e, packed);
  layer for_now, *const l = memory != NULL ? memory : &for_now;
  if (!packed->ready) {
    set_layer(input, tw_input(e, node, 1), tw_input(e, node, 2), output, w, q, weights, memory, l);
  }
  l->gemm.weights = weights;
  run(input, output, w, l->gemm.is_i16 ? 0 : q->input_zero_point, &l->plan, &l->gemm);
  packed->ready = memory != NULL;
}
