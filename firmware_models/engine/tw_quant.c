#include "tw_quant.h"

#include <float.h>

#include "tw_math.h"

bool tw_quantize_multiplier(double real, int32_t *multiplier, int32_t *shift) {
  *multiplier = 0;
  *shift = 0;
  if (!(real >= 0.0) || real > DBL_MAX) return false;
  if (real == 0.0) return true;
  int32_t exponent;
  double fraction = tw_frexp(real, &exponent);
  int64_t fixed = (int64_t)tw_round(fraction * 2147483648.0);
  if (fixed == (int64_t)1 << 31) {
    fixed /= 2;
    exponent++;
  }
  if (exponent < -31) return true;
  if (exponent > 30) return false;
  *multiplier = (int32_t)fixed;
  *shift = exponent;
  return true;
}

bool tw_type_range(uint8_t type, int32_t *low, int32_t *high) {
  switch (type) {
    case TW_INT8: *low = INT8_MIN; *high = INT8_MAX; return true;
    case TW_UINT8: *low = 0; *high = UINT8_MAX; return true;
    case TW_INT16: *low = INT16_MIN; *high = INT16_MAX; return true;
    default: return false;
  }
}

/* zero_point + round(real / scale); false when the quotient is no int32. */
static bool quantize(float real, float scale, int32_t zero_point, int32_t *q) {
  float quotient = tw_roundf(real / scale);
  if (!(quotient >= -2147483648.0f && quotient <= 2147483647.0f)) return false;
  *q = (int32_t)((uint32_t)zero_point + (uint32_t)tw_f32_to_i32(quotient));
  return true;
}

tw_status tw_activation_range(tw_engine *e, int32_t activation, uint8_t type, float scale,
                              int32_t zero_point, int32_t *low, int32_t *high) {
  if (!tw_type_range(type, low, high)) return tw_fail(e, TW_E_TYPE, "no quantized output type");
  float from = 0.0f, to = 0.0f;
  bool has_high = true;
  switch (activation) {
    case TW_ACT_RELU: has_high = false; break;
    case TW_ACT_RELU6: to = 6.0f; break;
    case TW_ACT_RELU_N1_TO_1: from = -1.0f; to = 1.0f; break;
    default: return TW_OK;
  }
  int32_t q = 0;
  TW_VERIFY(e, quantize(from, scale, zero_point, &q), TW_E_PARAM, "output scale out of range");
  *low = tw_max(*low, q);
  if (has_high) {
    TW_VERIFY(e, quantize(to, scale, zero_point, &q), TW_E_PARAM, "output scale out of range");
    *high = tw_min(*high, q);
  }
  return TW_OK;
}

void tw_activation_range_f32(int32_t activation, float *low, float *high) {
  *low = -FLT_MAX;
  *high = FLT_MAX;
  switch (activation) {
    case TW_ACT_RELU: *low = 0.0f; break;
    case TW_ACT_RELU6: *low = 0.0f; *high = 6.0f; break;
    case TW_ACT_RELU_N1_TO_1: *low = -1.0f; *high = 1.0f; break;
    default: break;
  }
}
