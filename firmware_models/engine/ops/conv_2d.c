#include "tw_fast.h"
#include "tw_hybrid.h"

/* CONV_2D: filters [channels, height, width, depth]. A depth that divides the input's makes groups:
 * an output channel then sees only the input channels of its group. */

enum {
  OPTION_PADDING = 0,
  OPTION_STRIDE_W = 1,
  OPTION_STRIDE_H = 2,
  OPTION_ACTIVATION = 3,
  OPTION_DILATION_W = 4,
  OPTION_DILATION_H = 5,
  OPTION_BIAS_TYPE = 6,
};

typedef struct {
  tw_window window;
  void *work; /* of the target's twin; NULL: the plain loop runs */
  union {
    tw_requant q;
    tw_range_f32 range;
    tw_hybrid *hybrid;
  };
  void *unpacked[]; /* the filter, when that is int4 */
} conv;

static tw_status prepare_shapes(tw_engine *e, tw_node *node, tw_fb_table options, conv *c) {
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1),
                  *output = tw_output(e, node, 0);
  tw_fb *fb = &e->fb;
  TW_VERIFY(e, filter->rank == 4, TW_E_SHAPE, "filter of rank %u", filter->rank);
  const tw_window_options window = {
      .padding = (int8_t)tw_fb_u8(fb, options, OPTION_PADDING, TW_PADDING_SAME),
      .height = filter->dims[1],
      .width = filter->dims[2],
      .stride_h = tw_fb_i32(fb, options, OPTION_STRIDE_H, 0),
      .stride_w = tw_fb_i32(fb, options, OPTION_STRIDE_W, 0),
      .dilation_h = tw_fb_i32(fb, options, OPTION_DILATION_H, 1),
      .dilation_w = tw_fb_i32(fb, options, OPTION_DILATION_W, 1),
  };
  TW_TRY(tw_window_prepare(e, &window, input, output, &c->window));
  int32_t depth = filter->dims[3], channels = output->dims[3];
  TW_VERIFY(e, filter->dims[0] == channels && depth > 0 && input->dims[3] >= depth &&
                   input->dims[3] % depth == 0 && channels % (input->dims[3] / depth) == 0,
            TW_E_SHAPE, "%d filters of depth %d for %d to %d channels", (int)filter->dims[0],
            (int)depth, (int)input->dims[3], (int)channels);
  return TW_OK;
}

/* As in LiteRT weights whose scales differ go with inputs that have a zero point. */
static tw_status prepare_hybrid(tw_engine *e, const tw_node *node, int32_t activation,
                                tw_hybrid **hybrid) {
  const tw_tensor *input = tw_input(e, node, 0);
  const int32_t *filter = tw_input(e, node, 1)->dims;
  int32_t channels = filter[0], depth = filter[3], groups = input->dims[3] / depth;
  TW_TRY(tw_hybrid_prepare(e, node, channels, 0, input->dims[0], activation, hybrid));
  tw_hybrid *h = *hybrid;
  h->layout = (tw_hybrid_layout){depth, channels / groups, filter[1] * filter[2] * depth, depth};
  h->symmetric = tw_hybrid_is_uniform(h, channels);
  h->weights_first = !h->symmetric;
  TW_VERIFY(e, groups == 1 || !h->symmetric, TW_E_PARAM, "groups with one weight scale");
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 3, 1));
  tw_fb_table options;
  int32_t activation;
  bool packed = tw_input(e, node, 1)->type == TW_INT4;
  conv *c = node->data = tw_alloc(e, (uint32_t)(sizeof *c + packed * sizeof c->unpacked[0]));
  if (c == NULL) return TW_E_ARENA;
  c->work = NULL;
  TW_TRY(tw_options(e, node, TW_OPTIONS_CONV_2D, &options));
  TW_TRY(tw_fused_activation(e, options, OPTION_ACTIVATION, &activation));
  TW_TRY(prepare_shapes(e, node, options, c));
  int32_t channels = tw_output(e, node, 0)->dims[3];
  TW_TRY(tw_conv_types(e, node, channels));
  if (tw_is_hybrid(e, node)) return prepare_hybrid(e, node, activation, &c->hybrid);
  TW_TRY(tw_request_unpacked(e, tw_input(e, node, 1), &c->unpacked[0]));
  tw_window_may_overwrite(e, node, &c->window);
  if (tw_input(e, node, 0)->type == TW_FLOAT32) {
    tw_activation_range_f32(activation, &c->range.low, &c->range.high);
    return TW_OK;
  }
  int32_t bias_type = tw_fb_u8(&e->fb, options, OPTION_BIAS_TYPE, TW_BIAS_FLOAT32);
  TW_TRY(tw_requant_prepare(e, node, channels, activation, bias_type, false, &c->q));
  return tw_fast_conv_prepare(e, node, &c->window, &c->q, &c->work);
}

/* Where the products of one output channel start, and how they run on from there. */
typedef struct {
  int32_t columns, depth; /* of a filter's row: one column when the input's lie side by side */
  int32_t x, w;           /* elements of input and filter under the first tap */
  int32_t w_row_step;
} span;

