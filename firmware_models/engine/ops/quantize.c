#include "tw_elementwise.h"
#include "tw_math.h"
#include "tw_quant.h"

/* QUANTIZE: float32 to integers, or integers to others of another scale. */

typedef struct quantize quantize;

typedef void (*quantize_fn)(const quantize *q, const void *in, void *out, uint32_t count);

struct quantize {
  quantize_fn run;
  float scale; /* of the output, for float32 */
  int32_t multiplier, shift;
  int32_t in_zero_point, out_zero_point;
};

/* C++ leaves open what a quotient becomes that fits no int32. TFLM on x86-64, which we are held
 * against, takes it, and NaN, for the lowest int32, and adds the zero point modulo 2^32. */
static int32_t quantize_f32(float x, const quantize *q) {
  float rounded = tw_roundf(x / q->scale);
  bool fits = rounded >= -2147483648.0f && rounded < 2147483648.0f;
  return (fits ? (int32_t)rounded : INT32_MIN) + q->out_zero_point;
}

static int32_t requantize(int32_t x, const quantize *q) {
  return tw_rescale(x - q->in_zero_point, q->multiplier, q->shift) + q->out_zero_point;
}

#define QUANTIZE(name, in_type, out_type, function, low, high)                                    \
  static void name(const quantize *q, const void *in, void *out, uint32_t count) {               \
    const in_type *x = in;                                                                        \
    out_type *y = out;                                                                            \
    for (uint32_t i = 0; i < count; i++) y[i] = (out_type)tw_clamp(function(x[i], q), low, high); \
  }

QUANTIZE(f32_to_i8, float, int8_t, quantize_f32, INT8_MIN, INT8_MAX)
QUANTIZE(f32_to_i16, float, int16_t, quantize_f32, INT16_MIN, INT16_MAX)
QUANTIZE(i8_to_i8, int8_t, int8_t, requantize, INT8_MIN, INT8_MAX)
QUANTIZE(i8_to_u8, int8_t, uint8_t, requantize, 0, UINT8_MAX)
QUANTIZE(i8_to_i16, int8_t, int16_t, requantize, INT16_MIN, INT16_MAX)
QUANTIZE(i8_to_i32, int8_t, int32_t, requantize, INT32_MIN, INT32_MAX)
QUANTIZE(i16_to_i8, int16_t, int8_t, requantize, INT8_MIN, INT8_MAX)
QUANTIZE(i16_to_i16, int16_t, int16_t, requantize, INT16_MIN, INT16_MAX)
QUANTIZE(i16_to_i32, int16_t, int32_t, requantize, INT32_MIN, INT32_MAX)
QUANTIZE(i32_to_i8, int32_t, int8_t, requantize, INT8_MIN, INT8_MAX)
QUANTIZE(i32_to_i16, int32_t, int16_t, requantize, INT16_MIN, INT16_MAX)
QUANTIZE(u8_to_i8, uint8_t, int8_t, requantize, INT8_MIN, INT8_MAX)

/* NULL for a pair of types that there is nothing for. */
static quantize_fn runner(uint8_t in, uint8_t out) {
  if (in == TW_FLOAT32 && out == TW_INT8) return f32_to_i8;
  if (in == TW_FLOAT32 && out == TW_INT16) return f32_to_i16;
  if (in == TW_INT8 && out == TW_INT8) return i8_to_i8;
  if (in == TW_INT8 && out == TW_UINT8) return i8_to_u8;
  if (in == TW_INT8 && out == TW_INT16) return i8_to_i16;
  if (in == TW_INT8 && out == TW_INT32) return i8_to_i32;
  if (in == TW_INT16 && out == TW_INT8) return i16_to_i8;
  if (in == TW_INT16 && out == TW_INT16) return i16_to_i16;
  if (in == TW_INT16 && out == TW_INT32) return i16_to_i32;
  if (in == TW_INT32 && out == TW_INT8) return i32_to_i8;
  if (in == TW_INT32 && out == TW_INT16) return i32_to_i16;
  if (in == TW_UINT8 && out == TW_INT8) return u8_to_i8;
  return NULL;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect_unary(e, node));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  quantize *q = node->data = tw_alloc(e, sizeof *q);
  if (q == NULL) return TW_E_ARENA;
  *q = (quantize){.run = runner(input->type, output->type)};
  TW_VERIFY(e, q->run != NULL, TW_E_TYPE, "%s to %s", tw_type_name(input->type),
            tw_type_name(output->type));
  tw_affine in, out;
  TW_TRY(tw_output_affine(e, node, 0, &out));
  TW_VERIFY(e, tw_quant_of(e, node->outputs[0]).count == 1, TW_E_PARAM, "output 0 has many scales");
  q->scale = out.scale;
  q->out_zero_point = out.zero_point;
  if (input->type == TW_FLOAT32) return TW_OK;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  q->in_zero_point = in.zero_point;
  double ratio = (double)in.scale / (double)out.scale;
  TW_VERIFY(e, tw_quantize_multiplier(ratio, &q->multiplier, &q->shift), TW_E_PARAM,
            "ratio of scales too large");
  return TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  const quantize *q = node->data;
  const tw_tensor *output = tw_output(e, node, 0);
  q->run(q, tw_input(e, node, 0)->data, output->data, tw_elements(output));
  return TW_OK;
}

const tw_op tw_op_quantize = {.code = 114, .prepare = prepare, .eval = eval};
