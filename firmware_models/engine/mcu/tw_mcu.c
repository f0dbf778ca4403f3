#include "tw_mcu.h"

/* Products of an int8 and an int8 less its zero point. */
enum { LARGEST_PRODUCT = 128 * 255, LARGEST_SUM = INT32_MAX - 4 };

/* Of a multiplier that is 0 becomes the smallest one, which makes 0 of any sum, too. */
static void adapt(int32_t *multiplier, int8_t *shift) {
  const bool zero = *multiplier == 0;
  *multiplier = (int32_t)((zero ? 1u << 30 : (uint32_t)*multiplier) << 1);
  *shift = zero ? 30 : (int8_t)(-1 - *shift);
}

bool tw_mcu_fits(const tw_tensor *bias, const tw_requant *q, int32_t channels, uint32_t terms) {
  if (terms > LARGEST_SUM / LARGEST_PRODUCT || (bias != NULL && !tw_is_const(bias))) return false;
  const int32_t most = LARGEST_SUM - (int32_t)terms * LARGEST_PRODUCT;
  for (int32_t c = 0; bias != NULL && c < channels; c++) {
    const int32_t value = ((const int32_t *)bias->data)[c];
    if (value < -most || value > most) return false;
  }
  for (int32_t c = 0; c < (q->per_channel ? channels : 1); c++) {
    if (q->shifts[c] >= 0 && q->multipliers[c] != 0) return false;
  }
  for (int32_t c = 0; c < (q->per_channel ? channels : 1); c++) adapt(&q->multipliers[c], &q->shifts[c]);
  return true;
}

void tw_mcu_activate(const tw_tensor *output, const tw_requant *q) {
  if (q->low == INT8_MIN && q->high == INT8_MAX) return;
  int8_t *x = output->data;
  for (int8_t *const end = x + output->bytes; x < end; x++) {
    *x = (int8_t)tw_clamp(*x, q->low, q->high);
  }
}

#ifdef TW_DSP
TW_NOINLINE uint32_t tw_get_rest(tw_place x, int32_t n) {
  uint32_t word = (uint8_t)tw_get_i8(x);
  if (n > 1) word |= (uint32_t)(uint8_t)tw_get_i8(x + 1) << 8;
  if (n > 2) word |= (uint32_t)(uint8_t)tw_get_i8(x + 2) << 16;
  return word;
}
#endif

tw_channel tw_first_channel(const tw_tensor *bias, const tw_requant *q) {
  static const int32_t none = 0;
  return (tw_channel){.bias = tw_place_of(bias == NULL ? &none : bias->data),
                      .multiplier = tw_place_of(q->multipliers),
                      .shift = tw_place_of(q->shifts),
                      .bias_step = bias == NULL ? 0 : 4,
                      .scale_step = q->per_channel,
                      .zero_point = q->output_zero_point};
}

TW_NOINLINE void tw_mcu_channels(tw_channel c, int32_t count, tw_place w, tw_place x, int32_t n,
                                 tw_zero zero, tw_place out) {
  const uint32_t four = 4 * (uint32_t)n;
  for (; count >= 4; count -= 4, w += four, out += 4) {
    const tw_sums sums = tw_dot_4x1(w, x, n, zero, tw_take_biases(&c));
    tw_put_four(sums, &c, out);
  }
  for (; count > 0; count--, w += (uint32_t)n, out++) {
    const int32_t sum = tw_dot_1x1(w, x, n, zero, tw_take_bias(&c));
    tw_set_i8(out, tw_to_i8(sum, tw_take_scale(&c), c.zero_point));
  }
}
