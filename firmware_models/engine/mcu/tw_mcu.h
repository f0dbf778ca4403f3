/* What the twins for microcontrollers share. Sums are made of int8 weights and of inputs widened to
 * int16, their zero point taken off, several channels and pixels at a time. */
#ifndef TW_MCU_H
#define TW_MCU_H

#include "tw_fast.h"
#include "tw_mcu_dot.h"

/* ---- sums to outputs ---- */

/* Whether the outputs of a layer with `terms` products in each sum can be computed as below. The
 * bounds leave a bit free, so that doubling a sum does not overflow. */
bool tw_mcu_fits(const tw_tensor *bias, const tw_requant *q, int32_t channels, uint32_t terms);

/* Clamp to the fused activation's range, after all outputs of a layer were clamped to int8. */
void tw_mcu_activate(const tw_tensor *output, const tw_requant *q);

typedef struct {
  const int32_t *bias; /* NULL when absent */
  const int32_t *multipliers;
  const int8_t *shifts;
  int32_t zero_point;
  int32_t scales; /* from a channel's scale to the next one's: 1, or 0 when all have one */
} tw_channel_scales;

static inline tw_channel_scales tw_channel_scales_of(const tw_tensor *bias, const tw_requant *q) {
  return (tw_channel_scales){bias == NULL ? NULL : bias->data, q->multipliers, q->shifts,
                      q->output_zero_point, q->per_channel};
}

static inline int32_t tw_bias_of(const tw_channel_scales *s, int32_t channel) {
  return s->bias == NULL ? 0 : s->bias[channel];
}

/* The multiplier of a channel, and how far results are shifted right, less one. */
typedef struct {
  int32_t multiplier;
  int32_t right;
} tw_channel_scale;

static inline tw_channel_scale tw_channel_scale_of(const tw_channel_scales *s, int32_t channel) {
  channel *= s->scales;
  return (tw_channel_scale){s->multipliers[channel], (-1 - s->shifts[channel]) & 31};
}

/* As tw_requant_i32: the doubling high product, then a half is rounded away from zero. */
static inline int8_t tw_to_i8(int32_t sum, tw_channel_scale scale, int32_t zero_point) {
  int32_t x = tw_smmulr((int32_t)((uint32_t)sum << 1), scale.multiplier);
  x += x >> 31;
  x = ((x >> scale.right) + 1) >> 1;
  return (int8_t)tw_clamp(x + zero_point, INT8_MIN, INT8_MAX);
}

/* Channels [c, channels) of a widened row of n elements; `w` and `out` are those of channel c. */
void tw_mcu_channels(const tw_channel_scales *s, const int8_t *w, const int16_t *row, int32_t n, int32_t c,
                     int32_t channels, int8_t *out);

#endif
