#include "tw_dot.h"
#include "tw_fast.h"
#include "tw_hybrid.h"

/* FULLY_CONNECTED: each row of the input, [batches, depth], times each row of the weights,
 * [channels, depth] with 1s in front at most, plus the channel's bias. */

enum {
  OPTION_ACTIVATION = 0,
  OPTION_WEIGHTS_FORMAT = 1,
  OPTION_ASYMMETRIC_INPUTS = 3,
  OPTION_BIAS_TYPE = 4,
};

static tw_status prepare_hybrid(tw_engine *e, tw_node *node, tw_fb_table options,
                                int32_t activation, int32_t batches) {
  const tw_tensor *weights = tw_input(e, node, 1);
  const int32_t channels = tw_dim(weights, -2), depth = tw_dim(weights, -1);
  tw_hybrid *h;
  TW_TRY(tw_hybrid_prepare(e, node, channels, 0, batches, activation, &h));
  h->layout = (tw_hybrid_layout){depth, channels, depth, 0};
  h->symmetric = tw_fb_u8(&e->fb, options, OPTION_ASYMMETRIC_INPUTS, 0) == 0;
  h->keeps_bias = true;
  node->data = h;
  return TW_OK;
}

/* Each row is a window of one tap over one pixel. */
static void eval_hybrid(const tw_engine *e, const tw_node *node) {
  tw_hybrid *h = node->data;
  tw_pixel p = {.filter = tw_input(e, node, 1), .bias = tw_input(e, node, 2),
                .output = tw_output(e, node, 0), .rows = 1, .columns = 1};
  tw_hybrid_begin(e, node, h);
  for (int32_t b = 0; b < h->batches; b++) {
    tw_hybrid_pixel(&p, h);
    p.first += h->batch_inputs;
    p.out += h->batch_outputs;
  }
}

/* Quantized. */
typedef struct {
  tw_requant q;
  void *work;  /* of the target's twin; NULL: the plain loop runs */
  void *row[]; /* for one row of weights, when these are int4 */
} dense;

static tw_status prepare_quantized(tw_engine *e, tw_node *node, tw_fb_table options,
                                   int32_t activation) {
  const tw_tensor *weights = tw_input(e, node, 1);
  bool packed = weights->type == TW_INT4;
  dense *d = node->data = tw_alloc(e, (uint32_t)(sizeof *d + packed * sizeof d->row[0]));
  if (d == NULL) return TW_E_ARENA;
  d->work = NULL;
  int32_t bias_type = tw_fb_u8(&e->fb, options, OPTION_BIAS_TYPE, TW_BIAS_FLOAT32);
  TW_TRY(tw_requant_prepare(e, node, tw_dim(weights, -2), activation, bias_type, true, &d->q));
  TW_VERIFY(e, !packed || !d->q.per_channel, TW_E_PARAM, "scales per channel for int4 weights");
  if (packed) TW_TRY(tw_request_scratch(e, (uint32_t)tw_dim(weights, -1), &d->row[0]));
  return tw_fast_dense_prepare(e, node, &d->q, &d->work);
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 3, 1));
  const tw_tensor *input = tw_input(e, node, 0), *weights = tw_input(e, node, 1),
                  *output = tw_output(e, node, 0);
  tw_fb_table options;
  int32_t activation;
  TW_TRY(tw_options(e, node, TW_OPTIONS_FULLY_CONNECTED, &options));
  TW_TRY(tw_fused_activation(e, options, OPTION_ACTIVATION, &activation));
  TW_VERIFY(e, tw_fb_u8(&e->fb, options, OPTION_WEIGHTS_FORMAT, 0) == 0, TW_E_PARAM,
            "shuffled weights");
  TW_VERIFY(e, weights->rank >= 2 && output->rank >= 1, TW_E_SHAPE, "weights of rank %u",
            weights->rank);
  int32_t channels = tw_dim(weights, -2), depth = tw_dim(weights, -1);
  TW_VERIFY(e, depth > 0 && channels == tw_dim(output, -1) &&
                   tw_elements(weights) == (uint64_t)channels * (uint32_t)depth,
            TW_E_SHAPE, "%d x %d weights for %d outputs", (int)channels, (int)depth,
            (int)tw_dim(output, -1));
  uint64_t batches = tw_elements(output) / (uint32_t)channels;
  TW_VERIFY(e, tw_elements(input) == batches * (uint32_t)depth, TW_E_SHAPE,
            "%u inputs to %u outputs", (unsigned)tw_elements(input),
            (unsigned)tw_elements(output));
  TW_TRY(tw_conv_types(e, node, channels));
  if (tw_is_hybrid(e, node)) {
    return prepare_hybrid(e, node, options, activation, (int32_t)batches);
  }

  if (input->type == TW_FLOAT32) {
    tw_range_f32 *range = node->data = tw_alloc(e, sizeof *range);
    if (range == NULL) return TW_E_ARENA;
    tw_activation_range_f32(activation, &range->low, &range->high);
    return TW_OK;
  }
  return prepare_quantized(e, node, options, activation);
}

