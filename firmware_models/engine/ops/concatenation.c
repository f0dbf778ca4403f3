#include "tw_move.h"

enum { MAX_INPUTS = 10, MAX_CONCATENATED_RANK = 6 }; /* TFLM's limits */

static const uint32_t types =
    TW_TYPES_F_I8_I16_I32 | TW_TYPE(TW_INT64) | TW_TYPE(TW_BOOL);

/* Nothing is rescaled: all inputs are quantized as the output is. */
static tw_status check_quantization(tw_engine *e, const tw_node *node, uint8_t type) {
  tw_quant output = tw_quant_of(e, node->outputs[0]);
  for (uint32_t i = 0; i < node->input_count; i++) {
    tw_quant input = tw_quant_of(e, node->inputs[i]);
    bool same = tw_quant_zero_point(input, 0) == tw_quant_zero_point(output, 0);
    if (type == TW_INT8) same = same && tw_quant_scale(input, 0) == tw_quant_scale(output, 0);
    if (type == TW_INT16) same = same && tw_quant_zero_point(input, 0) == 0;
    TW_VERIFY(e, same, TW_E_PARAM, "input %u is quantized differently", (unsigned)i);
  }
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, MAX_INPUTS, 1));
  const tw_tensor *output = tw_output(e, node, 0);
  tw_fb_table options;
  TW_TRY(tw_options(e, node, TW_OPTIONS_CONCATENATION, &options));
  int32_t axis = tw_fb_i32(&e->fb, options, 0, 0);
  uint8_t activation = tw_fb_u8(&e->fb, options, 1, TW_ACT_NONE);
  TW_VERIFY(e, activation == TW_ACT_NONE, TW_E_PARAM, "fused activation %u", activation);
  TW_VERIFY(e, output->rank <= MAX_CONCATENATED_RANK, TW_E_SHAPE, "%u dimensions", output->rank);
  tw_strips strips = {.joining = true};
  TW_TRY(tw_strips_prepare(e, node, strips, axis, types));
  bool quantized = output->type == TW_INT8 || output->type == TW_INT16;
  return quantized ? check_quantization(e, node, output->type) : TW_OK;
}

const tw_op tw_op_concatenation = {.code = 2, .prepare = prepare, .eval = tw_strips_eval};
