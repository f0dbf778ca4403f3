/* Filters of int8 times pixels of int16, to int8 or int16. */
#ifndef TW_GEMM_H
#define TW_GEMM_H

#include "tw_simd.h"

/* Channels that are computed together; pixels that are, before their sums are made outputs; how many
 * channels of a layer are looked at for weights. */
enum { TW_GROUP = 4, TW_SEGMENT = 128, TW_CONSTANTS = 1024 };

/* Channels in order, up to TW_GROUP, and their scale. */
typedef struct {
  int32_t channels[TW_GROUP], count;
  tw_scale4 scale;
} tw_group;

/* A layer's filters, and working memory. */
typedef struct {
  const int8_t *weights; /* [channels, width] */
  int32_t width;
  bool is_i16;           /* outputs; widths are TW_WIDE_TERMS at most then */
  tw_scales scales;      /* of int8; of int16 only what it is made of */
  /* Groups, and what their filters are made into. Where these are `kept`, the first run makes them `ready`;
   * else each has the place of the one before. */
  bool kept, ready;
  int32_t groups_count, step;
  tw_group *groups;
  int16_t *widened;  /* `step` elements for a group */
  int32_t *sums;     /* [TW_SEGMENT + 3, TW_GROUP] */
  int8_t *apart;     /* [TW_SEGMENT, TW_GROUP] */
  int8_t *constants; /* [channels rounded up to 4], their outputs if they have no weights */
  bool *is_constant; /* [TW_CONSTANTS or channels], whether they have none */
  bool has_constants;
} tw_gemm;

/* Sums that stay in registers: of products of four vectors with each of two others. */
typedef struct {
  v128_t a0, a1, a2, a3, b0, b1, b2, b3;
} tw_sums8;

/* One step more of such products. */
TW_INLINE tw_sums8 tw_add_four(tw_sums8 s, v128_t x0, v128_t x1, v128_t x2, v128_t x3, v128_t a,
                               v128_t b) {
  return (tw_sums8){tw_add_dot(s.a0, a, x0), tw_add_dot(s.a1, a, x1), tw_add_dot(s.a2, a, x2),
                    tw_add_dot(s.a3, a, x3), tw_add_dot(s.b0, b, x0), tw_add_dot(s.b1, b, x1),
                    tw_add_dot(s.b2, b, x2), tw_add_dot(s.b3, b, x3)};
}

/* The same; the four lie side by side. */
TW_INLINE tw_sums8 tw_add_products(tw_sums8 s, const int16_t *four, v128_t a, v128_t b) {
  return tw_add_four(s, wasm_v128_load(four), wasm_v128_load(four + 8), wasm_v128_load(four + 16),
                     wasm_v128_load(four + 24), a, b);
}

/* Find the filters without weights. */
void tw_gemm_prepare(tw_gemm *g);

/* What a way of multiplying does for a group: make something of its filters, and outputs of that. */
typedef struct {
  void (*pack)(const tw_gemm *g, const tw_group *of, const void *data, int16_t *widened);
  void (*run)(const tw_gemm *g, const tw_group *of, const void *data, const int16_t *widened);
} tw_way;

/* Do so for each group of filters that have weights, which makes the outputs of `pixels` pixels from `out`
 * on; those of filters without are set here. */
void tw_gemm_run(tw_gemm *g, void *out, int32_t pixels, const tw_way *way, const void *data);

/* Sums of up to TW_SEGMENT pixels to outputs of a group, in rows of all channels: see tw_finish. */
void tw_gemm_finish(const tw_gemm *g, const tw_group *of, const int32_t *sums, bool turned,
                    int32_t pixels, void *out);

/* What is `pixels` pixels of output behind. */
TW_INLINE void *tw_gemm_next(const tw_gemm *g, void *out, int32_t pixels) {
  return (uint8_t *)out + ((pixels * g->scales.channels) << g->is_i16);
}

/* Lines of output pixels, times filters of `height` runs. Line i has `pixels` of them; run k of the
 * first one meets what begins at starts[i * height + k], and those of the next one what is `step`
 * behind. Up to 8 elements are read past what a run meets. */
typedef struct {
  const int16_t *const *starts;
  int32_t height, run; /* of filters */
  int32_t lines, pixels, step;
  void *out; /* [lines, pixels, channels] */
} tw_lines;

/* A group's filters become [height, run rounded up to 8, TW_GROUP]. */
void tw_lines_run(tw_gemm *g, const tw_lines *l);

/* What whole filters meet, turned so that lanes are pixels: no lanes are to be added then. Each pair of
 * weights is needed for all lanes: for many pixels and filters that are not too long they are `splatted`
 * beforehand. */
enum { TW_TURN_PIXELS = 12, TW_SPLAT_PIXELS = 64, TW_SPLAT_WIDTH = 512 };
typedef struct {
  const int16_t *turned; /* [pixels / 8, width rounded up to 8 / 2, 8 pixels, 2] */
  bool splatted;
  int32_t pixels;
  void *out; /* [pixels, channels] */
} tw_points;

/* A group's filters become [width rounded up to 8, TW_GROUP], four times that if splatted. */
void tw_points_run(tw_gemm *g, const tw_points *p);

/* Turn `pixels` pixels of `run` elements, `step` apart. Those of up to seven more, and up to seven
 * elements more, are read. */
void tw_points_turn(const int16_t *x, int32_t step, int32_t run, int32_t pixels, int16_t *out);

/* The same of eights of pixels of int8, which lie side by side, less their zero point; `depth` is a
 * multiple of 8. Nothing else is read. */
void tw_points_turn_i8(const int8_t *x, int32_t zero, int32_t depth, int32_t pixels, int16_t *out);

/* One pixel, whose elements lie side by side, times filters that are read where they lie: faster for
 * fewer than TW_GEMV_PIXELS. */
enum { TW_GEMV_PIXELS = 3 };
void tw_gemv_run(const tw_gemm *g, const int16_t *x, void *out);

/* Filters whose sums are kept, on a stack of 4 KiB; a multiple of 4. */
enum { TW_GEMV_MOST = 128 };

/* Sums of the channels [first, end), to outputs of int8. */
void tw_gemv_finish(const tw_scales *of, const int32_t *sums, int32_t first, int32_t end, int8_t *out);

#endif
