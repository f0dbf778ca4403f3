#include "tw_conv.h"
#include "tw_dot.h"

/* TRANSPOSE_CONV: each input pixel adds itself, times the filters [channels, height, width, depth],
 * to a window of the output; the windows lie as those of a CONV_2D from output to input. Here each
 * output gathers what reaches it, in the order in which TFLM adds. */

enum { SHAPE, FILTER, INPUT, BIAS }; /* the shape is not read: the output has it */
enum { OPTION_PADDING = 0, OPTION_STRIDE_W = 1, OPTION_STRIDE_H = 2, OPTION_ACTIVATION = 3 };

typedef struct {
  tw_window window;
  union {
    tw_requant q;
    tw_range_f32 range;
  };
} transpose_conv;

static tw_status prepare_types(tw_engine *e, const tw_node *node) {
  const tw_tensor *input = tw_input(e, node, INPUT), *filter = tw_input(e, node, FILTER),
                  *bias = tw_input(e, node, BIAS), *output = tw_output(e, node, 0);
  uint8_t type = input->type;
  if (type != TW_FLOAT32 && type != TW_INT8 && type != TW_INT16) {
    return tw_fail_type(e, "input 2", input);
  }
  if (filter->type != (type == TW_FLOAT32 ? TW_FLOAT32 : TW_INT8)) {
    return tw_fail_type(e, "input 1", filter);
  }
  if (output->type != type) return tw_fail_type(e, "output 0", output);
  if (bias == NULL || bias->type == (type == TW_FLOAT32 ? TW_FLOAT32
                                     : type == TW_INT8  ? TW_INT32
                                                        : TW_INT64)) {
    return TW_OK;
  }
  return type == TW_INT16 && bias->type == TW_INT16 ? TW_OK : tw_fail_type(e, "input 3", bias);
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 3, 4, 1));
  const tw_tensor *input = tw_input(e, node, INPUT), *filter = tw_input(e, node, FILTER),
                  *bias = tw_input(e, node, BIAS), *output = tw_output(e, node, 0);
  tw_fb_table options;
  int32_t activation;
  transpose_conv *c = node->data = tw_alloc(e, sizeof *c);
  if (c == NULL) return TW_E_ARENA;
  TW_TRY(tw_options(e, node, TW_OPTIONS_TRANSPOSE_CONV, &options));
  TW_TRY(tw_fused_activation(e, options, OPTION_ACTIVATION, &activation));
  TW_TRY(prepare_types(e, node));
  TW_VERIFY(e, filter->rank == 4, TW_E_SHAPE, "filter of rank %u", filter->rank);
  const tw_window_options window = {
      .padding = (int8_t)tw_fb_u8(&e->fb, options, OPTION_PADDING, TW_PADDING_SAME),
      .height = filter->dims[1],
      .width = filter->dims[2],
      .stride_h = tw_fb_i32(&e->fb, options, OPTION_STRIDE_H, 0),
      .stride_w = tw_fb_i32(&e->fb, options, OPTION_STRIDE_W, 0),
      .dilation_h = 1,
      .dilation_w = 1,
      .to_any_size = true, /* as in TFLM: outputs that nothing reaches are biases */
  };
  TW_TRY(tw_window_prepare(e, &window, output, input, &c->window));
  int32_t channels = filter->dims[0];
  TW_VERIFY(e, channels == output->dims[3] && filter->dims[3] == input->dims[3] &&
                   filter->bytes > 0 && output->bytes > 0 &&
                   (bias == NULL || tw_elements(bias) == (uint32_t)channels),
            TW_E_SHAPE, "filter or bias does not fit");
  if (input->type == TW_FLOAT32) {
    tw_activation_range_f32(activation, &c->range.low, &c->range.high);
    return TW_OK;
  }
  const int32_t as_in_conv_2d[] = {node->inputs[INPUT], node->inputs[FILTER],
                                   bias == NULL ? -1 : node->inputs[BIAS]};
  tw_node conv = *node;
  conv.inputs = as_in_conv_2d;
  conv.input_count = TW_COUNT(as_in_conv_2d);
  return tw_requant_prepare(e, &conv, channels, activation, TW_INT64, false, &c->q);
}

/* Rows (or columns) of the input that reach one of the output: row `first` with tap `tap`, the next
 * with a tap `stride` lower. */
typedef struct {
  int32_t first, count, tap;
} reach;

static reach reaching(int32_t out, int32_t pad, int32_t stride, int32_t taps, int32_t size) {
  int32_t at = out + pad, last = tw_min(at / stride, size - 1);
  reach r = {.first = at < taps ? 0 : (at - taps) / stride + 1};
  r.count = tw_max(last - r.first + 1, 0);
  r.tap = at - r.first * stride;
  return r;
}