static void row_i8(const tw_requant *q, const int8_t *x, const tw_tensor *weights,
                   const tw_tensor *bias, int8_t *out) {
  const int32_t channels = tw_dim(weights, -2), depth = tw_dim(weights, -1);
  const int8_t *w = weights->data;
  for (int32_t c = 0; c < channels; c++, w += depth) {
    int32_t sum = 0;
    for (int32_t i = 0; i < depth; i++) {
      sum += (w[i] - q->filter_zero_point) * (x[i] - q->input_zero_point);
    }
    if (bias != NULL) sum += ((const int32_t *)bias->data)[c];
    int32_t scaled = tw_requant_i32(q, sum, c) + q->output_zero_point;
    out[c] = (int8_t)tw_clamp(scaled, q->low, q->high);
  }
}

/* All rows of the input, so that each row of the weights is unpacked once. */
TW_SMALL static void rows_i4(const dense *d, const int8_t *input, const tw_tensor *weights,
                             const tw_tensor *bias, const tw_tensor *output) {
  const tw_requant *q = &d->q;
  const int32_t channels = tw_dim(weights, -2), depth = tw_dim(weights, -1);
  const int32_t count = (int32_t)output->bytes;
  int8_t *out = output->data;
  for (int32_t c = 0; c < channels; c++) {
    tw_unpack_i4(weights->data, (uint32_t)(c * depth), (uint32_t)depth, d->row[0]);
    const int8_t *x = input;
    for (int32_t at = c; at < count; at += channels, x += depth) {
      int32_t sum = tw_dot_i8(x, q->input_zero_point, d->row[0], q->filter_zero_point, depth);
      if (bias != NULL) sum += ((const int32_t *)bias->data)[c];
      int32_t scaled = tw_requant_i32(q, sum, c) + q->output_zero_point;
      out[at] = (int8_t)tw_clamp(scaled, q->low, q->high);
    }
  }
}

static void row_i16(const tw_requant *q, const int16_t *x, const tw_tensor *weights,
                    const tw_tensor *bias, int16_t *out) {
  const int32_t channels = tw_dim(weights, -2), depth = tw_dim(weights, -1);
  const int8_t *w = weights->data;
  for (int32_t c = 0; c < channels; c++, w += depth) {
    int64_t sum = 0;
    for (int32_t i = 0; i < depth; i++) {
      sum += (w[i] - q->filter_zero_point) * (x[i] - q->input_zero_point);
    }
    int32_t scaled = tw_requant_i64(q, tw_add_bias(sum, bias, c), c) + q->output_zero_point;
    out[c] = (int16_t)tw_clamp(scaled, q->low, q->high);
  }
}

static void row_f32(tw_range_f32 range, const float *x, const tw_tensor *weights,
                    const tw_tensor *bias, float *out) {
  const int32_t channels = tw_dim(weights, -2), depth = tw_dim(weights, -1);
  const float *w = weights->data;
  for (int32_t c = 0; c < channels; c++, w += depth) {
    float sum = 0.0f;
    for (int32_t i = 0; i < depth; i++) sum += x[i] * w[i];
    out[c] = tw_clamp_f32(sum + (bias != NULL ? ((const float *)bias->data)[c] : 0.0f), range);
  }
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0);
  const dense *d = node->data;
  if (input->type != TW_FLOAT32 && d->work != NULL) {
    tw_fast_dense(e, node, &d->q, d->work);
    return TW_OK;
  }
  const tw_tensor *weights = tw_input(e, node, 1),
                  *bias = tw_input(e, node, 2), *output = tw_output(e, node, 0);
  if (weights->type == TW_INT4) {
    rows_i4(d, input->data, weights, bias, output);
    return TW_OK;
  }
  const uint32_t channels = (uint32_t)tw_dim(weights, -2), depth = (uint32_t)tw_dim(weights, -1);
  const uint32_t batches = tw_elements(output) / channels;
  if (tw_is_hybrid(e, node)) {
    eval_hybrid(e, node);
    return TW_OK;
  }
  for (uint32_t b = 0; b < batches; b++) {
    uint32_t x = b * depth, out = b * channels;
    switch (input->type) {
      case TW_INT8:
        row_i8(node->data, (int8_t *)input->data + x, weights, bias, (int8_t *)output->data + out);
        break;
      case TW_INT16:
        row_i16(node->data, (int16_t *)input->data + x, weights, bias,
                (int16_t *)output->data + out);
        break;
      case TW_FLOAT32:
        row_f32(*(tw_range_f32 *)node->data, (float *)input->data + x, weights, bias,
                (float *)output->data + out);
        break;
    }
  }
  return TW_OK;
}

const tw_op tw_op_fully_connected = {.code = 9, .prepare = prepare, .eval = eval};