static span channel_span(const tw_pixel *p, int32_t channel) {
  const int32_t *filter = p->filter->dims;
  const int32_t channels = filter[0], depth = filter[3], groups = p->input->dims[3] / depth;
  span s = {.columns = p->columns, .depth = depth, .w_row_step = p->tap_row_step * depth};
  s.x = p->first + (groups == 1 ? 0 : channel / (channels / groups) * depth);
  s.w = (channel * filter[1] * filter[2] + p->first_tap) * depth;
  if (p->column_step == depth) {
    s.depth *= s.columns;
    s.columns = 1;
  }
  return s;
}

static void pixel_i8(const tw_pixel *p) {
  const tw_requant *q = &((const conv *)p->data)->q;
  const int8_t *input = p->input->data, *filter = p->filter->data;
  int8_t *out = (int8_t *)p->output->data + p->out;
  for (int32_t c = 0; c < p->filter->dims[0]; c++) {
    span s = channel_span(p, c);
    int32_t sum = 0;
    for (int32_t y = 0; y < p->rows; y++) {
      for (int32_t x = 0; x < s.columns; x++) {
        const int8_t *a = input + s.x + y * p->row_step + x * p->column_step;
        const int8_t *b = filter + s.w + y * s.w_row_step + x * s.depth;
        for (int32_t i = 0; i < s.depth; i++) sum += b[i] * (a[i] - q->input_zero_point);
      }
    }
    if (p->bias != NULL) sum += ((const int32_t *)p->bias->data)[c];
    int32_t scaled = tw_requant_i32(q, sum, c) + q->output_zero_point;
    out[c] = (int8_t)tw_clamp(scaled, q->low, q->high);
  }
}

/* As in TFLM the zero points of int16 count as 0, whatever the model says. */
static void pixel_i16(const tw_pixel *p) {
  const tw_requant *q = &((const conv *)p->data)->q;
  const int16_t *input = p->input->data;
  const int8_t *filter = p->filter->data;
  int16_t *out = (int16_t *)p->output->data + p->out;
  for (int32_t c = 0; c < p->filter->dims[0]; c++) {
    span s = channel_span(p, c);
    int64_t sum = 0;
    for (int32_t y = 0; y < p->rows; y++) {
      for (int32_t x = 0; x < s.columns; x++) {
        const int16_t *a = input + s.x + y * p->row_step + x * p->column_step;
        const int8_t *b = filter + s.w + y * s.w_row_step + x * s.depth;
        for (int32_t i = 0; i < s.depth; i++) sum += b[i] * a[i];
      }
    }
    int32_t scaled = tw_requant_i64(q, tw_add_bias(sum, p->bias, c), c);
    out[c] = (int16_t)tw_clamp(scaled, q->low, q->high);
  }
}

static void pixel_f32(const tw_pixel *p) {
  const float *input = p->input->data, *filter = p->filter->data;
  float *out = (float *)p->output->data + p->out;
  for (int32_t c = 0; c < p->filter->dims[0]; c++) {
    span s = channel_span(p, c);
    float sum = 0.0f;
    for (int32_t y = 0; y < p->rows; y++) {
      for (int32_t x = 0; x < s.columns; x++) {
        const float *a = input + s.x + y * p->row_step + x * p->column_step;
        const float *b = filter + s.w + y * s.w_row_step + x * s.depth;
        for (int32_t i = 0; i < s.depth; i++) sum += a[i] * b[i];
      }
    }
    sum += p->bias != NULL ? ((const float *)p->bias->data)[c] : 0.0f;
    out[c] = tw_clamp_f32(sum, ((const conv *)p->data)->range);
  }
}

static void pixel_hybrid(const tw_pixel *p) {
  tw_hybrid_pixel(p, ((const conv *)p->data)->hybrid);
}

static int eval(tw_engine *e, tw_node *node) {
  const conv *c = node->data;
  const tw_window *window = &c->window;
  if (c->work != NULL) {
    tw_fast_conv(e, node, window, &c->q, tw_unpacked(tw_input(e, node, 1), c->unpacked), c->work);
    return TW_OK;
  }
  if (tw_is_hybrid(e, node)) {
    tw_hybrid_begin(e, node, c->hybrid);
    tw_window_slide(e, node, window, pixel_hybrid);
    return TW_OK;
  }
  if (tw_input(e, node, 1)->type == TW_INT4) {
    tw_window_slide_i4(e, node, window, c->unpacked[0], pixel_i8);
    return TW_OK;
  }
  switch (tw_input(e, node, 0)->type) {
    case TW_INT8: tw_window_slide(e, node, window, pixel_i8); break;
    case TW_INT16: tw_window_slide(e, node, window, pixel_i16); break;
    case TW_FLOAT32: tw_window_slide(e, node, window, pixel_f32); break;
  }
  return TW_OK;
}

const tw_op tw_op_conv_2d = {.code = 3, .prepare = prepare, .eval = eval};
