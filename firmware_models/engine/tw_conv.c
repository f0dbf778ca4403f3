#include "tw_conv.h"

/* ---- windows ---- */

static tw_status prepare_axis(tw_engine *e, const tw_window_options *o, int32_t in, int32_t out,
                              int32_t taps, int32_t stride, int32_t dilation, uint16_t *pad) {
  TW_VERIFY(e, taps > 0 && stride > 0 && dilation > 0 && stride <= TW_WINDOW_MAX, TW_E_PARAM,
            "window of %d, stride %d, dilation %d", (int)taps, (int)stride, (int)dilation);
  int64_t span = (int64_t)(taps - 1) * dilation + 1;
  TW_VERIFY(e, span <= TW_WINDOW_MAX && in <= INT32_MAX - TW_WINDOW_MAX, TW_E_PARAM,
            "window of %d, dilation %d", (int)taps, (int)dilation);
  int64_t expected = o->padding == TW_PADDING_SAME ? ((int64_t)in + stride - 1) / stride
                                                   : (in - span + stride) / stride;
  TW_VERIFY(e, out == expected || o->to_any_size, TW_E_SHAPE, "%d to %d, not %d", (int)in, (int)out,
            (int)expected);
  int64_t missing = (expected - 1) * stride + span - in;
  *pad = (uint16_t)(missing > 0 ? missing / 2 : 0);
  return TW_OK;
}

tw_status tw_window_prepare(tw_engine *e, const tw_window_options *o, const tw_tensor *input,
                            const tw_tensor *output, tw_window *window) {
  TW_VERIFY(e, input->rank == 4 && output->rank == 4, TW_E_SHAPE, "ranks %u, %u, not 4",
            input->rank, output->rank);
  TW_VERIFY(e, input->dims[0] == output->dims[0], TW_E_SHAPE, "batches %d to %d",
            (int)input->dims[0], (int)output->dims[0]);
  TW_VERIFY(e, o->padding == TW_PADDING_SAME || o->padding == TW_PADDING_VALID, TW_E_PARAM,
            "padding %d", (int)o->padding);
  TW_TRY(prepare_axis(e, o, input->dims[1], output->dims[1], o->height, o->stride_h, o->dilation_h,
                      &window->pad_h));
  TW_TRY(prepare_axis(e, o, input->dims[2], output->dims[2], o->width, o->stride_w, o->dilation_w,
                      &window->pad_w));
  window->height = (uint16_t)o->height;
  window->width = (uint16_t)o->width;
  window->stride_h = (uint16_t)o->stride_h;
  window->stride_w = (uint16_t)o->stride_w;
  window->dilation_h = (uint16_t)tw_min(o->dilation_h, TW_WINDOW_MAX); /* over it: one tap */
  window->dilation_w = (uint16_t)tw_min(o->dilation_w, TW_WINDOW_MAX);
  return TW_OK;
}

/* Taps [*first, *first + *count) of a window whose tap 0 is at `origin` are inside [0, size). */
static void clip(int32_t origin, int32_t taps, int32_t dilation, int32_t size, int32_t *first,
                 int32_t *count) {
  int32_t from = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
  int32_t to = (size - origin + dilation - 1) / dilation;
  *first = from;
  *count = tw_max(tw_min(to, taps) - from, 0);
}

TW_NOINLINE static void slide(const tw_engine *e, const tw_node *node, const tw_window *window,
                              const tw_tensor *filter, void (*each)(const tw_pixel *p)) {
  const tw_window w = *window;
  const tw_tensor *input = tw_input(e, node, 0);
  tw_tensor *output = tw_output(e, node, 0);
  const int32_t height = input->dims[1], width = input->dims[2], depth = input->dims[3];
  tw_pixel p = {.input = input, .filter = filter, .bias = tw_input(e, node, 2), .output = output,
                .data = node->data};
  p.row_step = w.dilation_h * width * depth;
  p.column_step = w.dilation_w * depth;
  p.tap_row_step = w.width;
  for (int32_t batch = 0; batch < output->dims[0]; batch++) {
    for (int32_t out_y = 0; out_y < output->dims[1]; out_y++) {
      int32_t y = out_y * w.stride_h - w.pad_h, row, rows;
      clip(y, w.height, w.dilation_h, height, &row, &rows);
      for (int32_t out_x = 0; out_x < output->dims[2]; out_x++) {
        int32_t x = out_x * w.stride_w - w.pad_w, column;
        clip(x, w.width, w.dilation_w, width, &column, &p.columns);
        p.rows = p.columns > 0 ? rows : 0;
        p.first = ((batch * height + y + row * w.dilation_h) * width + x + column * w.dilation_w) *
                  depth;
        p.first_tap = row * w.width + column;
        each(&p);
        p.out += output->dims[3];
      }
    }
  }
}

