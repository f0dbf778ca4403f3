/* Functions of an int8 by a table, and of an int16 by one with linear interpolation, as TFLM builds
 * and reads them. */
#ifndef TW_LUT_H
#define TW_LUT_H

#include "tw_affine.h"

/* Fill table so that table[q + 128] is f of the real value of q, quantized and saturated. */
void tw_table_fill(tw_affine in, tw_affine out, float (*f)(float), int8_t table[256]);

enum { TW_LUT_ENTRIES = 513 }; /* one every 128 inputs, and one for the end */

/* Fill lut so that tw_lut_at(q) approximates f(in_scale * (q - in_zero_point)) / out_scale; the
 * steps of the float computation are TFLM's, so f alone decides the bits. */
void tw_lut_fill(float in_scale, int32_t in_zero_point, float out_scale, float (*f)(float),
                 int16_t *lut);

static inline int16_t tw_lut_at(int16_t q, const int16_t *lut) {
  const int16_t *entry = lut + 256 + (q >> 7);
  int16_t slope = (int16_t)(entry[1] - entry[0]);
  return (int16_t)(entry[0] + ((slope * (q & 127) + 64) >> 7));
}

#endif
