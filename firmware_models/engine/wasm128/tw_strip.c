#include "tw_strip.h"

/* Four columns at a time, the last of which overlap those before; zeros where there is no image. */
static void widen_pairs(const tw_strip *s, const int8_t *in, int16_t *out) {
  const int32_t width = s->input->dims[2], depth = s->input->dims[3], pad = s->window->pad_w;
  const int32_t half = s->columns / 2; /* columns of one kind */
  const v128_t zeros = wasm_i16x8_splat((int16_t)s->zero), none = wasm_i16x8_splat(0);
  for (int32_t c = 0; c < depth; c += 8, out += 8 * s->columns) {
    for (int32_t odd = 0; odd < 2; odd++) {
      for (int32_t i = 0; i < half; i += 4) {
        const int32_t first = tw_min(i, half - 4);
        v128_t x[4];
        for (int32_t k = 0; k < 4; k++) {
          const int32_t column = 2 * (first + k) + odd - pad;
          x[k] = column < 0 || column >= width
                     ? none
                     : wasm_i16x8_sub(wasm_i16x8_load8x8(in + column * depth + c), zeros);
        }
        tw_turn(x);
        for (int32_t k = 0; k < 4; k++) {
          wasm_v128_store(out + (k * s->columns + odd * half + first) * 2, x[k]);
        }
      }
    }
  }
}

static void widen_row(const tw_strip *s, int32_t y) {
  const tw_tensor *input = s->input;
  const int32_t width = input->dims[2], depth = input->dims[3];
  const int32_t first = s->window->pad_w, columns = tw_min(first + width, s->columns) - first;
  const int32_t row = (s->image * input->dims[1] + y) * width * depth;
  int16_t *const out = s->rows + y % s->capacity * s->step;
  if (s->paired) {
    widen_pairs(s, (const int8_t *)input->data + row, out);
    return;
  }
  tw_take(input, s->zero, row, columns * depth, out + first * depth);
  for (int32_t i = (first + columns) * depth; i < s->step; i++) out[i] = 0;
}

/* Widen what the windows of output row `y` see. Rows are asked for in order. */
void tw_strip_move(tw_strip *s, int32_t image, int32_t y) {
  const tw_window *w = s->window;
  const int32_t top = y * w->stride_h - w->pad_h;
  const int32_t end = tw_min(top + tw_window_span(w->height, w->dilation_h), s->input->dims[1]);
  if (image != s->image) s->widened = 0;
  s->image = image;
  for (s->widened = tw_max(s->widened, top); s->widened < end; s->widened++) widen_row(s, s->widened);
}
