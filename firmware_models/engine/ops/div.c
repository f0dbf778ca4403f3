#include "tw_conv.h"
#include "tw_elementwise.h"
#include "tw_fixed.h"
#include "tw_move.h"

/* DIV: float32, int32 truncated towards 0, int8. A divisor of 0 is an error for the integers. */

typedef struct {
  tw_binary binary;
  union {
    tw_range_f32 range;
    struct {
      tw_scale scale;
      int16_t zero_points[2], out_zero_point;
      int32_t low, high; /* of int32 too */
    };
  };
} division;

/* A rounding right shift that treats every exponent, also one over 31 or below 0, as the oracle
 * does on x86-64; both happen to quotients that int8 can't tell from 0 or from infinity. */
static int32_t shift_right(int32_t x, int32_t exponent) {
  int32_t mask = (int32_t)(uint32_t)(((uint64_t)1 << (exponent & 63)) - 1);
  int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> (exponent & 31)) + ((x & mask) > threshold ? 1 : 0);
}

static int8_t quantized(int32_t x, int32_t y, const division *p) {
  x -= p->zero_points[0];
  y -= p->zero_points[1];
  if (y < 0) {
    x = -x;
    y = -y;
  }
  if (y == 0) return 0; /* eval has refused it */
  int32_t bits;
  int32_t inverse = tw_fixed_reciprocal(y, 31, &bits);
  int32_t headroom = __builtin_clrsb(x);
  int32_t quotient = tw_doubling_high_mul((int32_t)((uint32_t)x << headroom), inverse);
  quotient = tw_doubling_high_mul(quotient, p->scale.multiplier);
  int32_t result = shift_right(quotient, bits + headroom - p->scale.shift) + p->out_zero_point;
  return (int8_t)tw_clamp(result, p->low, p->high);
}

/* INT32_MIN / -1 wraps, and x / 0 is refused by eval. */
static int32_t quotient_i32(int32_t x, int32_t y, const division *p) {
  return tw_clamp(y == -1 ? -x : y == 0 ? 0 : x / y, p->low, p->high);
}

TW_SMALL TW_ROW(row_f32, division, float, float, tw_clamp_f32(x / y, p->range))
TW_SMALL TW_ROW(row_i32, division, int32_t, int32_t, quotient_i32(x, y, p))
TW_SMALL TW_ROW(row_i8, division, int8_t, int8_t, quantized(x, y, p))

static tw_status prepare_i8(tw_engine *e, const tw_node *node, int32_t activation, division *d) {
  tw_affine a, b, out;
  TW_TRY(tw_input_affine(e, node, 0, &a));
  TW_TRY(tw_input_affine(e, node, 1, &b));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  double ratio = (double)a.scale / ((double)b.scale * (double)out.scale);
  TW_TRY(tw_scale_of(e, ratio, &d->scale));
  d->zero_points[0] = (int16_t)a.zero_point;
  d->zero_points[1] = (int16_t)b.zero_point;
  d->out_zero_point = (int16_t)out.zero_point;
  return tw_activation_range(e, activation, tw_output(e, node, 0)->type, out.scale, out.zero_point,
                             &d->low, &d->high);
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  int32_t activation;
  const uint32_t types = TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8) | TW_TYPE(TW_INT32);
  TW_TRY(tw_options(e, node, TW_OPTIONS_DIV, &options));
  TW_TRY(tw_fused_activation(e, options, 0, &activation));
  TW_TRY(tw_binary_prepare(e, node, types, false, sizeof(division)));
  division *d = node->data;
  switch (tw_output(e, node, 0)->type) {
    case TW_FLOAT32:
      d->binary.row = row_f32;
      tw_activation_range_f32(activation, &d->range.low, &d->range.high);
      return TW_OK;
    case TW_INT32:
      d->binary.row = row_i32;
      for (uint32_t i = 0; i < 2; i++) {
        TW_VERIFY(e, tw_quant_of(e, node->inputs[i]).count == 0, TW_E_PARAM,
                  "input %u is quantized", (unsigned)i);
      }
      tw_activation_range_i32(activation, &d->low, &d->high);
      return TW_OK;
    case TW_INT8: d->binary.row = row_i8; return prepare_i8(e, node, activation, d);
  }
  return TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *divisors = tw_input(e, node, 1);
  const uint32_t count = tw_elements(divisors);
  const int32_t zero = ((const division *)node->data)->zero_points[1];
  for (uint32_t i = 0; i < count && divisors->type != TW_FLOAT32; i++) {
    int32_t y = divisors->type == TW_INT8 ? ((const int8_t *)divisors->data)[i] - zero
                                          : ((const int32_t *)divisors->data)[i];
    TW_VERIFY(e, y != 0, TW_E_RUNTIME, "division by 0");
  }
  return tw_binary_eval(e, node);
}

const tw_op tw_op_div = {.code = 42, .prepare = prepare, .eval = eval};
