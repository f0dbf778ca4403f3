#include "tw_pool.h"

/* L2_POOL_2D: the root of the mean square of the pixels of a window that are inside the image. */

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  const tw_tensor *input = tw_input(e, node, 0);
  if (input->type != TW_FLOAT32) return tw_fail_type(e, "input 0", input);
  return tw_pool_prepare(e, node);
}

static void pixel(const tw_pixel *p) {
  const tw_pool *pool = p->data;
  const float *input = p->input->data;
  float *out = (float *)p->output->data + p->out;
  for (int32_t c = 0; c < p->output->dims[3]; c++) {
    float sum = 0.0f;
    for (int32_t y = 0; y < p->rows; y++) {
      const float *row = input + p->first + y * p->row_step + c;
      for (int32_t x = 0; x < p->columns; x++) {
        float value = row[x * p->column_step];
        sum += value * value;
      }
    }
    out[c] = tw_clamp_f32(__builtin_sqrtf(sum / (float)(p->rows * p->columns)), pool->range);
  }
}

static int eval(tw_engine *e, tw_node *node) {
  tw_window_slide(e, node, &((const tw_pool *)node->data)->window, pixel);
  return TW_OK;
}

const tw_op tw_op_l2_pool_2d = {.code = 12, .prepare = prepare, .eval = eval};