void tw_window_slide(const tw_engine *e, const tw_node *node, const tw_window *window,
                     void (*each)(const tw_pixel *p)) {
  slide(e, node, window, tw_input(e, node, 1), each);
}

/* When an output row is written, later ones still need the input from this row of it on. */
static int64_t rows_done(const tw_window *w, const tw_tensor *input, int64_t out_y) {
  int64_t top = out_y * w->stride_h - w->pad_h;
  return top < 0 ? 0 : top < input->dims[1] ? top : input->dims[1];
}

void tw_window_may_overwrite(tw_engine *e, const tw_node *node, const tw_window *w) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const int64_t batches = output->dims[0], height = output->dims[1];
  if (output->bytes == 0 || input->bytes == 0) return;
  const int64_t in_image = input->bytes / batches, out_image = output->bytes / batches;
  const int64_t in_row = in_image / input->dims[1], out_row = out_image / height;
  /* Row by row the output gains on the input while the window leaves its top, then or never. */
  const int64_t last_at_top = w->pad_h / w->stride_h;
  int64_t lead = 0;
  for (int32_t i = 0; i < 2; i++) {
    const int64_t y = i == 0 && last_at_top < height ? last_at_top : height - 1;
    for (int64_t b = 0; b < batches; b += tw_max((int32_t)batches - 1, 1)) {
      const int64_t written = b * out_image + (y + 1) * out_row,
                    done = b * in_image + rows_done(w, input, y) * in_row;
      if (written - done > lead) lead = written - done;
    }
  }
  tw_may_overwrite(e, 1, lead);
}

/* ---- int4 filters ---- */

TW_SMALL void tw_unpack_i4(const void *packed, uint32_t first, uint32_t count, int8_t *out) {
  for (uint32_t i = first; i < first + count; i++) {
    uint32_t byte = ((const uint8_t *)packed)[i / 2];
    *out++ = (int8_t)((int8_t)(i % 2 == 0 ? byte << 4 : byte & 0xF0) >> 4);
  }
}

tw_status tw_request_unpacked(tw_engine *e, const tw_tensor *filter, void **where) {
  return filter->type == TW_INT4 ? tw_request_scratch(e, tw_elements(filter), where) : TW_OK;
}

const int8_t *tw_unpacked(const tw_tensor *filter, void *const *buffer) {
  if (filter->type != TW_INT4) return filter->data;
  tw_unpack_i4(filter->data, 0, tw_elements(filter), *buffer);
  return *buffer;
}

TW_SMALL void tw_window_slide_i4(const tw_engine *e, const tw_node *node, const tw_window *window,
                                 void *unpacked, void (*each)(const tw_pixel *p)) {
  tw_tensor filter = *tw_input(e, node, 1);
  tw_unpack_i4(filter.data, 0, tw_elements(&filter), unpacked);
  filter.data = unpacked;
  slide(e, node, window, &filter, each);
}

/* ---- accumulators to outputs ---- */

tw_status tw_fused_activation(tw_engine *e, tw_fb_table options, uint32_t id, int32_t *activation) {
  *activation = (int8_t)tw_fb_u8(&e->fb, options, id, TW_ACT_NONE);
  TW_VERIFY(e, *activation >= TW_ACT_NONE && *activation <= TW_ACT_RELU6, TW_E_PARAM,
            "fused activation %d", (int)*activation);
  return TW_OK;
}

