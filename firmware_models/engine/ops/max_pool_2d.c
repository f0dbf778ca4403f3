#include "tw_pool.h"

#include <float.h>

/* MAX_POOL_2D: the largest of the pixels of a window that are inside the image. A float NaN is
 * never the largest, and -FLT_MAX is the least there is. */

static void pixel_i8(const tw_pixel *p) {
  const tw_pool *pool = p->data;
  const int8_t *input = p->input->data;
  int8_t *out = (int8_t *)p->output->data + p->out;
  for (int32_t c = 0; c < p->output->dims[3]; c++) {
    int32_t max = INT8_MIN;
    for (int32_t y = 0; y < p->rows; y++) {
      const int8_t *row = input + p->first + y * p->row_step + c;
      for (int32_t x = 0; x < p->columns; x++) max = tw_max(max, row[x * p->column_step]);
    }
    out[c] = (int8_t)tw_clamp(max, pool->low, pool->high);
  }
}

static void pixel_i16(const tw_pixel *p) {
  const tw_pool *pool = p->data;
  const int16_t *input = p->input->data;
  int16_t *out = (int16_t *)p->output->data + p->out;
  for (int32_t c = 0; c < p->output->dims[3]; c++) {
    int32_t max = INT16_MIN;
    for (int32_t y = 0; y < p->rows; y++) {
      const int16_t *row = input + p->first + y * p->row_step + c;
      for (int32_t x = 0; x < p->columns; x++) max = tw_max(max, row[x * p->column_step]);
    }
    out[c] = (int16_t)tw_clamp(max, pool->low, pool->high);
  }
}

static void pixel_f32(const tw_pixel *p) {
  const tw_pool *pool = p->data;
  const float *input = p->input->data;
  float *out = (float *)p->output->data + p->out;
  for (int32_t c = 0; c < p->output->dims[3]; c++) {
    float max = -FLT_MAX;
    for (int32_t y = 0; y < p->rows; y++) {
      const float *row = input + p->first + y * p->row_step + c;
      for (int32_t x = 0; x < p->columns; x++) {
        float value = row[x * p->column_step];
        max = max < value ? value : max;
      }
    }
    out[c] = tw_clamp_f32(max, pool->range);
  }
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_window *window = &((const tw_pool *)node->data)->window;
  switch (tw_input(e, node, 0)->type) {
    case TW_INT8: tw_window_slide(e, node, window, pixel_i8); break;
    case TW_INT16: tw_window_slide(e, node, window, pixel_i16); break;
    case TW_FLOAT32: tw_window_slide(e, node, window, pixel_f32); break;
  }
  return TW_OK;
}

const tw_op tw_op_max_pool_2d = {.code = 17, .prepare = tw_pool_prepare, .eval = eval};
