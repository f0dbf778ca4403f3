#include "tw_softmax.h"

#include "tw_fixed.h"

tw_status tw_softmax_prepare(tw_engine *e, double scale, tw_softmax *s) {
  *s = (tw_softmax){0};
  double real = scale * (double)(1 << (31 - TW_SOFTMAX_BITS));
  TW_VERIFY(e, real > 1.0, TW_E_PARAM, "beta or input scale out of range");
  int32_t shift;
  bool small = tw_quantize_multiplier(real, &s->multiplier, &shift);
  if (!small) return TW_OK; /* only the maximum itself counts */
  s->shift = (int8_t)shift;
  s->least = -(int32_t)(((int64_t)31 << (31 - TW_SOFTMAX_BITS)) >> shift);
  return TW_OK;
}

int32_t tw_softmax_scaled(const tw_softmax *s, int32_t difference) {
  return tw_rescale(difference, s->multiplier, s->shift);
}

int32_t tw_softmax_sum(const tw_softmax *s, const int8_t *x, int32_t depth, int32_t *max) {
  int32_t sum = 0;
  *max = INT8_MIN;
  for (int32_t i = 0; i < depth; i++) *max = tw_max(*max, x[i]);
  for (int32_t i = 0; i < depth; i++) {
    if (x[i] - *max < s->least) continue;
    int32_t exp = tw_fixed_exp(tw_softmax_scaled(s, x[i] - *max), TW_SOFTMAX_BITS);
    exp = tw_rounding_shift_right(exp, TW_SOFTMAX_SUM_BITS);
    sum = sum > INT32_MAX - exp ? INT32_MAX : sum + exp;
  }
  return sum;
}