tw_status tw_conv_types(tw_engine *e, const tw_node *node, int32_t channels) {
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1),
                  *bias = tw_input(e, node, 2), *output = tw_output(e, node, 0);
  uint8_t type = input->type;
  if (type != TW_FLOAT32 && type != TW_INT8 && type != TW_INT16) {
    return tw_fail_type(e, "input 0", input);
  }
  bool hybrid = type == TW_FLOAT32 && filter->type == TW_INT8;
  TW_VERIFY(e, !hybrid || e->beyond, TW_E_TYPE,
            "TFLM lacks INT8 weights for FLOAT32; the extended profile has them");
  if (!hybrid && filter->type != (type == TW_FLOAT32 ? TW_FLOAT32 : TW_INT8) &&
      !(type == TW_INT8 && filter->type == TW_INT4)) {
    return tw_fail_type(e, "input 1", filter);
  }
  if (output->type != type) return tw_fail_type(e, "output 0", output);
  if (bias == NULL) return TW_OK;
  if (bias->type != (type == TW_FLOAT32 ? TW_FLOAT32 : TW_INT32) &&
      !(type == TW_INT16 && bias->type == TW_INT64)) {
    return tw_fail_type(e, "input 2", bias);
  }
  TW_VERIFY(e, tw_elements(bias) == (uint32_t)channels, TW_E_SHAPE, "%u biases for %d channels",
            (unsigned)tw_elements(bias), (int)channels);
  return TW_OK;
}

/* The bias's scale is close to input scale * weight scale, as TFLM wants it. */
static bool bias_scale_fits(tw_engine *e, const tw_node *node, double input, double weights,
                            double output) {
  if (tw_input(e, node, 2) == NULL) return true;
  double apart = input * weights - (double)tw_quant_scale(tw_quant_of(e, node->inputs[2]), 0);
  return (apart < 0.0 ? -apart : apart) / output <= 0.02;
}

tw_status tw_requant_prepare(tw_engine *e, const tw_node *node, int32_t channels,
                             int32_t activation, int32_t bias_type, bool dense, tw_requant *q) {
  const tw_tensor *input = tw_input(e, node, 0), *filter = tw_input(e, node, 1),
                  *bias = tw_input(e, node, 2);
  tw_affine in, out;
  int32_t low, high;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  TW_TRY(tw_activation_range(e, activation, tw_output(e, node, 0)->type, out.scale, out.zero_point,
                             &low, &high));

  tw_quant filter_q = tw_quant_of(e, node->inputs[1]);
  uint32_t count = filter_q.count;
  TW_VERIFY(e, count == 1 ||
                   (count == (uint32_t)channels && filter_q.axis >= 0 &&
                    filter_q.axis < filter->rank && filter->dims[filter_q.axis] == channels),
            TW_E_PARAM, "%u weight scales for %d channels", (unsigned)count, (int)channels);
  q->multipliers = tw_alloc(e, count * (uint32_t)(sizeof *q->multipliers + sizeof *q->shifts));
  if (q->multipliers == NULL) return TW_E_ARENA;
  q->shifts = (int8_t *)(q->multipliers + count);
  q->input_zero_point = (int16_t)in.zero_point;
  q->output_zero_point = (int16_t)out.zero_point;
  q->low = (int16_t)low;
  q->high = (int16_t)high;
  q->per_channel = count > 1;
  q->wide = input->type == TW_INT16 && (bias ? bias->type : bias_type) != TW_BIAS_INT32;
  q->filter_zero_point = 0;
  if (dense && !q->per_channel) {
    int32_t filter_zero = tw_quant_zero_point(filter_q, 0);
    TW_VERIFY(e, filter_zero == (int8_t)filter_zero, TW_E_PARAM, "weights have zero point %d",
              (int)filter_zero);
    q->filter_zero_point = (int8_t)filter_zero;
    TW_VERIFY(e, bias_scale_fits(e, node, (double)in.scale, (double)tw_quant_scale(filter_q, 0),
                                 (double)out.scale),
              TW_E_PARAM, "bias scale is not input scale * weight scale");
  }
  for (uint32_t i = 0; i < count; i++) {
    float scale = tw_quant_scale(filter_q, i);
    double real = (double)in.scale * (double)scale / (double)out.scale;
    int32_t shift;
    TW_VERIFY(e, tw_quantize_multiplier(real, &q->multipliers[i], &shift) &&
                     (!q->wide || shift <= 14),
              TW_E_PARAM, "scales of channel %u out of range", (unsigned)i);
    q->shifts[i] = (int8_t)shift;
  }
  return TW_OK;
}
