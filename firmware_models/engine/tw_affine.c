#include "tw_affine.h"

#include <float.h>

static tw_status check(tw_engine *e, const char *what, uint32_t i, const tw_tensor *t,
                       int32_t index, bool may_be_0, tw_affine *a) {
  int32_t low = INT32_MIN, high = INT32_MAX;
  tw_quant q = tw_quant_of(e, index);
  *a = (tw_affine){tw_quant_scale(q, 0), tw_quant_zero_point(q, 0)};
  TW_VERIFY(e, t->type == TW_INT32 || tw_type_range(t->type, &low, &high), TW_E_TYPE,
            "%s %u has type %s", what, (unsigned)i, tw_type_name(t->type));
  bool usable = a->scale > 0.0f || (may_be_0 && q.count > 0 && a->scale == 0.0f);
  TW_VERIFY(e, usable && a->scale <= FLT_MAX, TW_E_PARAM, "%s %u has no usable scale",
            what, (unsigned)i);
  TW_VERIFY(e, a->zero_point >= low && a->zero_point <= high, TW_E_PARAM,
            "%s %u has zero point %d", what, (unsigned)i, (int)a->zero_point);
  return TW_OK;
}

tw_status tw_input_affine(tw_engine *e, const tw_node *node, uint32_t i, tw_affine *a) {
  return check(e, "input", i, tw_input(e, node, i), node->inputs[i], false, a);
}

tw_status tw_input_affine_or_0(tw_engine *e, const tw_node *node, uint32_t i, tw_affine *a) {
  return check(e, "input", i, tw_input(e, node, i), node->inputs[i], true, a);
}

tw_status tw_output_affine(tw_engine *e, const tw_node *node, uint32_t i, tw_affine *a) {
  return check(e, "output", i, tw_output(e, node, i), node->outputs[i], false, a);
}

tw_status tw_scale_of(tw_engine *e, double ratio, tw_scale *scale) {
  int32_t shift;
  TW_VERIFY(e, tw_quantize_multiplier(ratio, &scale->multiplier, &shift), TW_E_PARAM,
            "ratio of scales out of range");
  scale->shift = (int8_t)shift;
  return TW_OK;
}

int32_t tw_scaled(int32_t x, tw_scale scale) {
  return tw_rescale(x, scale.multiplier, scale.shift);
}
