/* What LOGISTIC and TANH share, and recurrent layers with them: quantized inputs rescaled into the
 * domain of fixed-point functions (int8) or of a table (int16). */
#ifndef TW_SIGMOID_H
#define TW_SIGMOID_H

#include "tw_kernel.h"

enum { TW_SIGMOID_ENTRIES = 256 };

typedef struct {
  int32_t multiplier;
  int32_t radius;        /* int8: inputs this far from the zero point saturate */
  const uint16_t *table; /* int16 */
  int16_t zero_point;
  int8_t shift;          /* int8: left; int16: right */
} tw_sigmoid;

/* Check shapes, types and quantization, and set node->data to a tw_sigmoid, NULL for float32. The
 * input scales 2^-12 to 2^(max_doubling - 12) are powers of two that the table takes exactly. */
tw_status tw_sigmoid_prepare(tw_engine *e, tw_node *node, int32_t max_doubling);

/* The logistic function at i / 24, times 2^16; half the error that linear interpolation makes in
 * the middle of an interval is added. */
void tw_sigmoid_table(uint16_t table[TW_SIGMOID_ENTRIES]);

/* An int16 input in the table's domain, where 12288 is 1. */
static inline int32_t tw_sigmoid_scale(const tw_sigmoid *s, int16_t x) {
  int32_t half = s->shift > 0 ? 1 << (s->shift - 1) : 0;
  return (x * s->multiplier + half) >> s->shift;
}

/* logistic and tanh of x / 12288, times 2^15. */
int16_t tw_logistic_i16(const uint16_t *table, int32_t x);
int16_t tw_tanh_i16(const uint16_t *table, int32_t x);

/* An int8 input, as its distance from the zero point, in fixed point with 4 integer bits. */
int32_t tw_sigmoid_scale_i8(const tw_sigmoid *s, int32_t distance);

/* The logistic function in float as TFLM computes it. */
float tw_logistic_f32(float x);

/* log2(scale) rounded; false when it is not within 0.001 of that, computed as TFLM does. */
bool tw_nearly_power_of_two(float scale, int32_t *log2);

#endif