/* An output pixel. */
typedef struct {
  const transpose_conv *op;
  const tw_tensor *input, *filter, *bias;
  int32_t batch;
  reach y, x;
} pixel;

/* Elements of input and filter that row `y` and column `x` of the reach multiply. */
static int32_t input_at(const pixel *p, int32_t y, int32_t x) {
  const int32_t *dims = p->input->dims;
  return ((p->batch * dims[1] + p->y.first + y) * dims[2] + p->x.first + x) * dims[3];
}

static int32_t filter_at(const pixel *p, int32_t channel, int32_t y, int32_t x) {
  const int32_t *dims = p->filter->dims;
  int32_t row = p->y.tap - y * p->op->window.stride_h;
  int32_t column = p->x.tap - x * p->op->window.stride_w;
  return ((channel * dims[1] + row) * dims[2] + column) * dims[3];
}

static int8_t output_i8(const pixel *p, int32_t channel) {
  const tw_requant *q = &p->op->q;
  const int8_t *in = p->input->data, *filter = p->filter->data;
  int32_t sum = p->bias != NULL ? ((const int32_t *)p->bias->data)[channel] : 0;
  for (int32_t y = 0; y < p->y.count; y++) {
    for (int32_t x = 0; x < p->x.count; x++) {
      sum += tw_dot_i8(in + input_at(p, y, x), q->input_zero_point,
                       filter + filter_at(p, channel, y, x), 0, p->input->dims[3]);
    }
  }
  int32_t scaled = tw_requant_i32(q, sum, channel) + q->output_zero_point;
  return (int8_t)tw_clamp(scaled, q->low, q->high);
}

/* As in TFLM the zero points of int16 count as 0, whatever the model says. */
static int16_t output_i16(const pixel *p, int32_t channel) {
  const tw_requant *q = &p->op->q;
  const int16_t *in = p->input->data;
  const int8_t *filter = p->filter->data;
  int64_t sum = 0;
  for (int32_t y = 0; y < p->y.count; y++) {
    for (int32_t x = 0; x < p->x.count; x++) {
      sum += tw_dot_i16_i8(in + input_at(p, y, x), 0, filter + filter_at(p, channel, y, x), 0,
                           p->input->dims[3]);
    }
  }
  if (p->bias != NULL && p->bias->type == TW_INT16) {
    sum += ((const int16_t *)p->bias->data)[channel];
  } else {
    sum = tw_add_bias(sum, p->bias, channel);
  }
  return (int16_t)tw_clamp(tw_requant_i64(q, sum, channel), q->low, q->high);
}

static float output_f32(const pixel *p, int32_t channel) {
  const float *in = p->input->data, *filter = p->filter->data;
  float sum = 0.0f;
  for (int32_t y = 0; y < p->y.count; y++) {
    for (int32_t x = 0; x < p->x.count; x++) {
      sum = tw_dot_f32(sum, in + input_at(p, y, x), filter + filter_at(p, channel, y, x),
                       p->input->dims[3]);
    }
  }
  if (p->bias != NULL) sum += ((const float *)p->bias->data)[channel];
  return tw_clamp_f32(sum, p->op->range);
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *output = tw_output(e, node, 0);
  pixel p = {.op = node->data, .input = tw_input(e, node, INPUT),
             .filter = tw_input(e, node, FILTER), .bias = tw_input(e, node, BIAS)};
  const tw_window *w = &p.op->window;
  int32_t at = 0;
  for (p.batch = 0; p.batch < output->dims[0]; p.batch++) {
    for (int32_t y = 0; y < output->dims[1]; y++) {
      p.y = reaching(y, w->pad_h, w->stride_h, w->height, p.input->dims[1]);
      for (int32_t x = 0; x < output->dims[2]; x++) {
        p.x = reaching(x, w->pad_w, w->stride_w, w->width, p.input->dims[2]);
        for (int32_t c = 0; c < output->dims[3]; c++, at++) {
          switch (output->type) {
            case TW_INT8: ((int8_t *)output->data)[at] = output_i8(&p, c); break;
            case TW_INT16: ((int16_t *)output->data)[at] = output_i16(&p, c); break;
            case TW_FLOAT32: ((float *)output->data)[at] = output_f32(&p, c); break;
          }
        }
      }
    }
  }
  return TW_OK;
}

const tw_op tw_op_transpose_conv = {.code = 67, .prepare = prepare, .eval = eval};
