#include "tw_mcu.h"

/* Products of an int8 and an int8 less its zero point. */
enum { LARGEST_PRODUCT = 128 * 255, LARGEST_SUM = (1 << 30) - 1 };

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
  return true;
}

void tw_mcu_activate(const tw_tensor *output, const tw_requant *q) {
  if (q->low == INT8_MIN && q->high == INT8_MAX) return;
  int8_t *x = output->data;
  for (int8_t *const end = x + output->bytes; x < end; x++) {
    *x = (int8_t)tw_clamp(*x, q->low, q->high);
  }
}

TW_NOINLINE void tw_mcu_channels(const tw_channel_scales *s, const int8_t *w, const int16_t *row,
                                 int32_t n, int32_t c, int32_t channels, int8_t *out) {
  for (; c + 4 <= channels; c += 4, w += 4 * n) {
    int32_t sums[4];
    for (int32_t i = 0; i < 4; i++) sums[i] = tw_bias_of(s, c + i);
    tw_dot_4x1(w, row, n, sums);
    for (int32_t i = 0; i < 4; i++) *out++ = tw_to_i8(sums[i], tw_channel_scale_of(s, c + i), s->zero_point);
  }
  for (; c < channels; c++, w += n) {
    const int32_t sum = tw_dot_1x1(w, row, n, tw_bias_of(s, c));
    *out++ = tw_to_i8(sum, tw_channel_scale_of(s, c), s->zero_point);
  }
}
