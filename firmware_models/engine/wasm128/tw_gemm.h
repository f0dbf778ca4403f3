/* Filters of int8 times pixels of int16, to int8. */
#ifndef TW_GEMM_H
#define TW_GEMM_H

#include "tw_simd.h"

/* Channels that are computed together; how many of a layer are looked at for weights. */
enum { TW_GROUP = 4, TW_CONSTANTS = 1024 };

/* A filter is `height` runs of elements, each of which meets as many of x that lie side by side. */
typedef struct {
  const int8_t *weights; /* [channels, height, run] */
  int32_t height, run;
  tw_scales scales;
  int16_t *widened;  /* [height, run rounded up to 8, TW_GROUP] */
  int32_t *sums;     /* [TW_SEGMENT, TW_GROUP] */
  int8_t *apart;     /* [TW_SEGMENT, TW_GROUP] */
  int8_t *constants; /* [channels rounded up to 4], their outputs if they have no weights */
  bool *is_constant; /* [TW_CONSTANTS or channels], whether they have none */
  bool has_constants;
} tw_gemm;

/* Find the filters without weights. */
void tw_gemm_prepare(tw_gemm *g);

/* Pixels that are computed before their sums are made outputs. */
enum { TW_SEGMENT = 128 };

/* Lines of output pixels. Line i has `pixels` of them, where run k of the first meets
 * starts[i * height + k] and those of the next pixel what lies `step` behind. Up to 8 elements are
 * read past what a run meets. */
typedef struct {
  const int16_t *const *starts;
  int32_t lines, pixels, step;
  int8_t *out; /* [lines, pixels, channels] */
} tw_pixels;

void tw_gemm_run(const tw_gemm *g, const tw_pixels *p);

/* One pixel, whose elements lie side by side, times filters that are read where they lie: faster for
 * fewer than TW_GEMV_PIXELS. `run` is the width of a filter, `height` 1. */
enum { TW_GEMV_PIXELS = 3 };
void tw_gemv_run(const tw_gemm *g, const int16_t *x, int8_t *out);

#endif
