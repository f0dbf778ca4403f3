/* Dot products of recurrent layers, each one function for all of them. */
#ifndef TW_DOT_H
#define TW_DOT_H

#include <stdint.h>

/* The sum of (x - x_zero) * (w - w_zero) over n elements; 32 bits wrap. */
int32_t tw_dot_i8(const int8_t *x, int32_t x_zero, const int8_t *w, int32_t w_zero, int32_t n);
int64_t tw_dot_i16_i8(const int16_t *x, int32_t x_zero, const int8_t *w, int32_t w_zero,
                      int32_t n);
int32_t tw_dot_i16(const int16_t *x, int32_t x_zero, const int16_t *w, int32_t n);

/* sum + x * w, added one by one. */
float tw_dot_f32(float sum, const float *x, const float *w, int32_t n);

#endif
