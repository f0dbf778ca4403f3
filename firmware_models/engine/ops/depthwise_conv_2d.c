#include "tw_fast.h"
#include "tw_hybrid.h"

/* DEPTHWISE_CONV_2D: filter [1, height, width, channels]; each input channel makes depth_multiplier
 * neighbouring output channels. */

enum {
  OPTION_PADDING = 0,
  OPTION_STRIDE_W = 1,
  OPTION_STRIDE_H = 2,
  OPTION_MULTIPLIER = 3,
  OPTION_ACTIVATION = 4,
  OPTION_DILATION_W = 5,
  OPTION_DILATION_H = 6,
};

typedef struct {
  tw_window window;
  int32_t multiplier; /* output channels of an input channel */
  void *work;         /* of the target's twin; NULL: the plain loop runs */
  union {
    tw_requant q;
    tw_range_f32 range;
    tw_hybrid *hybrid;
  };
  void *unpacked[]; /* the filter, when that is int4 */
} depthwise;

static tw_status prepare_shapes(tw_engine *e, tw_node *node, tw_fb_table options, depthwise *d) {
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1),
                  *output = tw_output(e, node, 0);
  tw_fb *fb = &e->fb;
  TW_VERIFY(e, filter->rank == 4 && filter->dims[0] == 1, TW_E_SHAPE, "filter of rank %u, %d x",
            filter->rank, (int)tw_dim(filter, 0));
  const tw_window_options window = {
      .padding = (int8_t)tw_fb_u8(fb, options, OPTION_PADDING, TW_PADDING_SAME),
      .height = filter->dims[1],
      .width = filter->dims[2],
      .stride_h = tw_fb_i32(fb, options, OPTION_STRIDE_H, 0),
      .stride_w = tw_fb_i32(fb, options, OPTION_STRIDE_W, 0),
      .dilation_h = tw_fb_i32(fb, options, OPTION_DILATION_H, 1),
      .dilation_w = tw_fb_i32(fb, options, OPTION_DILATION_W, 1),
  };
  TW_TRY(tw_window_prepare(e, &window, input, output, &d->window));
  int32_t channels = output->dims[3];
  d->multiplier = tw_fb_i32(fb, options, OPTION_MULTIPLIER, 0);
  TW_VERIFY(e, filter->dims[3] == channels && d->multiplier > 0 &&
                   (int64_t)input->dims[3] * d->multiplier == channels,
            TW_E_SHAPE, "%d filters, multiplier %d for %d to %d channels", (int)filter->dims[3],
            (int)d->multiplier, (int)input->dims[3], (int)channels);
  return TW_OK;
}

/* As in LiteRT each channel has a weight scale of its own. */
static tw_status prepare_hybrid(tw_engine *e, const tw_node *node, int32_t activation,
                                depthwise *d) {
  int32_t channels = tw_output(e, node, 0)->dims[3], batches = tw_input(e, node, 0)->dims[0];
  TW_TRY(tw_hybrid_prepare(e, node, channels, 3, batches, activation, &d->hybrid));
  TW_VERIFY(e, d->hybrid->per_channel || channels == 1, TW_E_PARAM, "one weight scale");
  d->hybrid->layout = (tw_hybrid_layout){1, d->multiplier, 1, channels};
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 3, 1));
  tw_fb_table options;
  int32_t activation;
  bool packed = tw_input(e, node, 1)->type == TW_INT4;
  depthwise *d = node->data = tw_alloc(e, (uint32_t)(sizeof *d + packed * sizeof d->unpacked[0]));
  if (d == NULL) return TW_E_ARENA;
  d->work = NULL;
  TW_TRY(tw_options(e, node, TW_OPTIONS_DEPTHWISE_CONV_2D, &options));
  TW_TRY(tw_fused_activation(e, options, OPTION_ACTIVATION, &activation));
  TW_TRY(prepare_shapes(e, node, options, d));
  int32_t channels = tw_output(e, node, 0)->dims[3];
  TW_TRY(tw_conv_types(e, node, channels));
  if (tw_is_hybrid(e, node)) return prepare_hybrid(e, node, activation, d);
  TW_TRY(tw_request_unpacked(e, tw_input(e, node, 1), &d->unpacked[0]));
  tw_window_may_overwrite(e, node, &d->window);
  const tw_tensor *input = tw_input(e, node, 0), *bias = tw_input(e, node, 2);
  if (input->type == TW_FLOAT32) {
    tw_activation_range_f32(activation, &d->range.low, &d->range.high);
    return TW_OK;
  }
  /* TFLM takes any bias of an int16 depthwise convolution for int64. */
  if (input->type == TW_INT16 && bias != NULL && bias->type != TW_INT64) {
    return tw_fail_type(e, "input 2", bias);
  }
  TW_TRY(tw_requant_prepare(e, node, channels, activation, TW_INT64, false, &d->q));
  return tw_fast_depthwise_prepare(e, node, &d->window, &d->q, &d->work);
}

