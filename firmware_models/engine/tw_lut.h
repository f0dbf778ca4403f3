/* Functions of an int16 by a table with linear interpolation, as TFLM builds and reads it. */
#ifndef TW_LUT_H
#define TW_LUT_H

#include <stdint.h>

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
