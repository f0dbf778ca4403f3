#include "tw_pool.h"

/* AVERAGE_POOL_2D: the mean of the pixels of a window that are inside the image; integers round
 * half away from zero. */

static int32_t average(int32_t sum, const tw_pixel *p) {
  int32_t count = p->rows * p->columns; /* at least 1: there is no dilation */
  return sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
}

static void pixel_i8(const tw_pixel *p) {
  const tw_pool *pool = p->data;
  const int8_t *input = p->input->data;
  int8_t *out = (int8_t *)p->output->data + p->out;
  for (int32_t c = 0; c < p->output->dims[3]; c++) {
    int32_t sum = 0;
    for (int32_t y = 0; y < p->rows; y++) {
      const int8_t *row = input + p->first + y * p->row_step + c;
      for (int32_t x = 0; x < p->columns; x++) sum += row[x * p->column_step];
    }
    out[c] = (int8_t)tw_clamp(average(sum, p), pool->low, pool->high);
  }
}

static void pixel_i16(const tw_pixel *p) {
  const tw_pool *pool = p->data;
  const int16_t *input = p->input->data;
  int16_t *out = (int16_t *)p->output->data + p->out;
  for (int32_t c = 0; c < p->output->dims[3]; c++) {
    int32_t sum = 0;
    for (int32_t y = 0; y < p->rows; y++) {
      const int16_t *row = input + p->first + y * p->row_step + c;
      for (int32_t x = 0; x < p->columns; x++) sum += row[x * p->column_step];
    }
    out[c] = (int16_t)tw_clamp(average(sum, p), pool->low, pool->high);
  }
}

static void pixel_f32(const tw_pixel *p) {
  const tw_pool *pool = p->data;
  const float *input = p->input->data;
  float *out = (float *)p->output->data + p->out;
  for (int32_t c = 0; c < p->output->dims[3]; c++) {
    float sum = 0.0f;
    for (int32_t y = 0; y < p->rows; y++) {
      const float *row = input + p->first + y * p->row_step + c;
      for (int32_t x = 0; x < p->columns; x++) sum += row[x * p->column_step];
    }
    out[c] = tw_clamp_f32(sum / (float)(p->rows * p->columns), pool->range);
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

const tw_op tw_op_average_pool_2d = {.code = 1, .prepare = tw_pool_prepare, .eval = eval};
