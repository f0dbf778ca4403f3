#include "tw_affine.h"
#include "tw_dot.h"
#include "tw_math.h"

/* SVDF: a dense layer whose last `memory` results per filter are kept in the state, [batch,
 * filters * memory], and weighted by time. Each output sums the `rank` filters of its unit. */

enum { INPUT, FEATURE, TIME, BIAS, STATE };
enum { OPTION_RANK = 0, OPTION_ACTIVATION = 1 };

typedef struct {
  int32_t rank, activation;
  tw_scale to_state, to_output;
  int16_t input_zero_point, state_zero_point, output_zero_point;
} svdf;

/* ---- prepare ---- */

static tw_status prepare_types(tw_engine *e, const tw_node *node) {
  const tw_tensor *input = tw_input(e, node, INPUT), *bias = tw_input(e, node, BIAS),
                  *time = tw_input(e, node, TIME);
  bool real = input->type == TW_FLOAT32;
  if (!real && input->type != TW_INT8) return tw_fail_type(e, "input 0", input);
  if (tw_input(e, node, FEATURE)->type != input->type) {
    return tw_fail_type(e, "input 1", tw_input(e, node, FEATURE));
  }
  if (time->type != input->type && (real || time->type != TW_INT16)) {
    return tw_fail_type(e, "input 2", time);
  }
  if (bias != NULL && bias->type != (real ? TW_FLOAT32 : TW_INT32)) {
    return tw_fail_type(e, "input 3", bias);
  }
  if (tw_input(e, node, STATE)->type != time->type) {
    return tw_fail_type(e, "input 4", tw_input(e, node, STATE));
  }
  const tw_tensor *output = tw_output(e, node, 0);
  return output->type == input->type ? TW_OK : tw_fail_type(e, "output 0", output);
}

static tw_status prepare_shapes(tw_engine *e, const tw_node *node, int32_t rank) {
  const tw_tensor *input = tw_input(e, node, INPUT), *feature = tw_input(e, node, FEATURE),
                  *time = tw_input(e, node, TIME), *bias = tw_input(e, node, BIAS),
                  *state = tw_input(e, node, STATE), *output = tw_output(e, node, 0);
  TW_VERIFY(e, input->rank == 2 && feature->rank == 2 && time->rank == 2 && state->rank == 2 &&
                   output->rank == 2, TW_E_SHAPE, "a tensor is not of rank 2");
  int32_t batches = input->dims[0], filters = feature->dims[0], memory = time->dims[1];
  TW_VERIFY(e, rank > 0 && filters % rank == 0, TW_E_PARAM, "%d filters of rank %d", (int)filters,
            (int)rank);
  TW_VERIFY(e, feature->dims[1] == input->dims[1] && time->dims[0] == filters && memory > 0 &&
                   state->dims[0] == batches && state->dims[1] == (int64_t)memory * filters &&
                   state->bytes > 0,
            TW_E_SHAPE, "weights or state do not fit %d filters, %d steps", (int)filters,
            (int)memory);
  TW_VERIFY(e, output->dims[0] == batches && output->dims[1] == filters / rank, TW_E_SHAPE,
            "output is not %d x %d", (int)batches, (int)(filters / rank));
  TW_VERIFY(e, bias == NULL || tw_elements(bias) == (uint32_t)(filters / rank), TW_E_SHAPE,
            "biases for %d units", (int)(filters / rank));
  TW_VERIFY(e, (state->flags & TW_TENSOR_VARIABLE) != 0, TW_E_PARAM, "state is no variable");
  return TW_OK;
}

static tw_status prepare_quantized(tw_engine *e, const tw_node *node, svdf *s) {
  tw_affine input, feature, time, state, output;
  TW_TRY(tw_input_affine(e, node, INPUT, &input));
  TW_TRY(tw_input_affine(e, node, FEATURE, &feature));
  TW_TRY(tw_input_affine(e, node, TIME, &time));
  TW_TRY(tw_input_affine(e, node, STATE, &state));
  TW_TRY(tw_output_affine(e, node, 0, &output));
  /* In double precision, as the oracle; TFLM's sources of August 2026 have single. */
  double product = (double)state.scale * (double)time.scale;
  if (tw_input(e, node, BIAS) != NULL) {
    float bias = tw_quant_scale(tw_quant_of(e, node->inputs[BIAS]), 0);
    TW_VERIFY(e, __builtin_fabs((double)bias - product) < 1e-5, TW_E_PARAM,
              "bias scale is not state scale * time scale");
  }
  s->input_zero_point = (int16_t)input.zero_point;
  s->state_zero_point = (int16_t)state.zero_point;
  s->output_zero_point = (int16_t)output.zero_point;
  double to_state = (double)input.scale * (double)feature.scale / (double)state.scale;
  TW_TRY(tw_scale_of(e, to_state, &s->to_state));
  return tw_scale_of(e, product / (double)output.scale, &s->to_output);
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  TW_TRY(tw_expect(e, node, 5, 5, 1));
  TW_TRY(tw_options(e, node, TW_OPTIONS_SVDF, &options));
  svdf *s = node->data = tw_alloc(e, sizeof *s);
  if (s == NULL) return TW_E_ARENA;
  *s = (svdf){.rank = tw_fb_i32(&e->fb, options, OPTION_RANK, 0)};
  s->activation = (int8_t)tw_fb_u8(&e->fb, options, OPTION_ACTIVATION, TW_ACT_NONE);
  TW_VERIFY(e, s->activation >= TW_ACT_NONE && s->activation <= TW_ACT_SIGN_BIT, TW_E_PARAM,
            "fused activation %d", (int)s->activation);
  TW_TRY(prepare_types(e, node));
  TW_TRY(prepare_shapes(e, node, s->rank));
  return tw_input(e, node, INPUT)->type == TW_FLOAT32 ? TW_OK : prepare_quantized(e, node, s);
}

