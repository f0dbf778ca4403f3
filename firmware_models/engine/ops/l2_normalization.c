#include "tw_affine.h"
#include "tw_conv.h"
#include "tw_fixed.h"
#include "tw_move.h"

/* L2_NORMALIZATION over the last dimension: x / sqrt(sum of x^2). int8 outputs are 128ths, whatever
 * the output's quantization says. */

enum { OPTION_ACTIVATION = 0, MAX_RANK = 4, OUTPUT_BITS = 7 };

static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  int32_t activation;
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  TW_TRY(tw_options(e, node, TW_OPTIONS_L2_NORM, &options));
  TW_TRY(tw_fused_activation(e, options, OPTION_ACTIVATION, &activation));
  TW_VERIFY(e, activation == TW_ACT_NONE, TW_E_PARAM, "fused activation %d", (int)activation);
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, output, TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8)));
  TW_VERIFY(e, input->rank >= 1 && input->rank <= MAX_RANK && tw_same_shape(input, output),
            TW_E_SHAPE, "rank %u, or an output of another shape", input->rank);
  if (input->type == TW_FLOAT32) return TW_OK;
  int32_t *zero_point = node->data = tw_alloc(e, sizeof *zero_point);
  if (zero_point == NULL) return TW_E_ARENA;
  *zero_point = tw_quant_zero_point(tw_quant_of(e, node->inputs[0]), 0);
  TW_VERIFY(e, *zero_point == (int8_t)*zero_point, TW_E_PARAM, "input 0 has zero point %d",
            (int)*zero_point);
  return TW_OK;
}

static void row_f32(const float *x, float *y, int32_t depth) {
  float sum = 0.0f;
  for (int32_t i = 0; i < depth; i++) sum += x[i] * x[i];
  float norm = __builtin_sqrtf(sum);
  if (norm < 1e-6f) norm = 1e-6f;
  for (int32_t i = 0; i < depth; i++) y[i] = x[i] / norm;
}

static void row_i8(int32_t zero_point, const int8_t *x, int8_t *y, int32_t depth) {
  int32_t sum = 0, multiplier, shift;
  for (int32_t i = 0; i < depth; i++) sum += (x[i] - zero_point) * (x[i] - zero_point);
  tw_fixed_inverse_sqrt(sum, &multiplier, &shift);
  for (int32_t i = 0; i < depth; i++) {
    int32_t scaled = tw_rescale(x[i] - zero_point, multiplier, shift + OUTPUT_BITS);
    y[i] = (int8_t)tw_clamp(scaled, INT8_MIN, INT8_MAX);
  }
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const int32_t depth = tw_dim(input, -1), count = (int32_t)tw_elements(input);
  for (int32_t i = 0; i < count; i += depth) {
    if (input->type == TW_FLOAT32) {
      row_f32((const float *)input->data + i, (float *)output->data + i, depth);
    } else {
      row_i8(*(const int32_t *)node->data, (const int8_t *)input->data + i,
             (int8_t *)output->data + i, depth);
    }
  }
  return TW_OK;
}

const tw_op tw_op_l2_normalization = {.code = 11, .prepare = prepare, .eval = eval};