static void pixel_i8(const tw_pixel *p) {
  const depthwise *d = p->data;
  const tw_requant *q = &d->q;
  const int32_t channels = p->filter->dims[3];
  int8_t *out = (int8_t *)p->output->data + p->out;
  for (int32_t c = 0; c < channels; c++) {
    const int32_t input = p->first + c / d->multiplier, filter = p->first_tap * channels + c;
    int32_t sum = 0;
    for (int32_t y = 0; y < p->rows; y++) {
      const int8_t *a = (const int8_t *)p->input->data + input + y * p->row_step;
      const int8_t *b = (const int8_t *)p->filter->data + filter + y * p->tap_row_step * channels;
      for (int32_t x = 0; x < p->columns; x++) {
        sum += b[x * channels] * (a[x * p->column_step] - q->input_zero_point);
      }
    }
    if (p->bias != NULL) sum += ((const int32_t *)p->bias->data)[c];
    int32_t scaled = tw_requant_i32(q, sum, c) + q->output_zero_point;
    out[c] = (int8_t)tw_clamp(scaled, q->low, q->high);
  }
}

/* As in TFLM the zero points of int16 count as 0, whatever the model says. */
static void pixel_i16(const tw_pixel *p) {
  const depthwise *d = p->data;
  const tw_requant *q = &d->q;
  const int32_t channels = p->filter->dims[3];
  int16_t *out = (int16_t *)p->output->data + p->out;
  for (int32_t c = 0; c < channels; c++) {
    const int32_t input = p->first + c / d->multiplier, filter = p->first_tap * channels + c;
    int64_t sum = 0;
    for (int32_t y = 0; y < p->rows; y++) {
      const int16_t *a = (const int16_t *)p->input->data + input + y * p->row_step;
      const int8_t *b = (const int8_t *)p->filter->data + filter + y * p->tap_row_step * channels;
      for (int32_t x = 0; x < p->columns; x++) sum += b[x * channels] * a[x * p->column_step];
    }
    int32_t scaled = tw_requant_i64(q, tw_add_bias(sum, p->bias, c), c);
    out[c] = (int16_t)tw_clamp(scaled, q->low, q->high);
  }
}

static void pixel_f32(const tw_pixel *p) {
  const depthwise *d = p->data;
  const int32_t channels = p->filter->dims[3];
  float *out = (float *)p->output->data + p->out;
  for (int32_t c = 0; c < channels; c++) {
    const int32_t input = p->first + c / d->multiplier, filter = p->first_tap * channels + c;
    float sum = 0.0f;
    for (int32_t y = 0; y < p->rows; y++) {
      const float *a = (const float *)p->input->data + input + y * p->row_step;
      const float *b = (const float *)p->filter->data + filter + y * p->tap_row_step * channels;
      for (int32_t x = 0; x < p->columns; x++) sum += a[x * p->column_step] * b[x * channels];
    }
    sum += p->bias != NULL ? ((const float *)p->bias->data)[c] : 0.0f;
    out[c] = tw_clamp_f32(sum, d->range);
  }
}

static void pixel_hybrid(const tw_pixel *p) {
  tw_hybrid_pixel(p, ((const depthwise *)p->data)->hybrid);
}

static int eval(tw_engine *e, tw_node *node) {
  const depthwise *d = node->data;
  const tw_window *window = &d->window;
  if (d->work != NULL) {
    tw_fast_depthwise(e, node, window, &d->q, tw_unpacked(tw_input(e, node, 1), d->unpacked),
                      d->work);
    return TW_OK;
  }
  if (tw_is_hybrid(e, node)) {
    tw_hybrid_begin(e, node, d->hybrid);
    tw_window_slide(e, node, window, pixel_hybrid);
    return TW_OK;
  }
  if (tw_input(e, node, 1)->type == TW_INT4) {
    tw_window_slide_i4(e, node, window, d->unpacked[0], pixel_i8);
    return TW_OK;
  }
  switch (tw_input(e, node, 0)->type) {
    case TW_INT8: tw_window_slide(e, node, window, pixel_i8); break;
    case TW_INT16: tw_window_slide(e, node, window, pixel_i16); break;
    case TW_FLOAT32: tw_window_slide(e, node, window, pixel_f32); break;
  }
  return TW_OK;
}

const tw_op tw_op_depthwise_conv_2d = {.code = 4, .prepare = prepare, .eval = eval};
