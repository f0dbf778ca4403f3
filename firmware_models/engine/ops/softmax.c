#include <float.h>

#include "tw_elementwise.h"
#include "tw_fixed.h"
#include "tw_lut.h"
#include "tw_math.h"
#include "tw_softmax.h"

/* SOFTMAX over the last dimension: e^(beta (x - max)) divided by the sum of these. int8 by
 * fixed-point functions, int16 by tables. */

typedef struct {
  float beta;
  tw_softmax scale;
  const int16_t *exp, *reciprocal; /* int16: tables of e^x for -10 to 0, 1 / (1 + x) for 0 to 1 */
} softmax;

/* ---- prepare ---- */

static bool near(float value, float wanted) {
  float distance = value > wanted ? value - wanted : wanted - value;
  return distance <= 0.001f * wanted;
}

static tw_status prepare_i8(tw_engine *e, softmax *s, float scale, tw_affine out,
                            uint8_t out_type) {
  bool to_i8 = out_type == TW_INT8;
  TW_VERIFY(e, to_i8 ? out.scale == 1.0f / 256 : near(out.scale, 1.0f / 65536), TW_E_PARAM,
            "output scale is not 2^-%d", to_i8 ? 8 : 16);
  TW_VERIFY(e, out.zero_point == (to_i8 ? INT8_MIN : INT16_MIN), TW_E_PARAM,
            "output zero point %d", (int)out.zero_point);
  TW_VERIFY(e, s->beta <= FLT_MAX, TW_E_PARAM, "beta is infinite");
  return tw_softmax_prepare(e, (double)s->beta * (double)scale, &s->scale);
}

static float reciprocal_of_one_plus(float x) { return 1.0f / (1.0f + x); }

static tw_status prepare_i16(tw_engine *e, softmax *s, tw_affine in, tw_affine out) {
  TW_VERIFY(e, in.zero_point == 0 && out.zero_point == 0, TW_E_PARAM, "zero points %d, %d",
            (int)in.zero_point, (int)out.zero_point);
  TW_VERIFY(e, near(out.scale, 1.0f / 32768), TW_E_PARAM, "output scale is not 2^-15");
  double real = (double)in.scale * (double)s->beta / (10.0 / 65535.0);
  int32_t shift;
  TW_VERIFY(e, tw_quantize_multiplier(real, &s->scale.multiplier, &shift), TW_E_PARAM,
            "beta or input scale out of range");
  s->scale.shift = (int8_t)shift;
  int16_t *exp = tw_alloc(e, TW_LUT_ENTRIES * sizeof *exp);
  int16_t *reciprocal = tw_alloc(e, TW_LUT_ENTRIES * sizeof *reciprocal);
  if (exp == NULL || reciprocal == NULL) return TW_E_ARENA;
  tw_lut_fill(10.0f / 65535, INT16_MAX, 2.0f / 65535, tw_expf, exp);
  tw_lut_fill(1.0f / 65535, INT16_MIN, 2.0f / 65535, reciprocal_of_one_plus, reciprocal);
  s->exp = exp;
  s->reciprocal = reciprocal;
  return TW_OK;
}

static tw_status check(tw_engine *e, const tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  if (input->type != TW_FLOAT32 && input->type != TW_INT8 && input->type != TW_INT16) {
    return tw_fail_type(e, "input 0", input);
  }
  if (output->type != input->type && !(input->type == TW_INT8 && output->type == TW_INT16)) {
    return tw_fail_type(e, "output 0", output);
  }
  TW_VERIFY(e, input->rank >= 1 && tw_same_shape(input, output), TW_E_SHAPE,
            "rank 0, or an output of another shape");
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(check(e, node));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  tw_fb_table options;
  TW_TRY(tw_options(e, node, TW_OPTIONS_SOFTMAX, &options));
  softmax *s = node->data = tw_alloc(e, sizeof *s);
  if (s == NULL) return TW_E_ARENA;
  *s = (softmax){.beta = tw_fb_f32(&e->fb, options, 0, 0.0f)};
  if (input->type == TW_FLOAT32) return TW_OK;
  tw_affine in, out;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  return input->type == TW_INT8 ? prepare_i8(e, s, in.scale, out, output->type)
                                : prepare_i16(e, s, in, out);
}

/* ---- eval: row by row ---- */

static void row_f32(float beta, const float *x, float *y, int32_t depth) {
  float max = -FLT_MAX, sum = 0.0f;
  for (int32_t i = 0; i < depth; i++) max = max < x[i] ? x[i] : max;
  for (int32_t i = 0; i < depth; i++) {
    y[i] = tw_expf((x[i] - max) * beta);
    sum += y[i];
  }
  for (int32_t i = 0; i < depth; i++) y[i] /= sum;
}

