/* Rows of an image, widened, with zeros where windows leave it. */
#ifndef TW_STRIP_H
#define TW_STRIP_H

#include "tw_simd.h"

typedef struct {
  const tw_tensor *input;
  const tw_window *window;
  int32_t zero;
  int32_t columns, step;  /* of a row; elements from one row to the next, at least 8 more than it has */
  int32_t capacity;       /* rows that are kept */
  bool paired;            /* columns as tw_tiles has them, in place of pixels side by side */
  int32_t image, widened; /* rows of that image that have been widened */
  int16_t *zeros, *rows;  /* row y is number y % capacity; both zeros at first */
} tw_strip;

TW_INLINE int32_t tw_window_span(int32_t taps, int32_t dilation) { return (taps - 1) * dilation + 1; }

/* Columns under the windows of a row of output. */
TW_INLINE int32_t tw_strip_columns(const tw_tensor *output, const tw_window *w) {
  return (output->dims[2] - 1) * w->stride_w + tw_window_span(w->width, w->dilation_w);
}

/* Of the zeros and `rows` rows. */
TW_INLINE int32_t tw_strip_bytes(int32_t step, int32_t rows) { return (rows + 1) * step * 2; }

/* Widen what the windows of output row `y` see. Rows are asked for in order. */
void tw_strip_move(tw_strip *s, int32_t image, int32_t y);

/* What row `i` of the windows of output row `y` sees, while it is kept. */
TW_INLINE const int16_t *tw_strip_row(const tw_strip *s, int32_t y, int32_t i) {
  const int32_t row = y * s->window->stride_h - s->window->pad_h + i * s->window->dilation_h;
  if (row < 0 || row >= s->input->dims[1]) return s->zeros;
  return s->rows + row % s->capacity * s->step;
}

#endif
