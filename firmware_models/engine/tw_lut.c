#include "tw_lut.h"

#include "tw_math.h"

void tw_table_fill(tw_affine in, tw_affine out, float (*f)(float), int8_t table[256]) {
  float inverse = 1.0f / out.scale;
  for (int32_t i = 0; i < 256; i++) {
    float y = f(in.scale * (float)(i - 128 - in.zero_point));
    float scaled = tw_roundf(y * inverse) + (float)out.zero_point;
    table[i] = (int8_t)tw_clamp(tw_f32_to_i32(scaled), INT8_MIN, INT8_MAX);
  }
}

static int16_t saturate(float x) {
  if (!(x > -32768.0f)) return INT16_MIN;
  return (int16_t)(x < 32767.0f ? (int32_t)x : INT16_MAX);
}

void tw_lut_fill(float in_scale, int32_t in_zero_point, float out_scale, float (*f)(float),
                 int16_t *lut) {
  const int32_t steps = TW_LUT_ENTRIES - 1;
  float in_min = in_scale * (float)(INT16_MIN - in_zero_point);
  float in_max = in_scale * (float)(INT16_MAX - in_zero_point);
  float step = (in_max - in_min) / (float)steps, half_step = step / 2;
  float out_min = out_scale * (float)INT16_MIN, out_max = out_scale * (float)INT16_MAX;
  float inverse = 65536.0f / (out_max - out_min);
  for (int32_t i = 0; i < steps; i++) {
    float x = in_min + (float)i * step;
    float here = tw_roundf(f(x) * inverse);
    float next = f(in_min + (float)(i + 1) * step) * inverse;
    float middle = tw_roundf(f(x + half_step) * inverse);
    /* Half the interpolation's error in the middle goes to the ends. */
    float error = tw_roundf((next + here) / 2) - middle;
    lut[i] = saturate(here - tw_roundf(error / 2));
  }
  lut[steps] = saturate(tw_roundf(f(in_max) * inverse));
}
