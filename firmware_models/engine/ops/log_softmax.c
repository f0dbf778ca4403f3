#include <float.h>

#include "tw_affine.h"
#include "tw_fixed.h"
#include "tw_math.h"
#include "tw_move.h"
#include "tw_softmax.h"

/* LOG_SOFTMAX over the last dimension: x - max - ln(sum of e^(x - max)). int8, whose outputs are
 * sixteenths below 0, in fixed point. */

enum { OUTPUT_BITS = 4 };

typedef struct {
  tw_softmax scale;
  tw_scale inverse; /* from fixed point back to a difference */
} log_softmax;

static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  TW_TRY(tw_options(e, node, TW_OPTIONS_LOG_SOFTMAX, &options));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, output, TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8)));
  TW_VERIFY(e, input->rank >= 1 && tw_same_shape(input, output), TW_E_SHAPE,
            "rank 0, or an output of another shape");
  if (input->type == TW_FLOAT32) return TW_OK;
  tw_affine in, out;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  TW_VERIFY(e, out.scale == 1.0f / 16 && out.zero_point == INT8_MAX, TW_E_PARAM,
            "output scale is not 1/16, or its zero point not 127");
  log_softmax *l = node->data = tw_alloc(e, sizeof *l);
  if (l == NULL) return TW_E_ARENA;
  TW_TRY(tw_softmax_prepare(e, (double)in.scale, &l->scale));
  double unit = (double)in.scale * (double)(1 << (31 - TW_SOFTMAX_BITS));
  return tw_scale_of(e, 1.0 / (unit < INT32_MAX ? unit : INT32_MAX), &l->inverse);
}

static void row_f32(const float *x, float *y, int32_t depth) {
  float max = -FLT_MAX, sum = 0.0f;
  for (int32_t i = 0; i < depth; i++) max = max < x[i] ? x[i] : max;
  for (int32_t i = 0; i < depth; i++) sum += tw_expf(x[i] - max);
  float log_sum = tw_logf(sum);
  for (int32_t i = 0; i < depth; i++) y[i] = x[i] - max - log_sum;
}

static void row_i8(const log_softmax *l, const int8_t *x, int8_t *y, int32_t depth) {
  int32_t max, sum = tw_softmax_sum(&l->scale, x, depth, &max);
  int32_t log_sum = tw_fixed_log(sum, TW_SOFTMAX_SUM_BITS);
  /* A difference this low, less the logarithm, is beyond the fixed-point range. */
  int32_t too_low = tw_max(l->scale.least - 1, tw_scaled(log_sum + INT32_MIN, l->inverse));
  for (int32_t i = 0; i < depth; i++) {
    int32_t difference = x[i] - max;
    int32_t result = tw_softmax_scaled(&l->scale, difference) - log_sum;
    result = tw_rounding_shift_right(result, 31 - TW_SOFTMAX_BITS - OUTPUT_BITS) + INT8_MAX;
    y[i] = (int8_t)(difference > too_low ? tw_clamp(result, INT8_MIN, INT8_MAX) : INT8_MIN);
  }
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const int32_t depth = tw_dim(input, -1), count = (int32_t)tw_elements(input);
  for (int32_t i = 0; i < count; i += depth) {
    if (input->type == TW_FLOAT32) {
      row_f32((const float *)input->data + i, (float *)output->data + i, depth);
    } else {
      row_i8(node->data, (const int8_t *)input->data + i, (int8_t *)output->data + i, depth);
    }
  }
  return TW_OK;
}

const tw_op tw_op_log_softmax = {.code = 50, .prepare = prepare, .eval = eval};
