/* What the twins for microcontrollers share: how sums become outputs. */
#ifndef TW_MCU_H
#define TW_MCU_H

#include "tw_fast.h"
#include "tw_mcu_dot.h"

/* The tensors of the subgraph at work, by index: without tw_input's checks, which prepare has made. */
TW_INLINE tw_tensor *tw_tensors(const tw_engine *e) { return e->subgraphs[e->subgraph].tensors; }

/* Whether the outputs of a layer with `terms` products in each sum can be computed as below. If so,
 * its scales become what tw_take_scale takes. */
bool tw_mcu_fits(const tw_tensor *bias, const tw_requant *q, int32_t channels, uint32_t terms);

/* Clamp to the fused activation's range, after all outputs of a layer were clamped to int8. */
void tw_mcu_activate(const tw_tensor *output, const tw_requant *q);

/* Bias and scale of a channel, and how to go on to the next one's: a step is 0 when all have the
 * same. */
typedef struct {
  tw_place bias, multiplier, shift;
  uint32_t bias_step, scale_step;
  int32_t zero_point;
} tw_channel;

tw_channel tw_first_channel(const tw_tensor *bias, const tw_requant *q);

TW_INLINE int32_t tw_take_bias(tw_channel *c) {
  const int32_t bias = tw_get_i32(c->bias);
  c->bias += c->bias_step;
  return bias;
}

/* Go back by a channel. */
TW_INLINE void tw_step_back(tw_channel *c) {
  c->bias -= c->bias_step;
  c->multiplier -= 4 * c->scale_step;
  c->shift -= c->scale_step;
}

TW_INLINE tw_sums tw_take_biases(tw_channel *c) {
  tw_sums s;
  s.a = tw_take_bias(c);
  s.b = tw_take_bias(c);
  s.c = tw_take_bias(c);
  s.d = tw_take_bias(c);
  return s;
}

/* Twice the multiplier, less 2^32, and how far results are shifted right, less one. */
typedef struct {
  int32_t doubled, right;
} tw_channel_scale;

TW_INLINE tw_channel_scale tw_take_scale(tw_channel *c) {
  const tw_channel_scale scale = {tw_get_i32(c->multiplier), tw_get_i8(c->shift) & 31};
  c->multiplier += 4 * c->scale_step;
  c->shift += c->scale_step;
  return scale;
}

/* As tw_requant_i32: the doubling high product, then a half is rounded away from zero. */
TW_INLINE int32_t tw_mcu_scaled(int32_t sum, tw_channel_scale scale) {
  int32_t x = tw_smmlar(sum, scale.doubled, sum);
  x += x >> 31;
  return ((x >> scale.right) + 1) >> 1;
}

TW_INLINE int32_t tw_to_i8(int32_t sum, tw_channel_scale scale, int32_t zero_point) {
  return tw_clamp(tw_mcu_scaled(sum, scale) + zero_point, INT8_MIN, INT8_MAX);
}

/* The same, 128 more. */
TW_INLINE uint32_t tw_to_u8(int32_t sum, tw_channel_scale scale, int32_t zero_point) {
  return (uint32_t)tw_clamp(tw_mcu_scaled(sum, scale) + zero_point + 128, 0, UINT8_MAX);
}

/* The sums of four neighbouring channels. */
TW_INLINE void tw_put_four(tw_sums sums, tw_channel *c, tw_place out) {
#ifdef TW_MVE
  if (c->scale_step != 0) {
    const int32_t four[4] = {sums.a, sums.b, sums.c, sums.d};
    tw_scale4(four, tw_at(c->multiplier), tw_at(c->shift), c->zero_point, (int8_t *)(out - tw_base()));
    c->multiplier += 16;
    c->shift += 4;
    return;
  }
#endif
#ifdef TW_DSP
  const uint32_t first = tw_to_u8(sums.a, tw_take_scale(c), c->zero_point),
                 second = tw_to_u8(sums.b, tw_take_scale(c), c->zero_point),
                 third = tw_to_u8(sums.c, tw_take_scale(c), c->zero_point),
                 fourth = tw_to_u8(sums.d, tw_take_scale(c), c->zero_point);
  tw_set4(out, (first | second << 8 | third << 16 | fourth << 24) ^ 0x80808080);
#else /* registers are few, and some cores would store byte by byte anyhow */
  tw_set_i8(out, tw_to_i8(sums.a, tw_take_scale(c), c->zero_point));
  tw_set_i8(out + 1, tw_to_i8(sums.b, tw_take_scale(c), c->zero_point));
  tw_set_i8(out + 2, tw_to_i8(sums.c, tw_take_scale(c), c->zero_point));
  tw_set_i8(out + 3, tw_to_i8(sums.d, tw_take_scale(c), c->zero_point));
#endif
}

/* `count` channels of a row of n bytes. */
void tw_mcu_channels(tw_channel c, int32_t count, tw_place w, tw_place x, int32_t n, tw_zero zero,
                     tw_place out);

#endif