/* ---- eval ---- */

typedef struct {
  int32_t inputs, filters, memory, batches;
} sizes;

/* The newest result of each filter goes into the last of its `memory` places in the state. */
static void remember(const svdf *s, sizes n, const int8_t *input, const int8_t *weights,
                     const tw_tensor *state) {
  const bool wide = state->type == TW_INT16;
  const int32_t low = wide ? INT16_MIN : INT8_MIN, high = -1 - low;
  int32_t at = n.memory - 1;
  for (int32_t b = 0; b < n.batches; b++) {
    for (int32_t f = 0; f < n.filters; f++, at += n.memory) {
      int32_t sum = tw_dot_i8(input + b * n.inputs, s->input_zero_point, weights + f * n.inputs, 0,
                              n.inputs);
      sum = tw_clamp(tw_scaled(sum, s->to_state), low, high) + s->state_zero_point;
      if (wide) {
        ((int16_t *)state->data)[at] = (int16_t)sum;
      } else {
        ((int8_t *)state->data)[at] = (int8_t)sum;
      }
    }
  }
}

/* State times time weights; the sum over the filters of a unit, which are neighbours, makes the
 * output. */
static void recall(const svdf *s, sizes n, const void *time, const int32_t *bias,
                   const tw_tensor *state, int8_t *out) {
  const int32_t units = n.filters / s->rank, steps = s->rank * n.memory;
  int32_t at = 0;
  for (int32_t b = 0; b < n.batches; b++) {
    for (int32_t u = 0; u < units; u++, at += steps) {
      int32_t sum = state->type == TW_INT16
                        ? tw_dot_i16((const int16_t *)state->data + at, s->state_zero_point,
                                     (const int16_t *)time + u * steps, steps)
                        : tw_dot_i8((const int8_t *)state->data + at, s->state_zero_point,
                                    (const int8_t *)time + u * steps, 0, steps);
      if (bias != NULL) sum += bias[u];
      int32_t y = tw_scaled(sum, s->to_output) + s->output_zero_point;
      *out++ = (int8_t)tw_clamp(y, INT8_MIN, INT8_MAX);
    }
  }
}

static void remember_f32(sizes n, const float *input, const float *weights, float *state) {
  for (int32_t b = 0; b < n.batches; b++) {
    for (int32_t f = 0; f < n.filters; f++, state += n.memory) {
      const float *x = input + b * n.inputs, *w = weights + f * n.inputs;
      state[n.memory - 1] = tw_dot_f32(0.0f, x, w, n.inputs);
    }
  }
}

/* min and max treat NaN and -0 as the oracle does. */
static float activate(float x, int32_t activation) {
  switch (activation) {
    case TW_ACT_RELU: return x > 0.0f ? x : 0.0f;
    case TW_ACT_RELU_N1_TO_1: x = x < 1.0f ? x : 1.0f; return x > -1.0f ? x : -1.0f;
    case TW_ACT_RELU6: x = x < 6.0f ? x : 6.0f; return x > 0.0f ? x : 0.0f;
    case TW_ACT_TANH: return tw_tanhf(x);
    case TW_ACT_SIGN_BIT: return __builtin_signbit(x) ? 1.0f : 0.0f;
    default: return x;
  }
}

static void recall_f32(const svdf *s, sizes n, const float *time, const float *bias,
                       const float *state, float *out) {
  const int32_t units = n.filters / s->rank;
  for (int32_t b = 0; b < n.batches; b++) {
    const float *w = time;
    for (int32_t u = 0; u < units; u++) {
      float sum = bias != NULL ? bias[u] : 0.0f;
      for (int32_t f = 0; f < s->rank; f++, w += n.memory, state += n.memory) {
        sum += tw_dot_f32(0.0f, state, w, n.memory);
      }
      *out++ = activate(sum, s->activation);
    }
  }
}

static int eval(tw_engine *e, tw_node *node) {
  const svdf *s = node->data;
  const tw_tensor *input = tw_input(e, node, INPUT), *time = tw_input(e, node, TIME),
                  *bias = tw_input(e, node, BIAS), *state = tw_input(e, node, STATE);
  const void *feature = tw_input(e, node, FEATURE)->data, *biases = bias ? bias->data : NULL;
  void *out = tw_output(e, node, 0)->data;
  const sizes n = {input->dims[1], time->dims[0], time->dims[1], input->dims[0]};
  /* Forget the oldest: what moves across filters is overwritten. */
  uint32_t step = tw_type_bytes(state->type);
  memmove(state->data, (const uint8_t *)state->data + step, state->bytes - step);
  if (state->type == TW_FLOAT32) {
    remember_f32(n, input->data, feature, state->data);
    recall_f32(s, n, time->data, biases, state->data, out);
  } else {
    remember(s, n, input->data, feature, state);
    recall(s, n, time->data, biases, state, out);
  }
  return TW_OK;
}

const tw_op tw_op_svdf = {.code = 27, .prepare = prepare, .eval = eval};
