#include "tw_dot.h"

int32_t tw_dot_i8(const int8_t *x, int32_t x_zero, const int8_t *w, int32_t w_zero, int32_t n) {
  int32_t sum = 0;
  for (int32_t i = 0; i < n; i++) sum += (w[i] - w_zero) * (x[i] - x_zero);
  return sum;
}

int64_t tw_dot_i16_i8(const int16_t *x, int32_t x_zero, const int8_t *w, int32_t w_zero,
                      int32_t n) {
  int64_t sum = 0;
  for (int32_t i = 0; i < n; i++) sum += (w[i] - w_zero) * (x[i] - x_zero);
  return sum;
}

int32_t tw_dot_i16(const int16_t *x, int32_t x_zero, const int16_t *w, int32_t n) {
  int32_t sum = 0;
  for (int32_t i = 0; i < n; i++) sum += w[i] * (x[i] - x_zero);
  return sum;
}

float tw_dot_f32(float sum, const float *x, const float *w, int32_t n) {
  for (int32_t i = 0; i < n; i++) sum += x[i] * w[i];
  return sum;
}
