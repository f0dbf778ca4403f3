#include "tw_elementwise.h"
#include "tw_move.h"

/* HARD_SWISH: x * clamp(x + 3, 0, 6) / 6; int8 in 16-bit fixed point. */

typedef struct {
  int16_t in_zero_point, out_zero_point;
  int16_t out_multiplier, part_multiplier; /* Q0.15 */
  int8_t out_right_shift, part_shift;
} hard_swish;

/* A ratio in 16 bits. */
static tw_status narrow(tw_engine *e, double ratio, int16_t *multiplier, int8_t *shift) {
  tw_scale scale;
  TW_TRY(tw_scale_of(e, ratio, &scale));
  const int32_t half = 1 << 15;
  *multiplier = (int16_t)(scale.multiplier >= INT32_MAX - half ? INT16_MAX
                                                               : (scale.multiplier + half) >> 16);
  *shift = scale.shift;
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect_unary(e, node));
  const tw_tensor *input = tw_input(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, tw_output(e, node, 0),
                         TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8)));
  if (input->type == TW_FLOAT32) return TW_OK;
  tw_affine in, out;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  hard_swish *h = node->data = tw_alloc(e, sizeof *h);
  if (h == NULL) return TW_E_ARENA;
  h->in_zero_point = (int16_t)in.zero_point;
  h->out_zero_point = (int16_t)out.zero_point;
  float fine = (1.0f / 128.0f) * in.scale; /* of inputs shifted left by 7 */
  TW_TRY(narrow(e, (double)(fine / out.scale), &h->out_multiplier, &h->out_right_shift));
  TW_VERIFY(e, h->out_right_shift <= 0, TW_E_PARAM, "ratio of scales over 128");
  h->out_right_shift = (int8_t)-h->out_right_shift;
  return narrow(e, (double)(fine / (3.0f / 32768.0f)), &h->part_multiplier, &h->part_shift);
}

static int32_t saturate(int32_t x) { return tw_clamp(x, INT16_MIN, INT16_MAX); }

/* a * b / 2^15, rounded to nearest, halves away from zero. */
static int32_t multiply(int32_t a, int32_t b) {
  int32_t product = a * b, half = 1 << 14;
  return (product + (product >= 0 ? half : 1 - half)) / (1 << 15);
}

/* A rounding right shift, 0 to 31, whose mask has 16 bits as in the oracle. */
static int32_t shift_right(int32_t x, int32_t exponent) {
  int32_t mask = (int16_t)(((int64_t)1 << exponent) - 1);
  int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + ((x & mask) > threshold ? 1 : 0);
}

static int32_t quantized(const void *params, int32_t x) {
  const hard_swish *h = params;
  x = (int16_t)((x - h->in_zero_point) * 128);
  int32_t scaled = multiply(x, h->out_multiplier);
  /* Where x is in -3 to 3, as -1 to 1. */
  int32_t part = x;
  if (h->part_shift > 0) part = saturate(part * (1 << tw_min(h->part_shift - 1, 15)));
  part = multiply(part, h->part_multiplier);
  if (h->part_shift > 0) part = saturate(part * 2);
  if (h->part_shift < 0) part = shift_right(part, -h->part_shift);
  part = (part + (1 << 15)) >> 1; /* 0 to 1 */
  int32_t product = part * scaled / (1 << 15);
  return (int16_t)(shift_right(product, h->out_right_shift) + h->out_zero_point);
}

/* NaN counts as -3. */
static float real(float x) {
  float part = x + 3.0f;
  part = part > 0.0f ? part : 0.0f;
  return x * (part < 6.0f ? part : 6.0f) / 6.0f;
}

static int eval(tw_engine *e, tw_node *node) {
  if (tw_input(e, node, 0)->type == TW_FLOAT32) return tw_map_f32(e, node, real);
  return tw_map_int(e, node, quantized);
}

const tw_op tw_op_hard_swish = {.code = 117, .prepare = prepare, .eval = eval};