/* A row's maximum, and 1 / its sum of e^difference: reciprocal * 2^-bits_over_unit. */
typedef struct {
  int32_t max, reciprocal, bits_over_unit;
} row_sum;

static row_sum sum_i8(const softmax *s, const int8_t *x, int32_t depth) {
  row_sum r;
  int32_t sum = tw_softmax_sum(&s->scale, x, depth, &r.max);
  r.reciprocal = tw_fixed_reciprocal(sum, TW_SOFTMAX_SUM_BITS, &r.bits_over_unit);
  return r;
}

/* e^difference / sum with `bits` fractional bits. At sums of 512 and more TFLM aborts on int8
 * outputs: they are 0 here. */
static int32_t quotient(const softmax *s, const row_sum *r, int32_t difference, int32_t bits) {
  int32_t right = r->bits_over_unit + 31 - bits;
  if (difference < s->scale.least || right > 31) return 0;
  int32_t exp = tw_fixed_exp(tw_softmax_scaled(&s->scale, difference), TW_SOFTMAX_BITS);
  return tw_rounding_shift_right(tw_doubling_high_mul(r->reciprocal, exp), right);
}

static void row_i8(const softmax *s, const int8_t *x, int8_t *y, int32_t depth) {
  const row_sum r = sum_i8(s, x, depth);
  for (int32_t i = 0; i < depth; i++) {
    y[i] = (int8_t)tw_clamp(quotient(s, &r, x[i] - r.max, 8) + INT8_MIN, INT8_MIN, INT8_MAX);
  }
}

static void row_i8_i16(const softmax *s, const int8_t *x, int16_t *y, int32_t depth) {
  const row_sum r = sum_i8(s, x, depth);
  for (int32_t i = 0; i < depth; i++) {
    y[i] = (int16_t)tw_clamp(quotient(s, &r, x[i] - r.max, 16) + INT16_MIN, INT16_MIN, INT16_MAX);
  }
}

static void row_i16(const softmax *s, const int16_t *x, int16_t *y, int32_t depth) {
  int32_t max = INT16_MIN, sum = 0;
  for (int32_t i = 0; i < depth; i++) max = tw_max(max, x[i]);
  for (int32_t i = 0; i < depth; i++) {
    int32_t scaled = tw_softmax_scaled(&s->scale, x[i] - max) + INT16_MAX;
    y[i] = tw_lut_at((int16_t)tw_clamp(scaled, INT16_MIN, INT16_MAX), s->exp);
    sum = sum > INT32_MAX - y[i] ? INT32_MAX : sum + y[i];
  }
  /* sum = 2^(31 - zeros) (1 + t) with t in [0, 1): the table's inputs stand for t. */
  int32_t zeros = __builtin_clz((uint32_t)sum);
  int32_t normal = (int32_t)((((int64_t)sum << (zeros - 1)) + (1 << 13)) >> 14);
  int32_t t = tw_clamp(normal - (1 << 15) - (1 << 16), INT16_MIN, INT16_MAX);
  int32_t reciprocal = tw_lut_at((int16_t)t, s->reciprocal), right = 31 - zeros;
  for (int32_t i = 0; i < depth; i++) {
    int64_t product = (int64_t)y[i] * reciprocal + ((int64_t)1 << (right - 1));
    y[i] = (int16_t)tw_clamp((int32_t)(product >> right), 0, INT16_MAX);
  }
}

static int eval(tw_engine *e, tw_node *node) {
  const softmax *s = node->data;
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const int32_t depth = tw_dim(input, -1), count = (int32_t)tw_elements(input);
  const void *x = input->data;
  void *y = output->data;
  for (int32_t i = 0; i < count; i += depth) {
    if (input->type == TW_FLOAT32) {
      row_f32(s->beta, (const float *)x + i, (float *)y + i, depth);
    } else if (input->type == TW_INT16) {
      row_i16(s, (const int16_t *)x + i, (int16_t *)y + i, depth);
    } else if (output->type == TW_INT16) {
      row_i8_i16(s, (const int8_t *)x + i, (int16_t *)y + i, depth);
    } else {
      row_i8(s, (const int8_t *)x + i, (int8_t *)y + i, depth);
    }
  }
  return TW_OK;
}

const tw_op tw_op_softmax = {.code = 25, .prepare = prepare, .eval = eval};
