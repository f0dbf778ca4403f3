#include "tw_sigmoid.h"

#include "tw_elementwise.h"
#include "tw_math.h"
#include "tw_quant.h"

bool tw_nearly_power_of_two(float scale, int32_t *log2) {
  float exact = tw_logf(scale) * (1.0f / 0.693147182f);
  float rounded = tw_roundf(exact);
  *log2 = tw_f32_to_i32(rounded);
  return __builtin_fabsf(exact - rounded) < 1e-3f;
}

static tw_status prepare_i8(tw_engine *e, tw_sigmoid *s, tw_affine input) {
  int32_t shift;
  double fraction = tw_frexp((double)input.scale * 134217728.0 /* 2^27 */, &shift);
  TW_VERIFY(e, shift >= 0, TW_E_PARAM, "input scale below 2^-28");
  s->zero_point = (int16_t)input.zero_point;
  s->multiplier = (int32_t)(fraction * 2147483648.0); /* exact: a float has 24 bits */
  s->radius = shift > 30 ? 0 : (int32_t)(15 * ((int64_t)1 << 27) >> shift);
  s->shift = (int8_t)tw_min(shift, 30); /* with radius 0 nothing is scaled */
  return TW_OK;
}

static tw_status prepare_i16(tw_engine *e, tw_sigmoid *s, tw_affine input, tw_affine output,
                             int32_t max_doubling) {
  int32_t log2;
  TW_VERIFY(e, input.zero_point == 0 && output.zero_point == 0, TW_E_PARAM, "zero points %d, %d",
            (int)input.zero_point, (int)output.zero_point);
  TW_VERIFY(e, tw_nearly_power_of_two(output.scale, &log2) && log2 == -15, TW_E_PARAM,
            "output scale is not 2^-15");
  if (tw_nearly_power_of_two(input.scale, &log2) && log2 >= -12 && log2 <= max_doubling - 12) {
    s->multiplier = 3 << (log2 + 12);
  } else {
    double real = (double)input.scale * 4096.0 * 3.0;
    TW_VERIFY(e, real < 32768.0, TW_E_PARAM, "input scale is 2.7 or more");
    for (s->shift = 0; real <= 32767.0 / 2.0 && s->shift <= 30; s->shift++) real *= 2.0;
    s->multiplier = (int32_t)real;
  }
  uint16_t *table = tw_alloc(e, TW_SIGMOID_ENTRIES * sizeof *table);
  if (table == NULL) return TW_E_ARENA;
  tw_sigmoid_table(table);
  s->table = table;
  return TW_OK;
}

tw_status tw_sigmoid_prepare(tw_engine *e, tw_node *node, int32_t max_doubling) {
  TW_TRY(tw_expect_unary_f_i8_i16(e, node));
  uint8_t type = tw_input(e, node, 0)->type;
  if (type == TW_FLOAT32) return TW_OK;
  tw_affine input, output;
  TW_TRY(tw_input_affine(e, node, 0, &input));
  TW_TRY(tw_output_affine(e, node, 0, &output));
  tw_sigmoid *s = node->data = tw_alloc(e, sizeof *s);
  if (s == NULL) return TW_E_ARENA;
  *s = (tw_sigmoid){0};
  return type == TW_INT8 ? prepare_i8(e, s, input)
                         : prepare_i16(e, s, input, output, max_doubling);
}

static double logistic(double x) { return 65536.0 / (1.0 + tw_exp(-x)); }

void tw_sigmoid_table(uint16_t table[TW_SIGMOID_ENTRIES]) {
  double here = logistic(0.0);
  for (int32_t i = 0; i < TW_SIGMOID_ENTRIES; i++) {
    double next = logistic((i + 1) / 24.0), middle = logistic((i + 0.5) / 24.0);
    table[i] = (uint16_t)tw_round(here + (middle - (here + next) / 2) / 2);
    here = next;
  }
  table[TW_SIGMOID_ENTRIES - 1] = UINT16_MAX;
}

/* The table at |x| >> bits, interpolated: logistic times 2^(16 + bits). */
static uint32_t interpolate(const uint16_t *table, int32_t x, int32_t bits, uint32_t saturated) {
  uint32_t magnitude = (uint32_t)(x < 0 ? -x : x), i = magnitude >> bits;
  if (i >= TW_SIGMOID_ENTRIES - 1) return saturated;
  uint32_t part = magnitude & ((1u << bits) - 1);
  return ((uint32_t)table[i] << bits) + part * (uint32_t)(table[i + 1] - table[i]);
}

int16_t tw_logistic_i16(const uint16_t *table, int32_t x) {
  uint32_t y = interpolate(table, x, 9, 0x7FFFu << 10);
  y = x >= 0 ? y + (1u << 9) : (1u << 25) - y + (1u << 9) - 1;
  return (int16_t)(y >> 10);
}

/* 2 logistic(2x) - 1 */
int16_t tw_tanh_i16(const uint16_t *table, int32_t x) {
  int32_t y = (int32_t)interpolate(table, x, 8, 0xFFFFu << 8);
  y -= 1 << 23;
  y = x >= 0 ? y + (1 << 7) : -y + (1 << 7) - 1;
  return (int16_t)(y >> 8);
}

int32_t tw_sigmoid_scale_i8(const tw_sigmoid *s, int32_t distance) {
  return tw_rescale(distance, s->multiplier, s->shift);
}

/* Beyond the limits TFLM takes shortcuts. */
float tw_logistic_f32(float x) {
  if (x > 16.619047164916992188f) return 1.0f;
  return x < -9.0f ? tw_expf(x) : 1.0f / (1.0f + tw_expf(-x));
}
