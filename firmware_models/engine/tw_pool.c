#include "tw_pool.h"

enum {
  OPTION_PADDING = 0,
  OPTION_STRIDE_W = 1,
  OPTION_STRIDE_H = 2,
  OPTION_WIDTH = 3,
  OPTION_HEIGHT = 4,
  OPTION_ACTIVATION = 5,
};

/* Without an activation the values of scale and zero point don't matter: there may be none. */
static tw_status prepare_quantized(tw_engine *e, tw_node *node, int32_t activation, tw_pool *pool) {
  const tw_quant in = tw_quant_of(e, node->inputs[0]), out = tw_quant_of(e, node->outputs[0]);
  tw_affine affine = {tw_quant_scale(out, 0), tw_quant_zero_point(out, 0)};
  int32_t low, high;
  double apart = (double)(tw_quant_scale(in, 0) - affine.scale);
  TW_VERIFY(e, apart >= -1.0e-6 && apart <= 1.0e-6 &&
                   tw_quant_zero_point(in, 0) == affine.zero_point,
            TW_E_PARAM, "input and output are quantized differently");
  if (activation != TW_ACT_NONE) TW_TRY(tw_output_affine(e, node, 0, &affine));
  TW_TRY(tw_activation_range(e, activation, tw_output(e, node, 0)->type, affine.scale,
                             affine.zero_point, &low, &high));
  pool->low = (int16_t)low;
  pool->high = (int16_t)high;
  return TW_OK;
}

tw_status tw_pool_prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  if (input->type != TW_FLOAT32 && input->type != TW_INT8 && input->type != TW_INT16) {
    return tw_fail_type(e, "input 0", input);
  }
  if (output->type != input->type) return tw_fail_type(e, "output 0", output);
  tw_pool *pool = node->data = tw_alloc(e, sizeof *pool);
  if (pool == NULL) return TW_E_ARENA;
  tw_fb *fb = &e->fb;
  tw_fb_table options;
  int32_t activation;
  TW_TRY(tw_options(e, node, TW_OPTIONS_POOL_2D, &options));
  TW_TRY(tw_fused_activation(e, options, OPTION_ACTIVATION, &activation));
  const tw_window_options window = {
      .padding = (int8_t)tw_fb_u8(fb, options, OPTION_PADDING, TW_PADDING_SAME),
      .height = tw_fb_i32(fb, options, OPTION_HEIGHT, 0),
      .width = tw_fb_i32(fb, options, OPTION_WIDTH, 0),
      .stride_h = tw_fb_i32(fb, options, OPTION_STRIDE_H, 0),
      .stride_w = tw_fb_i32(fb, options, OPTION_STRIDE_W, 0),
      .dilation_h = 1,
      .dilation_w = 1,
  };
  TW_TRY(tw_window_prepare(e, &window, input, output, &pool->window));
  TW_VERIFY(e, input->dims[3] == output->dims[3], TW_E_SHAPE, "%d to %d channels",
            (int)input->dims[3], (int)output->dims[3]);
  tw_window_may_overwrite(e, node, &pool->window);
  if (input->type != TW_FLOAT32) return prepare_quantized(e, node, activation, pool);
  tw_activation_range_f32(activation, &pool->range.low, &pool->range.high);
  return TW_OK;
}
